"""Fakes that ship: with them the whole loop runs with no network, no GPU and no key, in under a second.

Each keeps the promises of its protocol; none imports a stage. They are for tests and for trying things out,
never for service.
"""

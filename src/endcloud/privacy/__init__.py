"""The boundary: personal data is found and masked here, and nothing reaches a cloud but through the guard.

Read `placeholders` (what a mask looks like), `normalisation` (disguises taken off), `detection` with its
rules (`numbers`, `accounts`, `names`, `addresses`), `masking` (a conversation masked and restored), `guard`.
"""

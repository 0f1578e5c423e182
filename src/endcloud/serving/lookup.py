"""Asks the shop's own system about live facts: where a parcel is, what is in stock.

A shop names either a URL, which is sent `{"customer": …, "query": …}` and answers `{"text": …}` or 404 where it does
not know, or a Python function of the same two arguments. Both stay within the shop: the question goes unmasked to a
host that the operator named, and to nobody else: no redirect is followed and no proxy asked. Whatever goes wrong
counts as not knowing, and a person is called.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import httpx2

from endcloud.errors import SettingsError

log = logging.getLogger("endcloud.serving")

Lookup = Callable[[str, str], Awaitable[str | None]]
"""Asked with a customer (empty for a visitor) and a question about live facts; None where it does not know."""

_LONGEST = 2_000
"""Characters of an answer that are read: it goes into a small model's prompt."""


def lookup_of(named: str, seconds: float) -> Lookup:
    """The lookup that the setting names. Raises SettingsError where it names none."""
    if named.startswith(("http://", "https://")):
        return by_url(named, seconds)
    return by_function(named, seconds)


def by_url(url: str, seconds: float) -> Lookup:
    """Asks by HTTP. Raises SettingsError for an address without a host."""
    if not urlsplit(url).hostname:
        raise SettingsError(f"The lookup {url!r} is no address; write one such as http://127.0.0.1:9000/lookup.")
    client = httpx2.AsyncClient(timeout=seconds, trust_env=False, follow_redirects=False)

    async def ask(customer: str, query: str) -> str | None:
        response = await client.post(url, json={"customer": customer, "query": query})
        if response.status_code == 404:
            return None
        response.raise_for_status()
        return _text(response.json()["text"])

    return _bounded(ask, seconds)


def by_function(named: str, seconds: float) -> Lookup:
    """Asks a Python function, plain or async, named as module:function. Raises SettingsError where there is none."""
    module, _, name = named.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise SettingsError(
            f"The lookup {named!r} cannot be loaded ({type(error).__name__}); write a URL, or module:function of a "
            "module that Python finds."
        ) from error
    if not callable(found):
        raise SettingsError(f"The lookup {named!r} is no function; name one that takes a customer and a query.")

    async def ask(customer: str, query: str) -> str | None:
        if inspect.iscoroutinefunction(found):
            return _text(await found(customer, query))
        return _text(await asyncio.to_thread(found, customer, query))

    return _bounded(ask, seconds)


def _bounded(ask: Lookup, seconds: float) -> Lookup:
    async def bounded(customer: str, query: str) -> str | None:
        try:
            return await asyncio.wait_for(ask(customer, query), seconds)
        except Exception as error:  # foreign code: whatever it raises, a customer waits, and a person can help
            log.warning("the lookup failed with %s; a person is called", type(error).__name__)
            return None

    return bounded


def _text(said: Any) -> str | None:
    """The answer's text; nothing said is not known."""
    return said.strip()[:_LONGEST] or None if isinstance(said, str) else None

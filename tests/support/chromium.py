"""A real headless Chromium (Debian's package) to try the pages in; where there is none, tests are skipped by name."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, expect, sync_playwright

FOUND = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_chromium = pytest.mark.skipif(FOUND is None, reason="needs Chromium (apt-get install chromium)")
_ARGUMENTS = ["--headless", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]
_NETWORK = "Failed to load resource"
PATIENCE = 30_000
"""Milliseconds until something that should come to pass is given up: on a busy machine a page takes its time."""
expect.set_options(timeout=PATIENCE)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser; as root it runs without its sandbox, which refuses root."""
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=FOUND, args=[*_ARGUMENTS, *root])
        try:
            yield browser
        finally:
            browser.close()


def complaints(page: Page, origin: str) -> list[str]:
    """What goes wrong on `page` from now on: script errors, console errors, dialogs, requests to another origin.

    A refused or lost connection, which some tests bring about, is not among them.
    """
    found: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(_NETWORK):
            found.append(f"console: {message.text}")

    def fail(error: Error) -> None:
        found.append(f"error: {error}")

    page.on("console", hear)
    page.on("pageerror", fail)
    page.on("dialog", lambda dialog: (found.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.on(
        "request",
        lambda request: (
            None if request.url.startswith((origin, "data:", "about:")) else found.append(f"asked {request.url}")
        ),
    )
    return found

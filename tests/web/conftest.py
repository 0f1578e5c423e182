"""One server a test, one browser a module, and the pages that people with keys open in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import chromium
from playwright.sync_api import Browser
from staff_clock import RunningClock
from staff_pages import Staff
from web_server import Served, serving


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path) as running:
        yield running


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Served]:
    """A server whose time goes on: pages count minutes."""
    with serving(tmp_path, clock=RunningClock()) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def staff(browser: Browser) -> Iterator[Staff]:
    """Opens console and dashboard; nothing may have gone wrong on any page."""
    opened = Staff(browser)
    yield opened
    wrong = opened.wrong()
    opened.close()
    assert wrong == []

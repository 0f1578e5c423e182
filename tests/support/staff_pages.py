"""Console and dashboard open in Chromium; whatever goes wrong on a page is collected."""

from __future__ import annotations

from chromium import PATIENCE, complaints
from playwright.sync_api import Browser, Page
from web_server import Served


class Staff:
    """Opens pages for people with keys. `wrong` holds what went wrong on any of them."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._pages: list[tuple[Page, list[str]]] = []

    def page(self, served: Served, role: str, path: str, **options: object) -> Page:
        """A page of somebody who has logged in; without a role it asks for a key."""
        context = self._browser.new_context(
            **{"locale": "zh-CN", "viewport": {"width": 1200, "height": 800}, **options}
        )
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        self._pages.append((page, complaints(page, served.url)))
        if role:
            answer = context.request.post(f"{served.url}/console/session", data={"key": served.keys[role]})
            assert answer.ok, answer.text()
        page.goto(served.url + path)
        return page

    def wrong(self) -> list[str]:
        return [found for _, complaint in self._pages for found in complaint]

    def close(self) -> None:
        for page, _ in self._pages:
            page.context.close()

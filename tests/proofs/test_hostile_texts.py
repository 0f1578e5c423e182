"""Sixty texts that would run as a script, as a customer's words, a reply and a reviewer's note, on every page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import chromium, complaints, needs_chromium
from hostile_texts import TEXTS
from playwright.sync_api import Browser, Page, expect
from staff_clock import RunningClock
from staff_pages import Staff
from web_server import Served, serving

from endcloud.types import Turn
from endcloud.web.app import WebSettings
from endcloud.web.pages import ChatPage

pytestmark = [needs_chromium, pytest.mark.proof]

_FOREIGN = "script:not([src^='/']):not([src^='" + "{url}']),img[src='x'],iframe,object,embed,base,[onerror],[onload]"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    page = ChatPage("云栖小铺", TEXTS[:4], demo=True)
    with serving(tmp_path, settings=WebSettings(answers=8, chat_page=page), clock=RunningClock()) as running:
        yield running


def write(served: Served, conversation: str) -> None:
    """Every text as a customer's words, as a reply of each speaker in turn, and as a reviewer's note."""
    speakers = ("end", "cloud", "human", "shop")
    with served.client("reviewer") as reviewer:
        for at, text in enumerate(TEXTS):
            served.service.conversations.say(Turn(f"q{at}", conversation, "customer", text, served.clock.now()))
            speaker = speakers[at % 4]
            reply = Turn(f"r{at}", conversation, speaker, text, served.clock.now(), f"q{at}", "end", by=text[:80])  # type: ignore[arg-type]
            served.service.conversations.say(reply)
            note = {"id": f"n{at}", "turn": f"r{at}", "kind": "note", "text": text}
            assert reviewer.post("/v1/feedback", json=note).json() == {"recorded": True}
            thumb = {"id": f"c{at}", "turn": f"r{at}", "kind": "correction", "text": text}
            assert reviewer.post("/v1/feedback", json=thumb).json() == {"recorded": True}


def injected(page: Page) -> int:
    """Elements that no page of ours has, in the document and in the chat's shadow."""
    return int(
        page.evaluate(
            """selector => [document, ...[...document.querySelectorAll('*')].map(one => one.shadowRoot).filter(Boolean)]
               .reduce((sum, root) => sum + root.querySelectorAll(selector).length, 0)""",
            _FOREIGN.replace("{url}", page.url.split("/", 3)[0] + "//"),
        )
    )


def test_the_customers_page_shows_them_as_text(served: Served, browser: Browser) -> None:
    context = browser.new_context(locale="zh-CN", viewport={"width": 1000, "height": 800})
    page = context.new_page()
    found = complaints(page, served.url)
    page.goto(served.url)
    page.get_by_role("button", name="打开在线客服").click()
    box = page.locator("endcloud-chat textarea")
    for text in TEXTS[:3]:  # typed by a customer
        box.fill(text)
        box.press("Enter")
        expect(page.locator("endcloud-chat [data-speaker=customer], endcloud-chat .customer").last).to_contain_text(
            text[:12]
        )
    with served.database.reading() as connection:
        conversation = connection.exec_driver_sql("SELECT id FROM conversations").scalar()
    write(served, str(conversation))
    page.reload()
    page.get_by_role("button", name="打开在线客服").click()
    expect(page.locator("endcloud-chat").get_by_text("javascript:alert(54)", exact=True).first).to_be_attached()
    page.wait_for_timeout(1_500)
    assert found == [] and injected(page) == 0
    context.close()


def test_console_and_dashboard_show_them_as_text(served: Served, browser: Browser) -> None:
    staff = Staff(browser)
    with served.visitor() as customer:
        customer.post("/v1/conversations/c/turns", json={"id": "first", "text": "转人工"})
    write(served, "c")
    for role, path in (("admin", "/console#talks/c"), ("reviewer", "/console#reviews"), ("admin", "/dashboard")):
        page = staff.page(served, role, path)
        page.wait_for_timeout(2_000)
        if path.endswith("/c"):
            expect(page.get_by_text("javascript:alert(54)").first).to_be_attached()
        assert injected(page) == 0, path
    assert staff.wrong() == []
    staff.close()

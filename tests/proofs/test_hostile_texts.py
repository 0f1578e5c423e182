"""Sixty texts that would run as a script, as a customer's words, a reply and a reviewer's note, on every page.

That the pages hold proves something only if this harness would see one that does not: a last test breaks the one place
where our pages put text on the screen, and takes the policy away that would stop what then runs.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from chromium import PATIENCE, chromium, complaints, needs_chromium
from hostile_texts import TEXTS
from playwright.sync_api import Browser, Page, Route, expect
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


# -- broken pages ----------------------------------------------------------------------------------------------

_MARKUP = "made.insertAdjacentHTML('beforeend', children.filter((one) => typeof one === 'string').join(''));"
_BROKEN = {  # what puts texts on a page, and what puts them there as markup
    "dom.js": ("made.append(...children.filter(", f"{_MARKUP}\n  made.append(...children.filter("),
    "chat_messages.js": ("part.text.textContent = turn.text;", "part.text.innerHTML = turn.text;"),
}


def break_pages(page: Page, script: str, *, policy: bool) -> None:
    """From now on the page gets `script` broken, and all that it loads with or without its content security policy."""
    place, broken = _BROKEN[script]

    def changed(route: Route) -> None:
        answer = route.fetch()
        kept = {name: of for name, of in answer.headers.items() if policy or name != "content-security-policy"}
        body = answer.text()
        if route.request.url.endswith(script):
            assert body.count(place) == 1, "what puts texts on the page has moved: break it there"
            body = body.replace(place, broken)
        route.fulfill(status=answer.status, headers=kept, body=body)

    page.route(re.compile(r"/$|/console$|\.js$"), changed)
    page.route(re.compile(r"evil\.example"), lambda route: route.abort("aborted"))  # a page that leaves shows nothing


def until(page: Page, holds: Callable[[], bool]) -> None:
    given_up = time.monotonic() + PATIENCE / 1_000
    while not holds():
        assert time.monotonic() < given_up, "the harness has not seen it"
        page.wait_for_timeout(50)


@pytest.mark.parametrize("policy", [False, True], ids=["without its policy", "with its policy"])
@pytest.mark.parametrize("script", list(_BROKEN))
def test_a_page_that_takes_texts_for_markup_is_caught(
    served: Served, browser: Browser, script: str, policy: bool
) -> None:
    staff = Staff(browser)
    page = staff.page(served, "admin", "/health")
    break_pages(page, script, policy=policy)
    if script == "dom.js":
        with served.visitor() as customer:
            customer.post("/v1/conversations/c/turns", json={"id": "first", "text": "转人工"})
        write(served, "c")
        page.goto(served.url + "/console#talks/c")
    else:
        page.goto(served.url)
        page.get_by_role("button", name="打开在线客服").click()
        page.locator("endcloud-chat textarea").fill(TEXTS[2])
        page.locator("endcloud-chat textarea").press("Enter")
    until(page, lambda: injected(page) > 0)
    sign = "console: " if policy else "dialog: "
    until(page, lambda: any(wrong.startswith(sign) for wrong in staff.wrong()))
    staff.close()

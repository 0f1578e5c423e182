"""The customer's page in a real Chromium: a conversation streams, changes hands, breaks off and comes back whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest
from chromium import PATIENCE, chromium, complaints, needs_chromium
from foreign_site import foreign_site
from paced_model import PacedModel
from playwright.sync_api import Browser, Locator, Page, Route, expect
from web_server import Served, serving

from endcloud.serving.breaker import CircuitBreaker
from endcloud.serving.confidence import Uncalibrated
from endcloud.serving.office import OfficeHours
from endcloud.serving.router import CloudRoute, EndRoute
from endcloud.testing.scripted_model import Line
from endcloud.types import Turn
from endcloud.web.app import WebSettings
from endcloud.web.pages import ChatPage

pytestmark = needs_chromium

QUESTIONS = ("满多少包邮？", "多久发货？")
END: dict[str, Line | str] = {
    "满多少包邮？": "亲，满59元包邮，不满收8元运费。",
    "慢慢说": "第一句，第二句~第三句。",
    "": "好的亲。",
}
XSS = "<img src=x onerror=alert(1)><script>alert(2)</script>javascript:alert(3) https://evil.example/"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path, settings=settings()) as served:
        yield speaking(served)


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens the storefront and the chat on it; at the end nothing may have gone wrong on any page."""
    pages: list[tuple[Page, list[str]]] = []

    def opened(url: str, **options: object) -> Page:
        context = browser.new_context(**{"locale": "zh-CN", "viewport": {"width": 1000, "height": 800}, **options})
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        pages.append((page, complaints(page, url)))
        page.goto(url)
        page.get_by_role("button", name="打开在线客服").click()
        return page

    yield opened
    for page, found in pages:
        page.context.close()
        assert found == []


def settings(answers: int = 8) -> WebSettings:
    return WebSettings(answers=answers, chat_page=ChatPage("云栖小铺", QUESTIONS, demo=True))


def speaking(served: Served) -> Served:
    """With models that speak at a pace, and hold at ~ until told to go on."""
    end = PacedModel(END, "end", 0.005, hold="~")
    served.service.router.end = lambda: EndRoute(end, "v1", Uncalibrated(2, accept=0.5))
    cloud = PacedModel({"": "云端回答：满59元包邮。"}, "cloud", 0.005)
    served.service.router.cloud = CloudRoute(cloud, lambda: True, CircuitBreaker(served.clock))
    return served


def go_on(served: Served) -> None:
    cast(PacedModel, served.service.router.end().model).go.set()


def say(page: Page, text: str) -> None:
    page.get_by_role("textbox", name="输入您的问题").fill(text)
    page.keyboard.press("Enter")


def message(page: Page, speaker: str) -> Locator:
    return page.locator(f"endcloud-chat .message.{speaker} .text")


def log_in(page: Page) -> None:
    page.get_by_role("button", name="关闭").click()
    page.get_by_role("button", name="以演示顾客登录").click()
    expect(page.get_by_role("button", name="退出登录")).to_be_visible()
    page.get_by_role("button", name="打开在线客服").click()


def test_a_reply_streams_piece_by_piece_and_says_who_speaks(shop: Served, open_page: Callable[..., Page]) -> None:
    page = open_page(shop.url)
    expect(page.locator("endcloud-chat .status")).to_have_text("AI 正在为您服务")
    say(page, "慢慢说")
    expect(message(page, "end")).to_have_text("第一句，")
    expect(page.locator("endcloud-chat .message.end")).to_have_attribute("aria-busy", "true")
    go_on(shop)
    expect(message(page, "end")).to_have_text("第一句，第二句~第三句。")
    expect(page.locator("endcloud-chat .message.end .name")).to_have_text("AI · 本店模型")
    expect(page.locator("endcloud-chat [aria-live=polite]")).to_contain_text("第三句。")
    expect(page.get_by_role("button", name="有帮助")).to_have_count(0)  # nobody knows who this visitor is


def test_a_quick_question_is_asked_by_keyboard_alone(shop: Served, open_page: Callable[..., Page]) -> None:
    page = open_page(shop.url)
    expect(page.get_by_role("textbox", name="输入您的问题")).to_be_focused()
    for _ in range(8):
        page.keyboard.press("Shift+Tab")
        if page.evaluate("document.activeElement.shadowRoot?.activeElement?.className") == "chip":
            break
    page.keyboard.press("Enter")
    expect(message(page, "customer")).to_have_text(QUESTIONS[1])
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="打开在线客服")).to_be_focused()


def test_a_thumbs_down_brings_the_answer_of_the_cloud(shop: Served, open_page: Callable[..., Page]) -> None:
    page = open_page(shop.url)
    log_in(page)
    say(page, "满多少包邮？")
    bad = page.get_by_role("button", name="没帮助")
    bad.click()
    expect(bad.first).to_have_attribute("aria-pressed", "true")
    page.get_by_role("textbox", name="说说哪里不好（可不填）").fill("没说运费")
    page.get_by_role("button", name="提交").click()
    expect(page.get_by_text("已收到，谢谢。").first).to_be_visible()
    page.get_by_role("button", name="请云端 AI 再答").click()
    expect(message(page, "cloud")).to_have_text("云端回答：满59元包邮。")
    expect(page.locator("endcloud-chat .status")).to_have_text("云端 AI 正在为您服务")
    said = shop.service.feedbacks.of(reply_id(shop, "end"))
    assert {(one.kind, one.value, one.text) for one in said} == {("thumb", -1, ""), ("note", None, "没说运费")}
    assert said[0].by.startswith("demo-v_")


def test_a_rating_is_shown_again_by_a_browser_that_kept_nothing(shop: Served, open_page: Callable[..., Page]) -> None:
    page = open_page(shop.url)
    log_in(page)
    say(page, "满多少包邮？")
    page.get_by_role("button", name="有帮助", exact=True).click()
    expect(page.get_by_role("button", name="有帮助", exact=True)).to_have_attribute("aria-pressed", "true")
    assert (
        page.evaluate("Object.values(localStorage).filter((kept) => kept.includes('-1') || kept.includes(':1'))") == []
    )
    page.reload()
    page.get_by_role("button", name="打开在线客服").click()
    expect(page.get_by_role("button", name="有帮助", exact=True)).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("button", name="没帮助")).to_have_attribute("aria-pressed", "false")


def test_words_said_while_an_answer_comes_are_heard_at_once(shop: Served, open_page: Callable[..., Page]) -> None:
    page = open_page(shop.url)
    say(page, "慢慢说")
    expect(message(page, "end")).to_have_text("第一句，")  # and holds
    say(page, "满多少包邮？")
    say(page, "谢谢")
    expect(page.locator("endcloud-chat .messages.unsent .message")).to_have_count(0)
    expect(message(page, "customer")).to_have_text(["慢慢说", "满多少包邮？", "谢谢"])
    expect(page.locator("endcloud-chat .message.end")).to_have_attribute("aria-busy", "true")
    go_on(shop)
    expect(message(page, "end")).to_have_text(
        ["第一句，第二句~第三句。", "亲，满59元包邮，不满收8元运费。", "好的亲。"]
    )


def said_in(shop: Served) -> list[Turn]:
    return shop.service.conversations.lately(datetime.min.replace(tzinfo=UTC), 1_000)


def conversation_of(shop: Served) -> str:
    return said_in(shop)[-1].conversation


def reply_id(shop: Served, speaker: str) -> str:
    conversation = conversation_of(shop)
    return next(turn.id for turn in shop.service.conversations.turns(conversation) if turn.speaker == speaker)


def test_an_agents_words_reach_the_page(shop: Served, open_page: Callable[..., Page]) -> None:
    page = open_page(shop.url)
    page.get_by_role("button", name="转人工").click()
    expect(page.locator("endcloud-chat .status")).to_have_text("正在等待人工客服")
    with shop.client("agent") as agent:
        conversation = agent.get("/console/queue").json()["queue"][0]["conversation"]
        agent.post(f"/console/conversations/{conversation}/claim").raise_for_status()
        expect(page.locator("endcloud-chat .status")).to_contain_text("the agent")
        words = {"id": "h1", "text": "您好，我来看一下"}
        agent.post(f"/console/conversations/{conversation}/turns", json=words).raise_for_status()
        expect(message(page, "human")).to_have_text("您好，我来看一下")
        say(page, "谢谢")
        expect(page.locator("endcloud-chat .typing")).to_be_hidden()  # a person answers when they answer
        page.reload()
        page.get_by_role("button", name="打开在线客服").click()
        expect(page.locator("endcloud-chat .status")).to_contain_text("the agent")
        agent.post(f"/console/conversations/{conversation}/hand-back").raise_for_status()
    expect(page.get_by_text("人工客服已离开，AI 继续为您服务").first).to_be_visible()


def test_a_restart_in_the_middle_of_a_reply_loses_no_word(tmp_path: Path, open_page: Callable[..., Page]) -> None:
    with serving(tmp_path, settings=settings()) as first:
        port = int(first.url.rsplit(":")[-1])
        page = open_page(speaking(first).url)
        say(page, "满多少包邮？")
        expect(message(page, "end")).to_have_count(1)
        expect(page.locator("endcloud-chat .message.end")).to_have_attribute("aria-busy", "false")
    expect(page.get_by_text("正在重新连接")).to_be_visible()
    say(page, "还在吗")
    expect(page.get_by_text("秒后自动再发")).to_be_visible()
    page.get_by_role("textbox", name="输入您的问题").fill("没写完的")
    with serving(tmp_path, settings=settings(), port=port) as second:
        speaking(second)
        expect(message(page, "end")).to_have_text(["亲，满59元包邮，不满收8元运费。", "好的亲。"])
        page.reload()
        page.get_by_role("button", name="打开在线客服").click()
        expect(message(page, "customer")).to_have_text(["满多少包邮？", "还在吗"])
        expect(message(page, "end")).to_have_count(2)
        expect(page.get_by_role("textbox", name="输入您的问题")).to_have_value("没写完的")
        page.context.close()


def test_words_said_offline_go_out_when_the_network_is_back(shop: Served, open_page: Callable[..., Page]) -> None:
    page = open_page(shop.url)
    say(page, "你好")
    expect(message(page, "end")).to_have_count(1)
    page.context.set_offline(True)
    say(page, "满多少包邮？")
    expect(page.get_by_text("连上网络后会自动发送")).to_be_visible()
    page.context.set_offline(False)
    expect(message(page, "end").last).to_have_text("亲，满59元包邮，不满收8元运费。")
    turns = shop.service.conversations.turns(conversation_of(shop))
    assert [turn.text for turn in turns if turn.speaker == "customer"] == ["你好", "满多少包邮？"]


def test_a_busy_service_is_asked_again_after_the_time_it_names(tmp_path: Path, open_page: Callable[..., Page]) -> None:
    with serving(tmp_path, settings=settings(answers=1)) as busy:
        page = open_page(speaking(busy).url)
        with busy.visitor() as other:
            other.post("/v1/conversations/other/turns", json={"id": "o1", "text": "慢慢说"}).raise_for_status()
            say(page, "满多少包邮？")
            expect(page.get_by_text("现在咨询的人多")).to_be_visible()
            go_on(busy)
            expect(message(page, "end")).to_have_text("亲，满59元包邮，不满收8元运费。")
        page.context.close()


def test_a_service_that_lets_nobody_in_is_not_asked_without_end(shop: Served, open_page: Callable[..., Page]) -> None:
    page, asked = open_page(shop.url), []

    def refuse(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(status=403, json={"error": {"message": "Not from here."}})

    page.route("**/v1/visitors", refuse)
    say(page, "你好")
    expect(page.locator("endcloud-chat .messages.unsent .message.failed")).to_be_visible()
    assert 0 < len(asked) < 10
    page.unroute("**/v1/visitors")
    page.get_by_role("button", name="撤下").click()
    say(page, "你好")
    expect(message(page, "end")).to_have_text("好的亲。")


def test_a_login_that_has_expired_is_renewed_or_said(shop: Served, open_page: Callable[..., Page]) -> None:
    with shop.customer("li") as customer:
        token = customer.headers["authorization"].removeprefix("Bearer ")
    page = open_page(shop.url)
    chat = page.locator("endcloud-chat")
    chat.evaluate("chat => { chat.tokenSource = async () => null; }")  # nobody is logged in at the shop
    say(page, "我是访客")
    expect(message(page, "end")).to_have_text("好的亲。")
    chat.evaluate("(chat, token) => { chat.tokenSource = async () => token; }", "e30.eyJzdWIiOiJsaSJ9.x")
    say(page, "有人吗")
    expect(page.get_by_text("登录已过期").first).to_be_visible()
    chat.evaluate("(chat, token) => chat.setAttribute('token', token)", token)
    expect(page.get_by_text("登录已过期")).to_have_count(0)
    say(page, "你好")
    expect(page.get_by_role("button", name="有帮助").first).to_be_visible()


def test_outside_office_hours_the_customer_reads_what_happens(shop: Served, open_page: Callable[..., Page]) -> None:
    shop.service.hours = OfficeHours.parse("09:00-10:00", "1", "UTC")
    page = open_page(shop.url)
    expect(page.get_by_text("人工客服的工作时间是 09:00–10:00")).to_be_visible()
    page.get_by_role("button", name="转人工").click()
    expect(message(page, "shop")).to_contain_text("客服上班后会在这里回复您")
    say(page, "那就先问一下")
    expect(message(page, "end")).to_have_text("好的亲。")  # meanwhile the AI goes on


def test_what_anybody_wrote_stays_text(shop: Served, open_page: Callable[..., Page]) -> None:
    page = open_page(shop.url)
    say(page, XSS)
    expect(message(page, "end")).to_have_count(1)
    conversation = conversation_of(shop)
    query = shop.service.conversations.turns(conversation)[0].id
    for at, speaker in enumerate(("end", "cloud", "human", "shop")):
        turn = Turn(f"x{at}", conversation, speaker, XSS, shop.clock.now(), query, "end", by=XSS)  # type: ignore[arg-type]
        shop.service.conversations.say(turn)
    page.reload()
    page.get_by_role("button", name="打开在线客服").click()
    expect(message(page, "human")).to_have_text(XSS)
    assert (
        page.locator("endcloud-chat").evaluate("chat => chat.shadowRoot.querySelectorAll('img,script,a').length") == 0
    )


def test_a_customer_sees_and_erases_what_is_known(shop: Served, open_page: Callable[..., Page]) -> None:
    page = open_page(shop.url)
    log_in(page)
    say(page, "我穿 L 码")
    expect(message(page, "end")).to_have_count(1)
    page.get_by_role("button", name="更多选项").click()
    page.get_by_role("button", name="我的资料").click()
    expect(page.locator("endcloud-chat summary")).to_contain_text("我穿 L 码")
    page.get_by_role("button", name="清除关于我的一切").click()
    page.get_by_role("button", name="确定清除").click()
    erased = "已清除关于您的一切，包括曾经发给云端的文字在本店的留底。"
    expect(page.locator("endcloud-chat .sheet-content")).to_have_text(erased)
    assert said_in(shop) == []
    page.get_by_role("button", name="返回").click()
    expect(message(page, "customer")).to_have_count(0)


def test_a_conversation_put_away_can_be_taken_up_again(shop: Served, open_page: Callable[..., Page]) -> None:
    page = open_page(shop.url)
    say(page, "你好")
    expect(message(page, "end")).to_have_count(1)
    page.get_by_role("button", name="更多选项").click()
    page.get_by_role("button", name="开始新的对话").click()
    expect(message(page, "end")).to_have_count(0)
    page.get_by_role("button", name="回到刚才的对话").click()
    expect(message(page, "end")).to_have_text("好的亲。")


def test_many_messages_come_by_pages_and_a_phone_shows_them_whole(shop: Served, open_page: Callable[..., Page]) -> None:
    page = open_page(shop.url, viewport={"width": 390, "height": 700}, has_touch=True)
    say(page, "你好")
    expect(message(page, "end")).to_have_count(1)
    conversation = conversation_of(shop)
    for number in range(200):
        speaker = "end" if number % 2 else "customer"
        shop.service.conversations.say(Turn(f"m{number}", conversation, speaker, f"第{number}句", shop.clock.now()))
    page.reload()
    page.get_by_role("button", name="打开在线客服").click()
    expect(page.get_by_text("第199句")).to_be_in_viewport()
    expect(page.get_by_text("第100句")).to_have_count(0)
    page.get_by_role("button", name="查看更早的消息").click()
    expect(page.get_by_text("第100句")).to_have_count(1)
    box = page.locator("endcloud-chat dialog").bounding_box()
    assert box is not None
    assert (box["width"], box["height"]) == (390, 700)


def test_another_sites_page_embeds_it_with_one_line(tmp_path: Path, browser: Browser) -> None:
    with foreign_site() as site:
        allowed = WebSettings(allowed_origins=(site.url,), chat_page=ChatPage("云栖小铺", QUESTIONS))
        with serving(tmp_path, settings=allowed) as served, browser.new_page(locale="ar") as page:
            speaking(served)
            site.show(served.url)
            found = complaints(page, site.url)
            page.goto(site.url)
            page.get_by_role("button", name="打开在线客服").click()
            say(page, "满多少包邮？")
            expect(message(page, "end")).to_have_text("亲，满59元包邮，不满收8元运费。")
            assert [one for one in found if not one.startswith(f"asked {served.url}")] == []
            box = page.locator("endcloud-chat dialog").bounding_box()
            assert box is not None
            assert box["x"] == 20, "on a page that reads from the right, it stands at the left"


def test_a_site_that_the_settings_do_not_name_gets_no_chat(shop: Served, browser: Browser) -> None:
    with foreign_site() as site, browser.new_page() as page:
        site.show(shop.url)
        with page.expect_event("requestfailed", predicate=lambda request: request.url.endswith("/chat.js")):
            page.goto(site.url)
        assert page.evaluate("customElements.get('endcloud-chat') === undefined")


def test_what_a_killed_service_left_unanswered_is_asked_again(shop: Served, open_page: Callable[..., Page]) -> None:
    page = open_page(shop.url)
    say(page, "你好")
    expect(message(page, "end")).to_have_count(1)
    heard = Turn("t_killed", conversation_of(shop), "customer", "满多少包邮？", shop.clock.now())
    shop.service.conversations.say(heard)
    page.reload()
    page.get_by_role("button", name="打开在线客服").click()
    expect(page.locator("endcloud-chat .typing")).to_be_visible()
    expect(message(page, "end").last).to_have_text("亲，满59元包邮，不满收8元运费。")


def test_stars_are_given_beside_a_thumb(shop: Served, open_page: Callable[..., Page]) -> None:
    page = open_page(shop.url)
    log_in(page)
    say(page, "满多少包邮？")
    page.get_by_role("button", name="有帮助").click()
    page.get_by_role("button", name="4 星").click()
    expect(page.get_by_role("button", name="4 星")).to_have_attribute("aria-pressed", "true")
    given = shop.service.feedbacks.within(conversation_of(shop))
    assert {(one.kind, one.value) for one in given} == {("thumb", 1), ("stars", 4)}

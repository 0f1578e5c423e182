"""The pages' files: what is served and as what, in both languages, and true to the bundled shop."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import httpx
import pytest
from chromium import chromium, complaints, needs_chromium
from hatchling.builders.wheel import WheelBuilder
from playwright.sync_api import Browser
from web_server import Served, serving

from endcloud.bundled.shop import load_shop
from endcloud.serving.remembering import TOPICS
from endcloud.web.app import WebSettings
from endcloud.web.pages import ChatPage

STATIC = Path(str(files("endcloud.web") / "static"))
WORDS = sorted(path.name for path in STATIC.glob("*words*.js"))
GOODS = {"pillow": "云朵枕", "quilt": "暖阳被", "scarf": "山岚围巾", "teatowel": "听雨茶巾", "bathtowel": "晨露浴巾"}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    settings = WebSettings(chat_page=ChatPage("云栖小铺", ("满多少包邮？",), demo=True))
    with serving(tmp_path_factory.mktemp("demo"), settings=settings) as served:
        yield served


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


def test_every_file_goes_out_with_its_type_and_a_policy_that_allows_nothing_inline(demo: Served) -> None:
    types = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
    files = [path for path in STATIC.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == types.keys()
    with demo.client() as anyone:
        for path in files:
            answer = anyone.get(f"/static/{path.relative_to(STATIC).as_posix()}")
            assert answer.status_code == 200
            assert answer.headers["content-type"].split(";")[0] == types[path.suffix]
            assert "unsafe-inline" not in answer.headers["content-security-policy"]


def test_a_file_that_the_browser_has_is_not_sent_again(demo: Served) -> None:
    with demo.client() as anyone:
        known = anyone.get("/chat.js").headers["etag"]
        assert anyone.get("/chat.js", headers={"if-none-match": known}).status_code == 304


@pytest.mark.parametrize("path", ["../pages.py", "%2e%2e/pages.py", "..%2fpages.py", "none.js", "", "/etc/passwd"])
def test_nothing_but_the_pages_files_is_served(demo: Served, path: str) -> None:
    with demo.client() as anyone:
        assert anyone.get(f"/static/{path}").status_code == 404


def test_a_demo_customer_is_named_by_the_visitor_and_exists_in_the_demo_only(demo: Served, tmp_path: Path) -> None:
    with demo.client() as nobody, demo.visitor() as visitor:
        assert nobody.post("/demo/token").status_code == 401
        token = visitor.post("/demo/token").json()["token"]
        with demo.client(token=token) as customer:
            assert customer.get("/v1/me").json()["customer"].startswith("demo-v_")
            assert customer.post("/demo/token").status_code == 403, "a customer needs no other name"
    with serving(tmp_path) as real, real.visitor() as visitor:
        assert visitor.post("/demo/token").status_code == 404
        assert "storefront.js" not in httpx.get(real.url).text


def test_the_wheel_holds_the_pages() -> None:
    root = Path(__file__).parents[2]
    if not (root / "pyproject.toml").exists():
        pytest.skip("no source tree here")
    packed = {Path(found.distribution_path) for found in WheelBuilder(str(root)).recurse_included_files()}
    assert {Path("endcloud/web/static") / path.relative_to(STATIC) for path in STATIC.rglob("*.*")} <= packed


@needs_chromium
@pytest.mark.parametrize("words", WORDS)
def test_both_languages_say_the_same(demo: Served, browser: Browser, words: str) -> None:
    with browser.new_page() as page:
        page.goto(f"{demo.url}/static/theme.css")
        said = page.evaluate(f"import('/static/{words}').then(module => module.default)")
    assert said["zh"].keys() == said["en"].keys()
    places = {language: {key: slots_of(text) for key, text in said[language].items()} for language in said}
    assert places["zh"] == places["en"]


@needs_chromium
def test_a_lost_stream_comes_back_when_a_call_succeeds_not_when_its_wait_is_over(
    demo: Served, browser: Browser
) -> None:
    with demo.visitor() as visitor, browser.new_page() as page:
        page.goto(f"{demo.url}/static/theme.css")
        page.route("**/events*", lambda route: route.abort())
        page.evaluate(
            """async (token) => {
              const { Api } = await import("/static/api.js");
              const real = window.setTimeout; // no wait is ever over
              window.setTimeout = (work, wait) => (wait >= 300 ? 0 : real(work, wait));
              window.states = [];
              window.api = new Api({ headers: async () => ({ authorization: token }) });
              const signal = new AbortController().signal;
              window.api.listen("v1/conversations/lost/events", { on: {}, signal, state: (one) => states.push(one) });
            }""",
            visitor.headers["authorization"],
        )
        page.wait_for_function("() => states.at(-1) === 'lost'")
        page.unroute("**/events*")
        assert page.evaluate("states") == ["connecting", "lost"]
        page.evaluate("api.get('v1/shop')")
        page.wait_for_function("() => states.at(-1) === 'open'")


@needs_chromium
def test_every_topic_that_is_remembered_has_a_name_in_the_chat(demo: Served, browser: Browser) -> None:
    with browser.new_page() as page:
        page.goto(f"{demo.url}/static/theme.css")
        said = page.evaluate("import('/static/chat_words.js').then(module => Object.keys(module.default.zh))")
    assert {f"topic_{topic.replace(' ', '_')}" for topic in TOPICS} <= set(said)


def slots_of(text: str) -> set[str]:
    return {piece.split("}")[0] for piece in text.split("{")[1:]}


@needs_chromium
def test_the_storefront_states_what_the_load_shop_states(demo: Served, browser: Browser) -> None:
    catalogue = files("endcloud.bundled") / "data" / "catalogue.csv"
    rows = {row["名称"]: row for row in csv.DictReader(catalogue.read_text(encoding="utf-8").splitlines())}
    assert set(GOODS.values()) == set(rows)
    with browser.new_context(locale="zh-CN") as context:
        page = context.new_page()
        found = complaints(page, demo.url)
        page.goto(demo.url)
        cards = {card.split("\n")[0]: card.replace(" ", "") for card in page.locator(".good").all_inner_texts()}
        for name, row in rows.items():
            assert all(row[column] in cards[name] for column in ("价格", "材质", "尺码", "洗涤")), name
            assert ("缺货" in cards[name]) == (row["库存"] == "缺货")
        promises = page.locator(".promises").inner_text().replace(" ", "")
        shop = load_shop()
        for value in ("free_shipping", "shipping_fee", "dispatch_hours", "return_window", "warranty", "damaged_hours"):
            assert f"{shop.values[value].at()}{shop.values[value].unit}" in promises, value
        page.get_by_role("button", name="切换到中文").or_(page.get_by_role("button", name="Switch to English")).click()
        assert page.locator("h1").inner_text() == "Clouds and hills, woven into every day"
        assert page.locator("html").get_attribute("lang") == "en"
        assert found == []

"""The dashboard in a real Chromium: figures and charts, a period, CSV, promote and roll back; nothing for an agent."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from chromium import needs_chromium
from playwright.sync_api import expect
from served_history import write_history
from staff_pages import Staff
from web_server import Served

pytestmark = needs_chromium


def test_an_empty_shop_is_told_what_will_be_here(shop: Served, staff: Staff) -> None:
    page = staff.page(shop, "reviewer", "/dashboard")
    expect(page.locator('[data-tile="questions"]')).to_contain_text("还没有客人提问")
    expect(page.locator(".chart-card .blank")).to_have_count(page.locator(".chart-card").count())
    expect(page.get_by_text("还没有训练过版本")).to_be_visible()
    expect(page.get_by_text("没有任何数据离开本机")).to_be_visible()


def test_figures_charts_and_their_tables_say_the_same(shop: Served, staff: Staff) -> None:
    write_history(shop.database, datetime.now(UTC), days=6, a_day=6)
    with shop.client("reviewer") as caller:
        sums = caller.get("/dashboard/figures", params={"period": "7d"}).json()["sums"]
    page = staff.page(shop, "reviewer", "/dashboard#7d")
    asked = sums["routes"]["end"] + sums["routes"]["cloud"] + sums["routes"]["human"]
    expect(page.locator('[data-tile="questions"] .figure')).to_have_text(str(asked))
    expect(page.locator('[data-tile="saved"] .figure')).to_contain_text("USD")
    card = page.locator('[data-card="routes"]')
    assert card.locator("svg rect.fill").count() > 6
    card.locator("svg").focus()
    page.keyboard.press("ArrowLeft")
    expect(card.locator(".readout")).to_contain_text("端侧模型")
    card.get_by_text("看数字").click()
    cells = card.locator("tbody tr td:nth-child(3)").all_inner_texts()
    assert sum(map(int, cells)) == sums["routes"]["end"]
    page.get_by_role("button", name="今天").click()
    expect(page.get_by_role("button", name="今天")).to_have_attribute("aria-current", "page")
    with page.expect_download() as download:
        card.get_by_role("link", name="下载 CSV").click()
    assert download.value.suggested_filename == "endcloud-routes-today.csv"


def test_an_admin_promotes_and_rolls_back_and_a_reviewer_only_looks(shop: Served, staff: Staff) -> None:
    shop.shelf.add("2c41aa90e7", "lora", 0.71)
    shop.shelf.add("c7710d2e55", "lora", 0.78)
    shop.shelf.promote("2c41aa90e7", "the first")
    page = staff.page(shop, "admin", "/dashboard")
    page.locator('[data-version="c7710d2e55"] [data-act="promote"]').click()
    page.get_by_label("原因").fill("<b>更好</b>")
    page.get_by_role("button", name="确定").click()
    expect(page.locator('[data-version="c7710d2e55"]')).to_contain_text("服务中")
    expect(page.locator('[data-version="c7710d2e55"]')).to_contain_text("<b>更好</b>")
    assert shop.shelf.versions.active() == "c7710d2e55"
    page.locator('[data-act="roll-back"]').click()
    page.get_by_role("button", name="取消").click()
    assert shop.shelf.versions.active() == "c7710d2e55", "asked, and not meant"
    page.locator('[data-act="roll-back"]').click()
    page.get_by_role("button", name="确定").click()
    expect(page.locator('[data-version="2c41aa90e7"]')).to_contain_text("服务中")
    expect(page.locator('[data-version="c7710d2e55"]')).to_contain_text("已否决")
    assert shop.shelf.versions.active() == "2c41aa90e7"
    looking = staff.page(shop, "reviewer", "/dashboard", locale="en-US", viewport={"width": 360, "height": 740})
    expect(looking.get_by_text("Only an administrator may change the version.")).to_be_visible()
    assert looking.locator("[data-act]").count() == 0
    assert looking.evaluate("document.documentElement.scrollWidth") <= 360


def test_an_agent_is_told_that_this_is_not_theirs(shop: Served, staff: Staff) -> None:
    page = staff.page(shop, "agent", "/dashboard")
    expect(page.get_by_text("您的身份不能做这件事")).to_be_visible()


def test_both_languages_say_the_same_things(shop: Served, staff: Staff) -> None:
    page = staff.page(shop, "reviewer", "/dashboard")
    for name in ("staff", "console", "dashboard", "ledger"):
        said = page.evaluate("async (name) => (await import(`/static/words_${name}.js`)).default", name)
        blanks = {
            language: {key: sorted(re.findall(r"\{\w+\}", text)) for key, text in words.items()}
            for language, words in said.items()
        }
        assert blanks["zh"] and blanks["zh"] == blanks["en"], name

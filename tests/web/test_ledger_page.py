"""The ledger's page in a real Chromium: what left, word for word; whether the record is whole; nothing for an agent."""

from __future__ import annotations

from chromium import needs_chromium
from playwright.sync_api import expect
from sqlalchemy import text
from staff_pages import Staff
from web_server import Served

from endcloud.store.ledger import StoredLedger
from endcloud.types import MaskedRequest, Message, Purpose, Sampling, Tokens, payload_of

pytestmark = needs_chromium


def left(shop: Served, said: str, outcome: str = "stop", purpose: Purpose = "takeover") -> str:
    ledger = StoredLedger(shop.database, pricing=lambda _, tokens: tokens.prompt / 1e5)
    messages = (Message("system", "你是云栖小铺的客服。"), Message("user", said))
    request = MaskedRequest(messages, purpose, "c1", Sampling(), {"电话": 1, "地址": 2}, "d")
    upload = ledger.sent(request, "qwen-max", "cloud.example", payload_of(messages))
    if outcome:
        ledger.settled(upload, outcome, Tokens(1200, 30, 1000))
    return upload


def test_what_left_is_shown_word_for_word(shop: Served, staff: Staff) -> None:
    said = "<b>寄到</b>[地址_1]，\n电话[电话_1]"
    left(shop, said)
    left(shop, "教学的问题", "CloudTimeoutError", "label")
    page = staff.page(shop, "reviewer", "/dashboard")
    page.get_by_role("link", name="逐条查看").click()
    expect(page.locator("[data-row]")).to_have_count(2)
    expect(page.locator('[data-row="3"]')).to_contain_text("CloudTimeoutError")
    expect(page.locator('[data-row="1"]')).to_contain_text("地址 2")
    page.get_by_role("button", name="接管回答").click()
    expect(page.locator("[data-row]")).to_have_count(1)
    page.get_by_role("button", name="看第 1 行发出的内容").click()
    dialog = page.locator("dialog")
    expect(dialog.locator("pre")).to_have_count(2)
    assert dialog.locator("pre").all_inner_texts() == ["你是云栖小铺的客服。", said]
    expect(dialog).to_contain_text("qwen-max（cloud.example）")
    expect(dialog).to_contain_text("0.01200 USD")
    dialog.get_by_role("button", name="关闭").click()
    page.get_by_role("button", name="检查", exact=True).click()
    expect(page.get_by_text("没有这一类上传")).to_be_visible()


def test_the_record_is_whole_until_somebody_touches_it(shop: Served, staff: Staff) -> None:
    page = staff.page(shop, "admin", "/ledger", locale="en-US", viewport={"width": 360, "height": 740})
    expect(page.get_by_text("Nothing ever left this machine")).to_be_visible()
    left(shop, "一"), left(shop, "二", "")
    StoredLedger(shop.database).forgotten("5ub7ec7" * 9, {"turns": 3, "labels": 0}, ["abcdef0123456"])
    page.reload()
    expect(page.locator('[data-card="proofs"]')).to_contain_text("turns 3")
    page.locator('[data-act="verify"]').click()
    expect(page.locator('[data-card="whole"] .chip')).to_have_text("Whole")
    expect(page.locator('[data-card="whole"]')).to_contain_text("Uploads without an end: 1")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    shop.database.write(lambda connection: connection.execute(text("UPDATE uploads SET host = 'x' WHERE id = 2")))
    page.locator('[data-act="verify"]').click()
    expect(page.locator('[data-card="whole"] .chip')).to_have_text("Not whole")
    expect(page.locator('[data-card="whole"]')).to_contain_text("Row 2")


def test_older_uploads_come_when_asked_for(shop: Served, staff: Staff) -> None:
    for number in range(52):
        left(shop, f"问题{number}", "")
    page = staff.page(shop, "reviewer", "/ledger")
    expect(page.locator("[data-row]")).to_have_count(50)
    page.get_by_role("button", name="更早的").click()
    expect(page.locator("[data-row]")).to_have_count(52)
    expect(page.get_by_role("button", name="更早的")).to_be_hidden()


def test_an_erased_message_and_an_unknown_upload(shop: Served, staff: Staff) -> None:
    left(shop, "会被删掉")
    shop.database.write(
        lambda connection: connection.execute(text("UPDATE payloads SET content = '' WHERE role = 'user'"))
    )
    page = staff.page(shop, "reviewer", "/ledger")
    page.get_by_role("button", name="看第 1 行发出的内容").click()
    expect(page.locator("dialog").get_by_text("已随客人的数据一起删除")).to_be_visible()
    with shop.client("reviewer") as reviewer, shop.client("agent") as agent:
        assert reviewer.get("/dashboard/ledger/uploads/nothing").status_code == 404
        for path in ("", "/verification", "/uploads/1"):
            assert agent.get(f"/dashboard/ledger{path}").status_code == 403

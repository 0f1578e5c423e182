"""Online evolution in the console, in a real Chromium: rounds, the gate's comparison, labels approved by a reviewer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import chromium, needs_chromium
from evolved_history import PHONE, write_rounds
from playwright.sync_api import Browser, expect
from staff_clock import RunningClock
from staff_pages import Staff
from web_server import Served, serving

from endcloud.evolution.gate import Item, Judged, PartName, judge
from endcloud.evolution.watching import watch
from endcloud.store.lessons import StoredLessons
from endcloud.store.rounds import StoredRounds
from endcloud.types import Message


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path, clock=RunningClock()) as served:
        write_rounds(served.database, served.clock.now())
        yield served


@pytest.fixture
def staff(browser: Browser) -> Iterator[Staff]:
    opened = Staff(browser)
    yield opened
    wrong = opened.wrong()
    opened.close()
    assert wrong == []


@needs_chromium
def test_a_reviewer_sees_rounds_why_replies_were_chosen_and_what_the_gate_compared(shop: Served, staff: Staff) -> None:
    page = staff.page(shop, "reviewer", "/console#evolution")
    expect(page.get_by_role("heading", name="线上回复的质量")).to_be_visible()
    assert page.locator("[data-card=evolved] .mark.good").count() == 1, "the promotion is marked"
    rows = page.locator(".evolution tbody tr")
    expect(rows).to_have_count(3)
    expect(rows.nth(0)).to_contain_text("进行中：关卡")
    expect(rows.nth(1)).to_contain_text("未通过")
    page.get_by_role("link", name="1", exact=True).click()
    expect(page.get_by_role("heading", name="第 1 轮")).to_contain_text("已上线")
    expect(page.locator(".steps li")).to_have_count(7)
    newer = page.locator("section", has=page.get_by_role("heading", name="新的说法为准"))
    expect(newer).to_contain_text("满59元包邮。 → 满99元包邮。")
    newer.locator("summary").click()
    expect(newer).to_contain_text("历史对话：说 59元，店规已不这样说")
    gate = page.locator(".decision")
    expect(gate).to_contain_text("0.410")
    expect(gate).to_contain_text("0.280 … 0.550")
    pair = page.locator(".pairs > li")
    expect(pair).to_have_count(1)  # the other's customer was forgotten
    expect(pair).to_contain_text("满多少包邮？我的电话是[电话_1]")
    expect(pair).to_contain_text("亲，满59元包邮哦。")
    expect(pair).to_contain_text("亲，满99元包邮，不满收8元运费。")
    chosen = page.locator("section", has=page.get_by_role("heading", name="挑出的 3 条"))
    expect(chosen.locator("tbody tr").first).to_contain_text("事实有误：说 99元，云端不这样说；客人点踩")
    expect(chosen.locator("tbody tr").last).to_contain_text("留作考题")


@needs_chromium
def test_a_label_is_approved_by_keyboard_or_put_into_other_words_which_are_masked(shop: Served, staff: Staff) -> None:
    page = staff.page(shop, "reviewer", "/console#evolution")
    expect(page.get_by_role("button", name="进化")).to_contain_text("1")
    lesson = page.locator(".lesson")
    lesson.focus()
    page.keyboard.press("c")
    page.get_by_label("应该这样回复").fill(f"亲，满99元包邮，我们会打{PHONE}联系您。")
    page.get_by_role("button", name="保存改写").click()
    expect(page.locator(".lesson")).to_have_count(0)
    learned = next(one for one in StoredLessons(shop.database).all() if one.id == "lesson:e-r2-0")
    assert (learned.reply, learned.origin) == ("亲，满99元包邮，我们会打[电话_1]联系您。", "human")
    assert learned.by.startswith("the reviewer")


@needs_chromium
def test_a_round_at_work_is_followed_without_a_reload(shop: Served, staff: Staff) -> None:
    page = staff.page(shop, "reviewer", "/console#evolution/3")
    expect(page.locator(".steps .now")).to_contain_text("关卡")
    rounds = StoredRounds(shop.database)
    rounds.end(3, "w", "undecided", "Too few questions.", shop.clock.now(), {"questions": 6})
    expect(page.get_by_role("heading", name="第 3 轮")).to_contain_text("证据不足")
    expect(page.locator(".steps li").nth(5)).to_contain_text("6")


def test_what_is_not_there_and_what_is_wrong_is_said(shop: Served) -> None:
    with shop.client("reviewer") as reviewer:
        assert reviewer.get("/console/evolution/rounds/99").status_code == 404
        assert reviewer.get(f"/console/evolution/rounds/{2**64}").status_code == 400, "no database counts so far"
        assert reviewer.post("/console/evolution/lessons/none", json={"verdict": "approve"}).status_code == 404
        empty = reviewer.post("/console/evolution/lessons/lesson:e-r2-0", json={"verdict": "correct", "text": " "})
        assert empty.status_code == 400 and "correction" in empty.json()["error"]["message"]
        assert reviewer.post("/console/evolution/lessons/lesson:e-r2-0", json={"verdict": "reject"}).status_code == 200
        assert reviewer.get("/console/evolution").json()["waiting"] == 0
    with shop.client("agent") as agent:
        assert agent.get("/console/evolution").status_code == 403


@needs_chromium
def test_every_verdict_is_told_in_chinese(shop: Served, staff: Staff) -> None:
    page = staff.page(shop, "reviewer", "/console#evolution")
    said = [*verdicts(), *(watch(*some, (1, 30), margin=0.02).reason for some in (([], []), ([0.9] * 60, [1.0] * 60)))]
    told = page.evaluate(
        """async (said) => {
          const { outcomeIn } = await import("/static/evolution_in_chinese.js");
          return said.map((one) => outcomeIn("zh", one));
        }""",
        said,
    )
    assert [one for one in told if re.search("[A-Za-z]{3}", one)] == []


def verdicts() -> list[str]:
    """One reason of each kind that the gate gives."""
    new, known = [(0.0, 1.0)] * 12, [(1.0, 1.0)] * 40
    unsure = [(0.0, 1.0), (1.0, 0.0)] * 6
    cases = [(new, known), (known[:12], known), (new, [(1.0, 0.0)] * 40), (new[:2], known), (unsure, known), (new, [])]
    return [judge(judged("new", some) + judged("golden", rest), margin=0.02, poor=0.0).reason for some, rest in cases]


def judged(part: PartName, values: list[tuple[float, float]]) -> list[Judged]:
    return [
        Judged(Item(f"{part}{n}", part, f"{part}{n}", (Message("user", "在吗"),), "在"), "", "", active, candidate)
        for n, (active, candidate) in enumerate(values)
    ]

"""What the dashboard counts: each question once, nothing of nothing is None, savings checked by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from endcloud.protocols import Expense
from endcloud.serving import figures, savings
from endcloud.serving.periods import Period
from endcloud.types import Feedback, Handoff, Tokens, Turn

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 10, 4, 30, tzinfo=UTC)  # 12:30 in Shanghai
WEEK = Period.of("7d", NOW, SHANGHAI)


def end(name: str, query: str, at: datetime = NOW, **changes: object) -> Turn:
    turn = Turn(name, "c", "end", "亲", at, query, "end", "v1", "", 0.9, "stop", 2.0, 0.5, Tokens(100, 20))
    return replace(turn, **changes)  # type: ignore[arg-type]


def cloud(name: str, query: str, at: datetime = NOW) -> Turn:
    return Turn(
        name, "c", "cloud", "亲", at, query, "cloud", "m", "", None, "stop", 4.0, 1.0, Tokens(10_000, 100, 9_000)
    )


def price(tokens: Tokens) -> float:
    return (tokens.prompt - tokens.cached + 4 * tokens.completion) / 1_000


def test_today_goes_by_the_hour_and_days_begin_at_the_shops_midnight() -> None:
    today = Period.of("today", NOW, SHANGHAI)
    assert len(today.starts) == 13 and today.since == datetime(2026, 11, 10, tzinfo=SHANGHAI)
    assert [start.day for start in WEEK.starts] == [4, 5, 6, 7, 8, 9, 10]
    late = datetime(2026, 11, 9, 15, 59, tzinfo=UTC)  # 23:59 in Shanghai
    parts = WEEK.split([late, late + timedelta(minutes=1), NOW - timedelta(days=30), NOW], lambda at: at)
    assert [len(part) for part in parts] == [0, 0, 0, 0, 0, 1, 2]


@pytest.mark.parametrize("month", [3, 10])
def test_a_day_of_23_or_25_hours_has_as_many_rows(month: int) -> None:
    paris = ZoneInfo("Europe/Paris")
    day = 29 if month == 3 else 25
    end_of_day = datetime(2026, month, day, 23, 30, tzinfo=paris)
    starts = Period.of("today", end_of_day.astimezone(UTC), paris).starts
    assert len(starts) == (23 if month == 3 else 25) and starts[-1].hour == 23


def test_a_question_counts_once_for_whoever_came_last() -> None:
    called = Turn("s", "c", "shop", "正在转接", NOW, "q3", "human")
    replies = [end("e1", "q1"), end("e2", "q2"), cloud("k", "q2"), end("e3", "q3", reason="caution: x"), called]
    replies.append(end("e4", "q4", reason="caution: unsure"))
    row = figures.routes(replies, WEEK)[-1]
    assert (row["end"], row["cloud"], row["human"], row["cautious"]) == (2, 1, 1, 1)


def test_latency_is_of_models_and_nothing_of_nothing_is_none() -> None:
    said = Turn("h", "c", "human", "您好", NOW, "q", "human")
    rows = figures.latency([end("e", "q"), cloud("k", "q"), said], WEEK)
    assert (rows[-1]["replies"], rows[-1]["first_p50"], rows[-1]["whole_p50"]) == (2, 0.75, 3.0)
    assert rows[0]["first_p50"] is None and rows[0]["replies"] == 0


def test_quality_counts_customers_and_the_shops_people_apart() -> None:
    def said(name: str, kind: str, value: float | None, witness: str) -> Feedback:
        return Feedback(name, "t", "c", kind, witness, "x", NOW, value)  # type: ignore[arg-type]

    given = [
        said("1", "thumb", 1, "customer"),
        said("2", "thumb", -1, "customer"),
        said("3", "stars", 4, "customer"),
        said("4", "thumb", -1, "reviewer"),
        said("5", "stars", 5, "reviewer"),
        said("6", "correction", None, "agent"),
    ]
    row = figures.quality(given, WEEK)[-1]
    assert (row["liked"], row["disliked"], row["liked_share"], row["stars"]) == (1, 1, 0.5, 4.0)
    assert (row["accepted"], row["rejected"], row["corrections"]) == (1, 1, 1)
    assert figures.quality([], WEEK)[0]["liked_share"] is None
    assert figures.feedback_kinds(given, WEEK)[-1]["thumb"] == 3


def test_a_wait_lasts_from_the_call_until_somebody_came() -> None:
    def step(
        stage: str, minutes: float, conversation: str = "c", reason: str = "not sure twice: 0.31 < 0.6"
    ) -> Handoff:
        return Handoff(conversation, stage, reason, NOW + timedelta(minutes=minutes), "eva")  # type: ignore[arg-type]

    steps = [
        step("waiting", -9),
        step("claimed", -8),
        step("closed", -5),
        step("waiting", -3),
        step("waiting", -2, "d"),
    ]
    row = figures.handoffs(steps, WEEK)[-1]
    assert (row["called"], row["came"], row["handed_back"], row["wait_p50"]) == (3, 1, 1, 60.0)
    assert figures.handoff_reasons(steps, WEEK) == [{"reason": "not sure twice", "calls": 3}]


def test_saved_is_what_end_answers_would_have_cost_at_the_price_of_real_cloud_answers() -> None:
    replies = [
        end("e1", "q1"),
        end("e2", "q2"),
        end("e3", "q3"),
        cloud("k", "q3"),
        end("e4", "q4", finish="content_filter"),
    ]
    replies.append(end("e5", "q5", tokens=Tokens(), reason="caution: unsure"))
    each = savings.answer_price(replies, price)
    assert (each.basis, each.mean, each.answers) == ("cloud answers", pytest.approx(1.4), 1)
    expenses = [Expense(NOW, "takeover", 1.5), Expense(NOW, "label", 7.0)]
    row = savings.costs(replies, expenses, each, WEEK)[-1]
    assert row["saved"] == pytest.approx(2 * 1.4), "q1 and q2: nobody else answered them"
    assert (row["answers"], row["teaching"]) == (1.5, 7.0) and row["all_cloud"] == pytest.approx(1.5 + 2.8)


def test_without_a_cloud_answer_or_a_price_the_basis_says_so() -> None:
    own = savings.answer_price([end("e", "q")], price)
    assert own.basis == "own tokens" and savings.costs([end("e", "q")], [], own, WEEK)[-1]["saved"] == pytest.approx(
        0.18
    )
    unpriced = savings.answer_price([end("e", "q"), cloud("k", "r")], None)
    assert unpriced.basis == "no price" and savings.costs([end("e", "q")], [], unpriced, WEEK)[-1]["saved"] == 0

"""What people should look at first: signs add up, a judged reply leaves, and agreement counts both kinds of error."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from endcloud.feedback.agreement import with_measure
from endcloud.feedback.review_queue import WEIGHTS, review_queue, signs_of
from endcloud.feedback.verdicts import verdicts
from endcloud.types import Feedback, FeedbackKind, Turn, Witness

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def reply(name: str, probability: float | None = 0.95) -> Turn:
    return Turn(name, "c", "end", "亲，包邮的", NOW, "q", "end", "v1", "", probability)


def said(
    turn: str,
    kind: FeedbackKind,
    value: float | None = None,
    witness: Witness = "customer",
    by: str = "anna",
    at: int = 0,
) -> Feedback:
    when = NOW + timedelta(minutes=at)
    return Feedback(
        f"{turn} {kind} {by} {at}", turn, "c", kind, witness, by, when, value, "满59元" * (kind == "correction")
    )


def test_a_sure_reply_that_nobody_minded_is_not_there() -> None:
    assert review_queue([reply("t1")], []) == []


def test_the_heaviest_comes_first_and_says_why() -> None:
    replies = [reply("t1", 0.4), reply("t2"), replace(reply("t3"), finish="content_filter", reason="forbidden word")]
    feedback = [said("t2", "thumb", -1), said("t2", "complaint"), said("t1", "thumb", 1)]
    queue = review_queue(replies, feedback)
    assert [item.reply.id for item in queue] == ["t2", "t3", "t1"]
    assert [sign.cause for sign in queue[0].signs] == ["complaint", "thumb"]
    assert queue[0].weight == WEIGHTS["complaint"] + WEIGHTS["thumb"]
    assert queue[1].signs[0].detail == "forbidden word"
    assert queue[2].signs[0].weight == pytest.approx(WEIGHTS["unsure"] * 0.6)


def test_a_cause_counts_once_and_few_stars_weigh_more() -> None:
    twice = signs_of(reply("t1"), [said("t1", "complaint"), said("t1", "complaint", at=1)])
    assert len(twice) == 1
    weights = [signs_of(reply("t1"), [said("t1", "stars", stars)])[0].weight for stars in (1, 2, 3)]
    assert weights == sorted(weights, reverse=True) and signs_of(reply("t1"), [said("t1", "stars", 5)]) == ()


@pytest.mark.parametrize(("kind", "value"), [("thumb", 1.0), ("thumb", -1.0), ("stars", 4.0), ("correction", None)])
def test_a_reply_that_was_judged_leaves(kind: FeedbackKind, value: float | None) -> None:
    unhappy = said("t1", "thumb", -1)
    assert len(review_queue([reply("t1")], [unhappy])) == 1
    assert review_queue([reply("t1")], [unhappy, said("t1", kind, value, "reviewer", "eva")]) == []


def test_a_note_of_a_reviewer_is_no_verdict_and_a_customers_stars_are_none() -> None:
    assert verdicts([said("t1", "note", None, "reviewer"), said("t1", "stars", 1)]) == {}


def test_the_newest_verdict_of_each_person_counts() -> None:
    given = [
        said("t1", "thumb", 1, "reviewer", "eva"),
        said("t1", "stars", 2, "reviewer", "max"),
        said("t1", "correction", None, "reviewer", "eva", at=1),
    ]
    found = verdicts(given)["t1"]
    assert [(one.by, one.accepted) for one in found] == [("max", False), ("eva", False)]
    assert found[1].correction == "满59元"


def test_some_replies_come_up_without_a_sign() -> None:
    queue = review_queue([reply(f"t{number}") for number in range(2_000)], [])
    assert 60 <= len(queue) <= 140 and {item.signs[0].cause for item in queue} == {"spot check"}


def test_agreement_counts_both_kinds_of_error() -> None:
    found = with_measure([(True, 0.9), (True, 0.4), (False, 0.8), (False, 0.1)], 0.5)
    assert (found.equal, found.trusted_wrongly, found.doubted_wrongly, found.auc) == (0.5, 1, 1, 0.75)
    assert with_measure([], 0.5).equal is None and with_measure([(True, 0.9)], 0.5).auc is None

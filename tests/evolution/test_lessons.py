"""Whose words are learned, which are refused, who must look first, and what is held out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from endcloud.evolution.lessons import Correction, approval_of, correction_of, lesson_id, part_of, refusal
from endcloud.protocols import Label
from endcloud.types import Feedback, FeedbackKind, Witness

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
REPLIES = frozenset({"r1"})


def said(minute: int, kind: FeedbackKind, text: str = "", *, witness: Witness = "reviewer", value: float | None = None,
         turn: str = "r1") -> Feedback:  # fmt: skip
    return Feedback(f"f{minute}", turn, "c", kind, witness, "li", NOW + timedelta(minutes=minute), value, text)


def label(text: str = "亲，满59元包邮哦", reason: str = "") -> Label:
    return Label("q1", "k", text, reason, "m", "p", "", NOW)


def test_the_newest_correction_wins() -> None:
    found = correction_of([said(2, "correction", "第二"), said(1, "correction", "第一")], REPLIES)
    assert found == Correction("f2", "第二", "li")


def test_a_reply_accepted_since_is_not_corrected() -> None:
    assert correction_of([said(1, "correction", "第一"), said(2, "thumb", value=1)], REPLIES) is None


@pytest.mark.parametrize(
    "feedback",
    [
        said(1, "correction", "满1元包邮", witness="customer"),
        said(1, "correction", "满1元包邮", turn="another"),
        said(1, "correction", "  "),
        said(1, "note", "满1元包邮"),
    ],
)
def test_a_customers_opinion_a_word_on_another_reply_or_no_word_corrects_nothing(feedback: Feedback) -> None:
    assert correction_of([feedback], REPLIES) is None


def test_a_label_is_refused_by_name() -> None:
    fine = {"unrestorable": False, "against_the_rules": False}
    assert refusal(label(), **fine) == ""
    assert refusal(None, **fine) == "no label yet"
    assert refusal(label(reason="unsupported fact"), **fine) == "unsupported fact"
    assert refusal(label(" "), **fine) == "empty"
    assert refusal(label(), unrestorable=True, against_the_rules=False) == "leaks a placeholder"
    assert refusal(label(), unrestorable=False, against_the_rules=True) == "against the rules"


def test_about_the_share_of_clusters_is_held_out_each_always() -> None:
    parts = [part_of(f"cluster:{number}", 0.3) for number in range(2000)]
    assert 0.26 < parts.count("held out") / len(parts) < 0.34
    assert parts == [part_of(f"cluster:{number}", 0.3) for number in range(2000)]


def test_one_in_five_labels_waits_for_a_reviewer_where_they_are_sampled() -> None:
    names = [f"lesson:r{number}" for number in range(2000)]
    sampled = [approval_of(name, "sampled", human=False) for name in names]
    assert 0.17 < sampled.count("waiting") / len(names) < 0.23
    assert {approval_of(name, "sampled", human=True) for name in names} == {"not needed"}


def test_each_correction_is_a_lesson_of_its_own() -> None:
    names = {lesson_id("r1"), lesson_id("r1", Correction("a", "x", "li")), lesson_id("r1", Correction("b", "x", "li"))}
    assert len(names) == 3 and all(name.startswith("lesson:r1") and len(name) <= 100 for name in names)

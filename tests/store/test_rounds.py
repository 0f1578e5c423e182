"""Rounds are held by one worker at a time, and what they leave is kept once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from endcloud.errors import LockedError, NotFoundError
from endcloud.rounds import STAGES, Audit, Choice, Decision, Lesson, Retirement
from endcloud.store.audits import StoredAudits
from endcloud.store.database import Database
from endcloud.store.lessons import StoredChoices, StoredLessons, StoredRetirements
from endcloud.store.rounds import StoredRounds
from endcloud.types import Message, Score

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


def test_a_round_belongs_to_one_worker_until_its_lease_runs_out(database: Database) -> None:
    rounds = StoredRounds(database)
    first = rounds.begin("one", "base", NOW, 60)
    assert (first.number, first.stage, first.parent) == (1, "audit", "base")
    with pytest.raises(LockedError, match="'one'"):
        rounds.begin("two", "base", NOW + timedelta(seconds=59), 60)
    rounds.hold(1, "one", NOW + timedelta(seconds=30), 60)
    with pytest.raises(LockedError, match="'one'"):
        rounds.begin("two", "base", NOW + timedelta(seconds=80), 60)
    taken = rounds.begin("two", "another", NOW + timedelta(seconds=91), 60)
    assert (taken.number, taken.worker, taken.parent) == (1, "two", "base")
    for change in (
        lambda: rounds.hold(1, "one", NOW, 60),
        lambda: rounds.advance(1, "one", "audit", {}),
        lambda: rounds.end(1, "one", "failed", "late", NOW, {}),
    ):
        with pytest.raises(LockedError, match="'two'"):
            change()
    assert rounds.get(1) == taken


def test_a_round_goes_through_its_stages_and_keeps_what_they_did(database: Database) -> None:
    rounds = StoredRounds(database)
    round = rounds.begin("w", "v1", NOW, 60)
    for stage in STAGES[:5]:
        round = rounds.advance(1, "w", stage, {"did": stage}, "v2" if stage == "train" else None)
    assert (round.stage, round.candidate) == ("gate", "v2")
    ended = rounds.end(1, "w", "refused", "not better", NOW, {"n": 3})
    assert (ended.stage, ended.outcome, ended.figures["gate"]) == ("done", "refused", {"n": 3})
    assert ended.figures["train"] == {"did": "train"} and ended.ended == NOW
    assert rounds.begin("v", "v1", NOW, 60).number == 2
    assert [one.number for one in rounds.all()] == [1, 2]
    with pytest.raises(NotFoundError, match="round 9"):
        rounds.get(9)


def test_a_released_round_is_free_at_once(database: Database) -> None:
    rounds = StoredRounds(database)
    rounds.begin("one", "base", NOW, 60)
    rounds.release(1, "two")
    with pytest.raises(LockedError):
        rounds.begin("two", "base", NOW, 60)
    rounds.release(1, "one")
    assert rounds.begin("two", "base", NOW, 60).worker == "two"


def test_decisions_audits_and_choices_come_back_as_they_were(database: Database) -> None:
    rounds, audits, choices = StoredRounds(database), StoredAudits(database), StoredChoices(database)
    decision = Decision(1, "gate", "v2", "v1", "undecided", "too few", {"new": {"n": 4}}, NOW)
    rounds.decide(decision)
    assert rounds.decisions(1) == [decision] and rounds.decisions(2) == []
    audit = Audit("t2", "t1", "c", "v1", 1, "sample", Score(0.5, None, 0.9, ("a@1",)), None, ("99元",), NOW)
    audits.add([audit])
    audits.add([audit, Audit("t4", "t3", "c", "v1", 1, "disliked", Score(1, 1, 1), 1.0, (), NOW)])
    assert audits.of(["t2", "t9"]) == {"t2": audit}
    assert [one.turn for one in audits.since(NOW)] == ["t2", "t4"]
    light = Choice("t2", "t1", "c", "k", "cl", 2, ("wrong fact",), 1.0, 1)
    heavy = Choice("t4", "t3", "c", "k", "cl", 2, ("disliked",), 4.0, 1)
    choices.add([light])
    choices.add([light, heavy])
    assert choices.of_round(1) == [heavy, light] and choices.turns() == {"t2", "t4"}


def test_a_lesson_is_kept_once_and_a_reviewer_decides_on_it(database: Database) -> None:
    lessons = StoredLessons(database)
    said = (Message("user", "几天发货"),)
    one = Lesson(
        "lesson:t2", "t2", "c", "s", "cl", "train", said, "48小时内", "不清楚", "pseudo", ("low",), "waiting", 1, NOW
    )
    lessons.add([one])
    lessons.add([one])
    assert lessons.all() == [one] and lessons.waiting() == [one]
    approved = lessons.approve("lesson:t2", "li", "24小时内发货")
    assert (approved.reply, approved.origin, approved.approval, approved.by) == (
        "24小时内发货",
        "human",
        "approved",
        "li",
    )
    assert lessons.waiting() == []
    assert lessons.reject("lesson:t2", "wang").approval == "rejected"
    with pytest.raises(NotFoundError, match="'nothing'"):
        lessons.approve("nothing", "li")
    example = approved.example(2.0)
    assert (example.split, example.weight, example.query) == ("train", 2.0, "几天发货")


def test_what_is_retired_keeps_its_first_reason(database: Database) -> None:
    retired = StoredRetirements(database)
    retired.add([Retirement("e1", "policy changed", "policies", NOW)])
    retired.add([Retirement("e1", "again", "policies", NOW), Retirement("e2", "corrected", "li", NOW)])
    assert [(one.item, one.reason) for one in retired.all()] == [("e1", "policy changed"), ("e2", "corrected")]
    assert retired.items() == {"e1", "e2"}

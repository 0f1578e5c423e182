"""Versions of the rules, and answers of the cloud that a newer truth has retired: kept, and given to nobody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from endcloud.protocols import Label
from endcloud.rounds import Retirement
from endcloud.store.database import Database
from endcloud.store.labels import StoredLabels
from endcloud.store.lessons import StoredRetirements
from endcloud.store.policy_texts import StoredPolicyTexts

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def label(example: str, text: str, key: str = "key", reason: str = "") -> Label:
    return Label(example, key, text, reason, "m", "p", "", NOW)


def test_rules_are_recorded_when_they_change(database: Database) -> None:
    texts = StoredPolicyTexts(database)
    assert texts.latest() is None
    assert texts.record(["满59元包邮。", "付款后48小时内发货。"], NOW)
    assert not texts.record(["满59元包邮。", "付款后48小时内发货。"], NOW + timedelta(days=1))
    assert texts.record(["满88元包邮。"], NOW + timedelta(days=2))
    assert texts.record(["满59元包邮。", "付款后48小时内发货。"], NOW + timedelta(days=3)), (
        "what held before may hold again"
    )
    assert [one.number for one in texts.all()] == [1, 2, 3] and texts.latest() == texts.all()[-1]
    assert texts.all()[1].lines == ("满88元包邮。",) and texts.all()[1].at == NOW + timedelta(days=2)


def test_a_retired_answer_is_neither_a_label_nor_the_recorded_answer_to_its_question(database: Database) -> None:
    labels, retirements = StoredLabels(database), StoredRetirements(database)
    labels.add(
        [label("e1", "满59元"), label("e2", "满59元"), label("e3", "别的", "other"), label("e4", "", "none", "empty")]
    )
    standing = labels.standing()
    assert [one.example for one in standing.values()] == ["e1", "e2", "e3"]
    gone = [name for name, one in standing.items() if one.text == "满59元"]
    retirements.add([Retirement(name, "满88元", "rules 2", NOW) for name in gone])
    assert labels.of(["e1", "e2", "e3"]).keys() == {"e3"} and labels.get(["key", "other"]).keys() == {"other"}
    assert len(labels.standing()) == 1 and retirements.count() == 2


def test_the_answer_given_after_it_is_the_label_again(database: Database) -> None:
    labels, retirements = StoredLabels(database), StoredRetirements(database)
    labels.add([label("e1", "满59元")])
    retirements.add([Retirement(name, "满88元", "rules 2", NOW) for name in labels.standing()])
    labels.add([label("e1", "满88元")])
    assert labels.of(["e1"])["e1"].text == labels.get(["key"])["key"].text == "满88元"


def test_a_retired_answer_uncovers_the_one_before_it_only_if_that_still_holds(database: Database) -> None:
    labels, retirements = StoredLabels(database), StoredRetirements(database)
    labels.add([label("e1", "付款后48小时内发货")])
    labels.add([label("e1", "付款后一周发货")])
    newest = list(labels.standing())[-1]
    retirements.add([Retirement(newest, "a person has corrected it", "correction by li", NOW)])
    assert labels.of(["e1"])["e1"].text == "付款后48小时内发货"

"""What is learned from which reply."""

from datetime import UTC, datetime

import pytest

from endcloud.end.mixture import mixture
from endcloud.errors import TrainingError
from endcloud.protocols import Label
from endcloud.types import Example, Message


def example(name: str, excluded: str = "") -> Example:
    return Example(name, name, "", (Message("user", "包邮吗"),), "natural", "natural", "", "train", 1.0, excluded)


def label(name: str, reason: str = "") -> Label:
    return Label(name, name, "cloud", reason, "m", "", "", datetime.now(UTC))


EXAMPLES = [example("a"), example("b"), example("c", "unrestorable"), example("d")]
LABELS = {"a": label("a"), "b": label("b", "refused"), "c": label("c")}


def test_each_choice_takes_its_own_replies() -> None:
    assert [e.id for e in mixture(EXAMPLES, LABELS, "natural")] == ["a", "b", "d"]
    cloud = mixture(EXAMPLES, LABELS, "cloud")
    assert [(e.id, e.reply, e.origin, e.excluded) for e in cloud] == [
        ("a/cloud", "cloud", "cloud", ""),
        ("c/cloud", "cloud", "cloud", ""),
    ]


def test_both_have_the_stated_shares_of_the_weight() -> None:
    mixed = mixture(EXAMPLES, LABELS, "both", cloud_share=0.8)
    total = sum(e.weight for e in mixed)
    assert sum(e.weight for e in mixed if e.origin == "cloud") == pytest.approx(0.8 * total)
    assert total == pytest.approx(5)


def test_nothing_to_learn_from_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(TrainingError, match="endcloud teach"):
        mixture(EXAMPLES, {}, "cloud")

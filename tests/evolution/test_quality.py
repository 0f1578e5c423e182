"""A reply is worth its final score, and nothing where it states what the reference says otherwise."""

from __future__ import annotations

import pytest

from endcloud.evolution.quality import Answer, qualities, wrong_facts
from endcloud.scoring.dual import DualScorer
from endcloud.testing.overlap_scorer import OverlapScorer

QUERY, REFERENCE = "满多少包邮", "亲，满99元包邮哦。"


def value(said: str, reference: str | None = REFERENCE, restorable: bool = True) -> float | None:
    scorer = DualScorer(OverlapScorer(), OverlapScorer())
    [quality] = qualities(scorer, [Answer(QUERY, said, reference, restorable)])
    return quality.value


def test_the_right_reply_is_worth_its_final_score() -> None:
    [relevance] = OverlapScorer().score([(QUERY, REFERENCE)])
    assert relevance is not None and relevance > 0.2
    assert value(REFERENCE) == pytest.approx(0.8 + 0.2 * relevance)


def test_a_wrong_number_is_worth_nothing_however_alike_the_texts_are() -> None:
    assert value("亲，满59元包邮哦。") == 0.0
    assert wrong_facts("亲，满59元包邮哦。", REFERENCE) == ("59元",)


def test_a_denied_fact_is_worth_nothing() -> None:
    assert value("亲，不包邮哦。") == 0.0


@pytest.mark.parametrize("said", ["", "  \n"])
def test_an_empty_reply_is_worth_nothing(said: str) -> None:
    assert value(said) == 0.0


def test_a_reply_that_cannot_be_restored_is_worth_nothing() -> None:
    assert value(REFERENCE, restorable=False) == 0.0


def test_without_a_reference_nothing_can_be_told() -> None:
    assert value(REFERENCE, None) is None

"""Recall does not fall back: a small draw of the half that rules may be tried on, in every disguise."""

from __future__ import annotations

from collections.abc import Sequence

from personal.hard_negatives import negatives
from personal.items import items
from personal.measuring import measure

from endcloud.privacy.detection import Detector
from endcloud.privacy.masking import ConversationMasker
from endcloud.types import Message

MASKER = ConversationMasker(Detector())


def mask(messages: Sequence[Message]) -> Sequence[Message]:
    return MASKER.mask(messages).messages


def test_recall_and_precision_of_a_small_draw() -> None:
    found = measure(mask, items("tried", 0.04), negatives("tried", 300))
    assert sum(found.caught.values()) >= 0.98 * sum(found.planted.values())
    assert found.precision >= 0.97

"""What a candidate is judged by: held-out lessons, and known questions of a shop with replies that still hold.

Lessons held out since the last promotion are the new questions; older ones have become known. Golden questions come
from the validation and test splits, old ones from what was trained on, both with the cloud's label as the reply that
should be given. What a newer truth has retired judges nobody.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from endcloud.errors import UsageError
from endcloud.evolution.gate import Item, PartName

if TYPE_CHECKING:
    from endcloud.assembly.evolving import Evolution
    from endcloud.assembly.shop import Shop
    from endcloud.rounds import Lesson
    from endcloud.types import Example, Split

_APPROVED = ("not needed", "approved")


def new_questions(evolution: Evolution) -> list[Item]:
    """The held-out lessons since the last promotion."""
    promoted = last_promotion(evolution)
    return [_lesson(one, "new") for one in _lessons(evolution) if one.part == "held out" and one.round > promoted]


def golden_questions(evolution: Evolution) -> list[Item]:
    """Known questions that nobody trained on: what was held out before, and the validation and test splits."""
    promoted = last_promotion(evolution)
    earlier = [one for one in _lessons(evolution) if one.part == "held out" and one.round <= promoted]
    recorded = _recorded(evolution, ("validation", "test"), "golden")
    return [*(_lesson(one, "golden") for one in earlier), *recorded]


def old_questions(evolution: Evolution, learned: Collection[str]) -> list[Item]:
    """Questions that were trained on: lessons among what the version in service has `learned`, and the train split."""
    earlier = [one for one in _lessons(evolution) if one.part == "train" and one.id in learned]
    return [*(_lesson(one, "old") for one in earlier), *_recorded(evolution, ("train",), "old")]


def last_promotion(evolution: Evolution) -> int:
    """The number of the last round that promoted a version; 0 where none did."""
    return max((round.number for round in evolution.rounds.all() if round.outcome == "promoted"), default=0)


def _lessons(evolution: Evolution) -> list[Lesson]:
    retired = evolution.retirements.items()
    return [one for one in evolution.lessons.all() if one.approval in _APPROVED and one.id not in retired]


def _lesson(lesson: Lesson, part: PartName) -> Item:
    return Item(lesson.id, part, f"cluster {lesson.cluster}", lesson.messages, lesson.reply)


def _recorded(evolution: Evolution, splits: Sequence[Split], part: PartName) -> list[Item]:
    shop, retired = evolution.shop, evolution.retirements.items()
    examples = [one for split in splits for one in _examples(shop, split) if one.id not in retired]
    labels = shop.labels.of(example.id for example in examples)
    good = {name: label.text for name, label in labels.items() if not label.reason}
    return [
        Item(one.id, part, f"dialogue {one.dialogue}", one.messages, good[one.id])
        for one in examples
        if one.id in good and not one.excluded
    ]


def _examples(shop: Shop, split: Split) -> list[Example]:
    try:
        return shop.examples(split)
    except UsageError:  # a shop may serve and evolve without recorded dialogues
        return []

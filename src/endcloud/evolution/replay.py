"""What a candidate learns: the new lessons, and enough of what was known before, so that nothing is forgotten.

A model that learns only its mistakes forgets the rest. So with each lesson some old examples are learned again: up to
half of them lessons of earlier rounds, which are the shop's newest words, the others from what it began with. Lessons
are few beside those, so each comes several times: coming once, what an edit had taught was lost over the next rounds.
Which ones are replayed is decided by a hash, so that the same lessons always bring the same replay, and more lessons
only add to it. What a newer truth has retired is neither learned nor replayed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from hashlib import sha256

from endcloud.rounds import Lesson
from endcloud.types import Example

EARLIER_TIMES = 4
"""How often a lesson of an earlier round comes in a pass in which each old example comes once."""

_APPROVED = ("not needed", "approved")


def teachable(lessons: Iterable[Lesson], retired: Collection[str]) -> list[Lesson]:
    """The lessons that may be trained on: approved, not held out, and still true."""
    return [
        lesson
        for lesson in lessons
        if lesson.part == "train" and lesson.approval in _APPROVED and lesson.id not in retired
    ]


def replay(earlier: Sequence[Example], known: Sequence[Example], number: int, most: int = 1) -> list[Example]:
    """`number` old examples to learn again: up to half of them `earlier` lessons, each as often as EARLIER_TIMES, the
    rest from what the end model began with (`known`). Where both are too few, each comes up to `most` times."""
    recent = _drawn(earlier, max(number // 2, number - len(known)))
    times = max(1, min(EARLIER_TIMES, most, number // 2 // max(1, len(recent))))
    others = _drawn(known, number - times * len(recent))
    again = [*[*recent, *others] * (most - times), *others * (times - 1)]  # each `most` times in all
    return [*recent * times, *others, *again][: max(0, number)]


def repeated(lessons: Sequence[Example], others: int, share: float, most: int) -> list[Example]:
    """The lessons as often (at most `most` times) as it takes for them to be about `share` of all that is learned
    beside `others` examples: a hundred among thousands would hardly be seen."""
    wanted = share * others / (max(1e-9, 1 - share) * max(1, len(lessons)))
    return list(lessons) * max(1, min(most, round(wanted)))


def _drawn(examples: Sequence[Example], number: int) -> list[Example]:
    """The same ones each time; a smaller number's are among a larger's."""
    ordered = sorted(examples, key=lambda example: sha256(example.id.encode()).digest())
    return ordered[: max(0, number)]

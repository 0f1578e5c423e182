"""May a candidate serve? It is judged beside the version in service, on what neither of them was trained on.

Three parts are looked at, each item answered by both: `new`, the held-out lessons; `golden`, known questions that
nobody trained on; `old`, trained questions, to see whether something was forgotten. A paired bootstrap by cluster
(turns of one dialogue, lessons of one question, stand or fall together) says how sure a difference is. A candidate
must be better on the new, surely within a margin on the rest, and clearly worse on no part of it; where the evidence
allows neither yes nor no, the answer is `undecided`, and every further look at a candidate asks for more certainty:
looking often promotes nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import zip_longest
from typing import Any, Literal

from endcloud.bootstrap import Interval, Resamples
from endcloud.types import Message

PartName = Literal["new", "golden", "old"]
PARTS: tuple[PartName, ...] = ("new", "golden", "old")
LEVEL = 0.95
_FIRST_LOOK = 0.8
FEWEST_CLUSTERS = 6
"""Fewer clusters give no verdict on the new: the bootstrap of five is as good as a coin's four heads."""
LEAST_MENDED = 0.2
"""A candidate that surely mends less than this share of what the version in service lacks on the new is not worth the
risk of a swap, nor more evidence: shuffled labels mend a question or two by luck."""
LESSON = "lesson:"
"""What the ids of lessons begin with."""
_SHOWN = 40
_NAMES = {"new": "the new questions", "golden": "the golden questions", "old": "the trained questions"}


@dataclass(frozen=True, slots=True)
class Item:
    """A question with the reply that should be given; `group` names what resembles it. All text is masked."""

    id: str
    part: PartName
    group: str
    messages: tuple[Message, ...]
    reference: str

    @property
    def query(self) -> str:
        return self.messages[-1].content


@dataclass(frozen=True, slots=True)
class Judged:
    """An item with both replies and what they are worth in [0, 1]; None where that cannot be told."""

    item: Item
    active: str
    candidate: str
    active_value: float | None
    candidate_value: float | None
    active_wrong: bool = False
    candidate_wrong: bool = False


@dataclass(frozen=True, slots=True)
class PartResult:
    """A part in numbers: how many items in how many groups, both means, candidate − active with its interval.

    `interval` is None where no item could be judged.
    """

    name: PartName
    groups: int
    active: float
    candidate: float
    interval: Interval | None
    active_wrong: int
    candidate_wrong: int

    def figures(self) -> dict[str, Any]:
        """As JSON numbers."""
        shown: dict[str, Any] = {
            "items": self.interval.n if self.interval else 0,
            "groups": self.groups,
            "active": round(self.active, 4),
            "candidate": round(self.candidate, 4),
            "active wrong facts": self.active_wrong,
            "candidate wrong facts": self.candidate_wrong,
        }
        if self.interval:
            difference = (self.interval.mean, self.interval.low, self.interval.high)
            shown["difference"] = [round(value, 4) for value in difference]
        return shown

    def text(self) -> str:
        """`0.93 against 0.41, difference 0.520 [0.401, 0.630] over 14 groups`."""
        if self.interval is None:
            return "nothing could be judged"
        return (
            f"{self.candidate:.3f} against {self.active:.3f}, difference {self.interval.text()} over "
            f"{self.groups} {'cluster' if self.name == 'new' else 'dialogue'}{'s' if self.groups != 1 else ''}"
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says, why, and the parts it looked at. `known_is_short`: more known questions could decide it."""

    judgement: Literal["promote", "refuse", "undecided"]
    reason: str
    parts: Mapping[PartName, PartResult]
    known_is_short: bool = False


def judge(items: Sequence[Judged], *, margin: float, poor: float, looks: int = 1, seed: int = 0) -> Verdict:
    """The verdict on a candidate. `margin` is by how much it may be worse on golden and old questions; `looks` counts
    the judgements of this candidate, this one included.

    On new questions a poor reply (worth less than `poor`) is worth nothing: what avoids the question is no better than
    what gets it wrong. On known ones a reply that is not poor counts in full, and a poor one in proportion: the version
    in service learned the very words of many references, and another good wording is nothing forgotten.
    """
    items = [_counted(one, poor) for one in items]
    parts: dict[PartName, PartResult] = {
        name: _result(name, [one for one in items if one.item.part == name], looks, seed) for name in PARTS
    }
    known = [parts["golden"], parts["old"]]
    if worse := [part for part in known if _clearly_below(part, margin)]:
        return Verdict("refuse", f"Worse than the margin of {margin:g} on {_told(worse)}.", parts)
    new = parts["new"]
    if new.interval is None or new.groups < FEWEST_CLUSTERS:
        short = f"Only {new.groups} clusters of new questions are held out; {FEWEST_CLUSTERS} are needed to judge."
        return Verdict("undecided", short, parts)
    if new.interval.high < LEAST_MENDED * (1 - new.active):
        return Verdict("refuse", f"Not better, or not by enough, on {_told([new])}.", parts)
    if new.interval.low <= 0:
        return Verdict("undecided", f"Not surely better on {_told([new])}; more evidence may tell.", parts)
    if missing := [part for part in known if part.interval is None]:
        names = " and ".join(_NAMES[part.name] for part in missing)
        return Verdict("undecided", f"Better on {_told([new])}, but there is nothing to judge {names} by.", parts)
    both = _pooled(items, seed)
    told = f"the known questions together ({both.text()})"
    if both.interval is None or both.interval.low <= -margin:
        reason = f"Better on {_told([new])}, but not surely within the margin of {margin:g} on {told}."
        return Verdict("undecided", reason, parts, known_is_short=True)
    return Verdict("promote", f"Better on {_told([new])}; within the margin of {margin:g} on {told}.", parts)


def judge_successor(items: Sequence[Judged], *, margin: float, poor: float, seed: int = 0) -> Verdict:
    """The verdict on a candidate that takes the place of a version that may not serve any longer, since it learned from
    somebody who was forgotten. It need not be better: it is refused only where it is clearly worse than the margin."""
    items = [_counted(one, poor) for one in items]
    parts: dict[PartName, PartResult] = {
        name: _result(name, [one for one in items if one.item.part == name], 1, seed) for name in PARTS
    }
    known = [parts["golden"], parts["old"]]
    if worse := [part for part in known if _clearly_below(part, margin)]:
        return Verdict("refuse", f"Worse than the margin of {margin:g} on {_told(worse)}.", parts)
    both = _pooled(items, seed)
    if both.interval is None:
        return Verdict("promote", "There are no known questions that could say whether it is worse.", parts)
    return Verdict("promote", f"Not worse than the margin of {margin:g} on the known questions ({both.text()}).", parts)


def _pooled(items: Sequence[Judged], seed: int) -> PartResult:
    """Golden and old questions as one part: what they tell together is surer than what each tells."""
    return _result("old", [one for one in items if one.item.part != "new"], 1, seed)


def _counted(one: Judged, poor: float) -> Judged:
    def worth(value: float | None) -> float | None:
        if value is None or poor <= 0:
            return value
        if one.item.part == "new":
            return value if value >= poor else 0.0
        return min(1.0, value / poor)

    return replace(one, active_value=worth(one.active_value), candidate_value=worth(one.candidate_value))


def _result(name: PartName, items: Sequence[Judged], looks: int, seed: int) -> PartResult:
    known = [one for one in items if one.active_value is not None and one.candidate_value is not None]
    groups = [one.item.group for one in known]
    candidate, active = [one.candidate_value for one in known], [one.active_value for one in known]
    asked = level(looks) if name == "new" else LEVEL
    interval = Resamples(groups, seed=seed).difference(candidate, active, level=asked) if known else None
    return PartResult(
        name,
        len(set(groups)),
        _mean(active),
        _mean(candidate),
        interval,
        sum(one.active_wrong for one in items),
        sum(one.candidate_wrong for one in items),
    )


def level(looks: int) -> float:
    """The level of the interval on the new at the n-th look: over all looks at a candidate that is no better, the
    chance that its lower end ever lies above 0 is at most 1 − LEVEL. Four fifths of that are for the first look, since
    few candidates get a second: new lessons make a new candidate."""
    chance = _FIRST_LOOK if looks == 1 else (1 - _FIRST_LOOK) / ((looks - 1) * looks)
    return 1 - 2 * (1 - LEVEL) * chance


def _clearly_below(part: PartResult, margin: float) -> bool:
    return part.interval is not None and part.interval.mean < -margin and part.interval.high < 0


def _told(parts: Sequence[PartResult]) -> str:
    return " and ".join(f"{_NAMES[part.name]} ({part.text()})" for part in parts)


def _mean(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else 0.0


def in_order_of_asking(items: Sequence[Item]) -> list[Item]:
    """All items in an order that is always the same, lessons and recorded questions by turns as long as there are both:
    what an edit taught is a few dozen lessons among thousands of questions, and nobody would see it forgotten."""
    drawn = sorted(items, key=lambda item: sha256(item.id.encode()).digest())
    lessons = [item for item in drawn if item.id.startswith(LESSON)]
    recorded = [item for item in drawn if not item.id.startswith(LESSON)]
    pairs = zip_longest(recorded, lessons)
    return [item for pair in pairs for item in pair if item is not None]


def evidence_digest(items: Sequence[Item]) -> str:
    """Names a set of items with their references: the same digest means that there is nothing new to judge by."""
    told = sorted(f"{item.part}\n{item.id}\n{item.reference}" for item in items)
    return sha256("\n\n".join(told).encode()).hexdigest()[:16]


def side_by_side(items: Sequence[Judged]) -> list[dict[str, Any]]:
    """Both replies to new questions, and to the known ones that changed most, for people to look at.

    Questions stand under their ids only: a customer who is forgotten must not be remembered here.
    """

    def changed(one: Judged) -> float:
        return abs((one.candidate_value or 0.0) - (one.active_value or 0.0))

    new = [one for one in items if one.item.part == "new"][:_SHOWN]
    known = sorted((one for one in items if one.item.part != "new"), key=changed, reverse=True)
    return [
        {
            "item": one.item.id,
            "part": one.item.part,
            "active": one.active,
            "candidate": one.candidate,
            "active value": one.active_value,
            "candidate value": one.candidate_value,
        }
        for one in [*new, *[one for one in known if changed(one) > 0][: _SHOWN // 2]]
    ]

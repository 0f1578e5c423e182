"""Response selection: whether a scorer finds the reply that was really given among others.

The common test of retrieval chatbots (Lowe et al. 2015; ECD and JDDC are published with it): of n candidates for a
context, one is the recorded reply. Rn@k is how often it is among the k best, MRR the mean of 1 / rank. It needs no
judgements, but it is severe: a candidate drawn from another context may answer as well. Equal scores count as
drawn in random order, so a scorer that always says the same gets what chance gets.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from endcloud.bootstrap import Interval, Resamples
from endcloud.protocols import Progress, Scorer

OTHERS = 9
SEED = 20260101
_AT_ONCE = 1024
_TRIES = 1000


@dataclass(frozen=True, slots=True)
class Context:
    """What a customer said last, and the reply that was given; `dialogue` groups what is not independent."""

    dialogue: str
    query: str
    reply: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A query and its candidates, of which the first is the true one."""

    dialogue: str
    query: str
    candidates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Selection:
    """What one scorer chose: each measure (`R10@1`, `MRR`, …) with its interval over dialogues."""

    scorer: str
    digest: str
    contexts: int
    measures: dict[str, Interval] = field(default_factory=dict)


def with_others(contexts: Sequence[Context], others: int = OTHERS, seed: int = SEED) -> list[Choice]:
    """Each context with `others` different replies drawn from the contexts of other dialogues.

    The draw of a context depends on `seed` and on the contexts alone. Where there are too few replies to draw from,
    the context is left out.
    """
    draw = random.Random(seed)
    choices = []
    for context in contexts:
        drawn: dict[str, None] = {}
        for _ in range(_TRIES):
            other = draw.choice(contexts)
            if other.dialogue != context.dialogue and other.reply != context.reply:
                drawn[other.reply] = None
            if len(drawn) == others:
                choices.append(Choice(context.dialogue, context.query, (context.reply, *drawn)))
                break
    return choices


def select(scorer: Scorer, choices: Sequence[Choice], progress: Progress) -> Selection:
    """Recall and MRR of `scorer` on these choices, which all have the same number of candidates."""
    asked = [(choice.query, reply) for choice in choices for reply in choice.candidates]
    distinct = sorted(dict.fromkeys(asked), key=lambda pair: len(pair[0]) + len(pair[1]))
    values: dict[tuple[str, str], float | None] = {}
    with progress.task(f"selection by {scorer.name}", len(distinct), "pair") as task:
        for start in range(0, len(distinct), _AT_ONCE):
            some = distinct[start : start + _AT_ONCE]
            values |= zip(some, scorer.score(some), strict=True)
            task.advance(len(some))
    ranks = [_rank([values[choice.query, reply] for reply in choice.candidates]) for choice in choices]
    resamples = Resamples([choice.dialogue for choice in choices])
    size = len(choices[0].candidates) if choices else 0
    measures: dict[str, Interval] = {}
    for k in (k for k in (1, 2, 5) if k < size):
        found = resamples.interval([None if rank is None else rank.within(k) for rank in ranks])
        if found:
            measures[f"R{size}@{k}"] = found
    if size > 2 and (mean := resamples.interval([None if rank is None else rank.reciprocal() for rank in ranks])):
        measures["MRR"] = mean
    return Selection(scorer.name, scorer.digest, len(choices), measures)


def chance(size: int) -> dict[str, float]:
    """What a coin gets with `size` candidates."""
    found = {f"R{size}@{k}": k / size for k in (1, 2, 5) if k < size}
    return found | ({"MRR": sum(1 / rank for rank in range(1, size + 1)) / size} if size > 2 else {})


@dataclass(frozen=True, slots=True)
class _Rank:
    """How many candidates are above the true one, and how many level with it."""

    above: int
    level: int

    def within(self, k: int) -> float:
        """The chance to be among the k best, with those that are level in random order."""
        return min(1.0, max(0.0, (k - self.above) / (self.level + 1)))

    def reciprocal(self) -> float:
        places = range(self.above + 1, self.above + self.level + 2)
        return sum(1 / place for place in places) / len(places)


def _rank(scores: Sequence[float | None]) -> _Rank | None:
    """The rank of the first; None where one of them could not be judged."""
    known = [score for score in scores if score is not None]
    if len(known) < len(scores):
        return None
    return _Rank(sum(score > known[0] for score in known[1:]), sum(score == known[0] for score in known[1:]))

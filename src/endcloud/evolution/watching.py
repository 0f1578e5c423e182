"""Has live quality fallen since a version went into service? A test that may be looked at after every reply.

Two things are watched, each as a bet against "nothing has become worse" that wins nothing on average as long as that
is true, however long one plays and whenever one stops (an e-process; Ville's inequality bounds the chance that the
stake ever grows 1/α-fold by α):

- audits: sampled replies of the version against what the one before it says to the same query, so that a change in what
  customers ask blames nobody;
- feedback: how many distinct customers were dissatisfied, against how many were before. A customer counts once, however
  loud, and a dislike that an audit found no ground for does not count at all.

The stakes are a fixed mixture, so that the order of arrival changes nothing. See Waudby-Smith & Ramdas, "Estimating
means of bounded random variables by betting", 2024.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

ALPHA = 0.01
"""The chance that a version which is no worse is ever rolled back, by either test: half of it for each."""
FEWEST = 10
"""Customers before whom neither test speaks: chance may favour a handful, and so may a plan."""
_STAKES = (0.1, 0.2, 0.35, 0.5, 0.7, 0.9)
_PRIOR_LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Evidence:
    """One test: `units` customers, the mean of what was measured, `expected` under "no worse", and the stake by now.

    `stake` is what one unit of money would have become at its best moment; `needed` is when the test speaks.
    """

    name: str
    units: int
    mean: float
    expected: float
    stake: float
    needed: float

    @property
    def speaks(self) -> bool:
        return self.units >= FEWEST and self.stake >= self.needed

    def figures(self) -> dict[str, Any]:
        """As JSON numbers."""
        return {
            "customers": self.units,
            "mean": round(self.mean, 4),
            "expected at most": round(self.expected, 4),
            "evidence": round(min(self.stake, 1e9), 3),
            "needed": round(self.needed, 1),
        }


@dataclass(frozen=True, slots=True)
class Watched:
    """Whether quality fell, why, and both tests in numbers."""

    fell: bool
    reason: str
    audits: Evidence
    feedback: Evidence

    def figures(self) -> dict[str, Any]:
        return {"audits": self.audits.figures(), "feedback": self.feedback.figures()}


def by_customer(values: Iterable[tuple[str, float]]) -> list[float]:
    """One value for each customer, the mean of theirs, in the order in which customers came."""
    found: dict[str, list[float]] = {}
    for customer, value in values:
        found.setdefault(customer, []).append(value)
    return [sum(theirs) / len(theirs) for theirs in found.values()]


def dissatisfied(customers: Iterable[Sequence[float | None]]) -> list[float]:
    """How dissatisfied each customer is, from 0 to 1, given what became of each sign of it: 1 borne out by an audit, 0
    refuted, None not looked at. What was not looked at counts at the share that was borne out elsewhere, wholly where
    nothing was; so a crowd that dislikes good replies does not count once some of its dislikes were looked at."""
    of_each = [list(signs) for signs in customers]
    looked = [sign for signs in of_each for sign in signs if sign is not None]
    share = sum(looked) / len(looked) if looked else 1.0
    return [max((share if sign is None else sign for sign in signs), default=0.0) for signs in of_each]


def watch(
    losses: Sequence[float], unhappy: Sequence[float], before: tuple[int, int], *, margin: float, alpha: float = ALPHA
) -> Watched:
    """Both tests.

    `losses` has for each customer by how much the version before would have been better, in [-1, 1]; `unhappy` how
    dissatisfied each customer of this version was, from 0 to 1; `before` how many of how many were under the version
    before. A fall of less than `margin` is none.
    """
    audits = _audit_evidence(losses, margin, alpha / 2)
    feedback = _feedback_evidence(unhappy, before, alpha / 2)
    fallen = [_sentence(one) for one in (audits, feedback) if one.speaks]
    if fallen:
        return Watched(True, " ".join(fallen), audits, feedback)
    return Watched(False, f"No fall in quality: {_brief(audits)}; {_brief(feedback)}.", audits, feedback)


def _audit_evidence(losses: Sequence[float], margin: float, alpha: float) -> Evidence:
    gains = [loss - margin for loss in losses]
    return Evidence("audits", len(losses), _mean(losses), margin, _stake(gains, -1 - margin, 1 - margin), 1 / alpha)


def _feedback_evidence(unhappy: Sequence[float], before: tuple[int, int], alpha: float) -> Evidence:
    expected = highest_rate(*before)
    gains = [one - expected for one in unhappy]
    return Evidence("feedback", len(unhappy), _mean(unhappy), expected,
                    _stake(gains, -expected, 1 - expected), 1 / alpha)  # fmt: skip


def highest_rate(unhappy: int, customers: int) -> float:
    """The highest share of dissatisfied customers that the time before bears out (Clopper–Pearson, one-sided 95 %).

    1 where nothing is known of the time before, so that nothing can be worse.
    """
    if customers <= 0 or unhappy >= customers:
        return 1.0
    low, high = unhappy / customers, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if _at_most(unhappy, customers, middle) > 1 - _PRIOR_LEVEL:
            low = middle
        else:
            high = middle
    return high


def _at_most(number: int, of: int, rate: float) -> float:
    """The chance of at most `number` among `of` at a rate (binomial)."""
    logs = [
        math.lgamma(of + 1) - math.lgamma(k + 1) - math.lgamma(of - k + 1)
        + k * math.log(rate) + (of - k) * math.log1p(-rate)
        for k in range(number + 1)
    ]  # fmt: skip
    return math.fsum(math.exp(log) for log in logs)


def _stake(gains: Sequence[float], least: float, most: float) -> float:
    """The stake of a mixture of bets at its best moment from the FEWEST-th customer on.

    A gain lies in [least, most]. No customer can do more than double the stake, so that a few cannot decide.
    """
    if len(gains) < FEWEST or least >= 0:
        return 1.0
    largest = 1 / max(-least, most)
    logs = [0.0] * len(_STAKES)
    best = 1.0
    for number, gain in enumerate(gains, start=1):
        logs = [log + math.log1p(share * largest * gain) for log, share in zip(logs, _STAKES, strict=True)]
        if number >= FEWEST:
            best = max(best, sum(math.exp(min(log, 700.0)) for log in logs) / len(logs))
    return best


def _sentence(one: Evidence) -> str:
    times = f"evidence {min(one.stake, 1e9):.0f} to 1, {one.needed:.0f} to 1 was asked"
    if one.name == "audits":
        return (
            f"The version before would have been {one.mean:.3f} better on what {one.units} customers asked ({times})."
        )
    return (
        f"{one.mean:.0%} of {one.units} customers were dissatisfied, at most {one.expected:.0%} were before ({times})."
    )


def _brief(one: Evidence) -> str:
    return f"{one.name} of {one.units} customers, evidence {one.stake:.1f} of {one.needed:.0f} to 1"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0

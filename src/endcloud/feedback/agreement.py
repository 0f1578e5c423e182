"""How far reviewers agree with one another, on the rows that two of them judged.

Cohen's κ with quadratic weights (Cohen, 1968) is 1 where they agree, 0 where they do as chance would, and counts 4
against 5 as nearly right. How far people agree with the automatic score is `scoring.calibration`'s to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from sklearn.metrics import cohen_kappa_score

from endcloud.types import Review

_FEWEST = 2  # rows that two must share before anything can be said


@dataclass(frozen=True, slots=True)
class Pair:
    """Two reviewers: rows both judged, share of equal grades, and κ (None where all grades are one and the same)."""

    first: str
    second: str
    rows: int
    equal: float
    kappa: float | None


def between_reviewers(reviews: Sequence[Review]) -> list[Pair]:
    """Each pair of reviewers who share at least two rows, by name."""
    grades: dict[str, dict[tuple[str, str], int]] = {}
    for review in reviews:
        grades.setdefault(review.reviewer, {})[review.query, review.reply] = review.grade
    found = []
    for first, second in combinations(sorted(grades), 2):
        shared = sorted(grades[first].keys() & grades[second].keys())
        if len(shared) < _FEWEST:
            continue
        one, other = [grades[first][row] for row in shared], [grades[second][row] for row in shared]
        same = sum(a == b for a, b in zip(one, other, strict=True)) / len(shared)
        varied = len({*one, *other}) > 1
        kappa = float(cohen_kappa_score(one, other, labels=[1, 2, 3, 4, 5], weights="quadratic")) if varied else None
        found.append(Pair(first, second, len(shared), same, kappa))
    return found

"""How far reviewers agree with one another, on the rows that two of them judged.

Cohen's κ with quadratic weights (Cohen, 1968) is 1 where they agree, 0 where they do as chance would, and counts 4
against 5 as nearly right. `with_measure` says how far people's verdicts on served replies agree with a number that a
machine gave; what the scores should be fitted to is `scoring.calibration`'s to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from sklearn.metrics import cohen_kappa_score, roc_auc_score

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


@dataclass(frozen=True, slots=True)
class Agreement:
    """People's verdicts beside a number of a machine, on the same replies.

    `equal` is the share of replies on which both say the same, the machine saying yes from `threshold` on; `auc` the
    chance that an accepted reply has the higher number than a rejected one (None where all were accepted, or none);
    `trusted_wrongly` counts replies that the machine liked and people did not, `doubted_wrongly` the other way round.
    """

    replies: int
    threshold: float
    equal: float | None
    auc: float | None
    trusted_wrongly: int
    doubted_wrongly: int


def with_measure(pairs: Sequence[tuple[bool, float]], threshold: float) -> Agreement:
    """How (accepted by people, number by a machine) go together."""
    if not pairs:
        return Agreement(0, threshold, None, None, 0, 0)
    people, numbers = [accepted for accepted, _ in pairs], [number for _, number in pairs]
    trusted = sum(number >= threshold and not accepted for accepted, number in pairs)
    doubted = sum(number < threshold and accepted for accepted, number in pairs)
    auc = float(roc_auc_score(people, numbers)) if len(set(people)) == 2 else None
    return Agreement(len(pairs), threshold, 1 - (trusted + doubted) / len(pairs), auc, trusted, doubted)

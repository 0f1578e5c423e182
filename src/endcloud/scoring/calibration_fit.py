"""Judged replies as arrays, and the α, Θ and threshold for "poor" that fit them best.

α and Θ are chosen on a grid so that the final scores order the replies as people do (Spearman's rank correlation with
the mean grade), and the threshold so that calling replies below it poor agrees best with what people called poor
(Cohen's κ). How far that can be trusted is `calibration`'s to say.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.metrics import cohen_kappa_score, roc_auc_score, roc_curve

from endcloud.types import Review, Score

Array = NDArray[np.float64]
Rows = NDArray[np.int64]

GRID = tuple(round(0.05 * step, 2) for step in range(21))


@dataclass(frozen=True, slots=True)
class Judged:
    """A reply, its automatic score, and what people said: the mean grade, and whether at least half found it poor."""

    query: str
    score: Score
    grade: float
    poor: bool
    reviews: int


@dataclass(frozen=True, slots=True)
class Values:
    """The three numbers that are fitted. `poor`: a final score below it is a poor reply."""

    alpha: float
    threshold: float
    poor: float


def judged_replies(reviews: Sequence[Review], scores: Mapping[tuple[str, str, str | None], Score]) -> list[Judged]:
    """Reviews of one reply joined; `scores` by (query, reply, cloud reply)."""
    together: dict[tuple[str, str, str | None], list[Review]] = {}
    for review in reviews:
        together.setdefault((review.query, review.reply, review.cloud), []).append(review)
    return [
        Judged(
            key[0],
            scores[key],
            sum(review.grade for review in some) / len(some),
            2 * sum(review.poor for review in some) >= len(some),
            len(some),
        )
        for key, some in together.items()
    ]


class ReviewedScores:
    """The judged replies as arrays, and the final scores at every point of the grid."""

    def __init__(self, judged: Sequence[Judged]) -> None:
        self.similarity = np.array([one.score.similarity for one in judged], dtype=np.float64)
        self.relevance = np.array([one.score.relevance for one in judged], dtype=np.float64)
        self.cloud = np.array([one.score.cloud_relevance for one in judged], dtype=np.float64)
        self.grade = np.array([one.grade for one in judged], dtype=np.float64)
        self.poor = np.array([one.poor for one in judged])
        self._queries = [one.query for one in judged]
        table = np.stack([self.final(alpha, threshold) for threshold in GRID for alpha in GRID])
        # Many points of the grid give the same scores: each different row is ranked once.
        self.table, self._row = np.unique(table, axis=0, return_inverse=True)

    def final(self, alpha: float, threshold: float) -> Array:
        """Equation 1 for all replies."""
        weighted = alpha * self.similarity + (1 - alpha) * self.relevance
        return np.where(self.cloud < threshold, self.similarity, weighted)

    def groups(self) -> list[Rows]:
        """The rows of each query: replies to one query are not independent."""
        by_query: dict[str, list[int]] = {}
        for row, query in enumerate(self._queries):
            by_query.setdefault(query, []).append(row)
        return [np.array(rows, dtype=np.int64) for rows in by_query.values()]

    @property
    def questions(self) -> int:
        """How many different questions the replies answer."""
        return len(set(self._queries))

    def correlations(self, rows: Rows) -> Array:
        """Spearman with the grades at each point of the grid, (Θ, α); NaN where all scores or grades are equal."""
        found = _spearman(self.table[:, rows], self.grade[rows])
        return found[self._row].reshape(len(GRID), len(GRID))

    def fit(self, grid: Array, rows: Rows, before: Values) -> tuple[Values, dict[str, tuple[float, float]]]:
        """The best values for these rows by their `correlations`, nearest to `before` among equals; and the span of
        each among the equals."""
        grid = np.nan_to_num(grid, nan=-1.0)
        places = np.argwhere(grid >= grid.max() - 1e-9)
        far = [abs(GRID[a] - before.alpha) + abs(GRID[t] - before.threshold) for t, a in places]
        theta, weight = (int(place) for place in places[int(np.argmin(far))])
        threshold, alpha = GRID[theta], GRID[weight]
        poor, span = self.poor_below(rows, alpha, threshold, before.poor)
        spans = {
            # Each along its own axis: at Θ = 1 every α gives the same, which says nothing about α elsewhere.
            "threshold": _span([t for t, a in places if a == weight]),
            "alpha": _span([a for t, a in places if t == theta]),
            "poor": span,
        }
        return Values(alpha, threshold, poor), spans

    def poor_below(
        self, rows: Rows, alpha: float, threshold: float, before: float
    ) -> tuple[float, tuple[float, float]]:
        """The threshold with the highest κ, and the gap between scores in which any other does as well."""
        final, poor = self.final(alpha, threshold), self.poor[rows]
        if poor.all() or not poor.any():
            return before, (0.0, 1.0)
        false, true, cuts = roc_curve(poor, -final[rows], drop_intermediate=False)
        best = int(np.argmax(_kappas(false, true, int(poor.sum()), int((~poor).sum()))))
        # All scores up to -cut are called poor: the threshold lies between that score and the next one above.
        low = 0.0 if math.isinf(cuts[best]) else float(-cuts[best])
        above = final[rows][final[rows] > low]
        high = float(above.min()) if above.size else 1.0
        return (low + high) / 2, (low, high)

    def agreement(self, rows: Rows, values: Values) -> dict[str, float]:
        """Spearman, κ and AUC at these values; NaN where it cannot be said."""
        if rows.size == 0:
            return {"spearman": math.nan, "kappa": math.nan, "auc": math.nan}
        final, poor = self.final(values.alpha, values.threshold)[rows], self.poor[rows]
        both = bool(poor.any() and not poor.all())
        return {
            "spearman": float(_spearman(final[None], self.grade[rows])[0]),
            "kappa": float(cohen_kappa_score(final < values.poor, poor)) if both else math.nan,
            "auc": float(roc_auc_score(poor, -final)) if both else math.nan,
        }


def _span(places: Sequence[int]) -> tuple[float, float]:
    return GRID[int(min(places))], GRID[int(max(places))]


def _spearman(scores: Array, grades: Array) -> Array:
    """Rank correlation of each row of `scores` (rows, n) with `grades` (n,); NaN where either is constant."""
    ranks, ours = rankdata(scores, axis=1), rankdata(grades)
    ranks = ranks - ranks.mean(axis=1, keepdims=True)
    ours = ours - ours.mean()
    scale = np.sqrt((ranks**2).sum(axis=1) * (ours**2).sum())
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(scale > 0, ranks @ ours / scale, np.nan))


def _kappas(false: Array, true: Array, poor: int, fine: int) -> Array:
    """Cohen's κ at each point of a ROC curve over `poor` and `fine` replies."""
    hits, alarms = true * poor, false * fine
    total = poor + fine
    agreed = (hits + fine - alarms) / total
    expected = ((hits + alarms) * poor + (total - hits - alarms) * fine) / total**2
    return np.asarray((agreed - expected) / np.maximum(1 - expected, 1e-12))

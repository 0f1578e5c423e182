"""Fits α, Θ and the threshold for "poor" to people's judgements, and says how far the data can tell.

A scorer's numbers mean something else in every shop and with every model, so the paper's α = 0.8 and Θ = 0.2 are only a
start. Here α and Θ are chosen on a grid so that the final scores order the replies as people do (Spearman's rank
correlation with the mean grade), and the threshold so that calling replies below it poor agrees best with what people
called poor (Cohen's κ). Every figure has a bootstrap interval over queries, the fit is repeated in each resample,
and what the fit is worth is measured on the queries that a resample left out: a fit is always good on its own data.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.metrics import cohen_kappa_score, roc_auc_score, roc_curve

from endcloud.errors import UsageError
from endcloud.protocols import Progress
from endcloud.scoring.bootstrap import LEVEL, Interval
from endcloud.types import Review, Score

Array = NDArray[np.float64]

GRID = tuple(round(0.05 * step, 2) for step in range(21))
FEWEST = 30  # judged replies below which intervals are not to be trusted either
FEWEST_OF_A_KIND = 10  # poor ones, and ones that are not
WIDE = 0.5  # of the range [0, 1]: an interval this wide tells nothing
RESAMPLES = 400


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


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far the automatic track agrees with people; None where it cannot be said.

    `spearman` of final scores and grades; `kappa` (Cohen's) and `auc` of what is poor.
    """

    spearman: Interval | None
    kappa: Interval | None
    auc: Interval | None

    def measures(self) -> dict[str, Interval | None]:
        return {"Spearman": self.spearman, "Cohen's κ": self.kappa, "AUC of poor": self.auc}


@dataclass(frozen=True, slots=True)
class Curve:
    """Spearman against one of the two, the other at its fitted value: (value, mean, low, high)."""

    points: tuple[tuple[float, float, float, float], ...]


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was fitted to `judged` replies, `poor` of them poor, and what it is worth.

    `intervals` of the fitted values; `present` agreement at the settings' values, `fitted` at the new ones on the same
    replies, `unseen` on replies that the fit did not see. `advised` are the fitted values, or the present α and Θ with
    a threshold for poor that fits them, where the fit orders unseen replies no better. `warnings` are whole sentences.
    """

    judged: int
    poor: int
    left_out: int
    before: Values
    values: Values
    advised: Values
    intervals: Mapping[str, Interval]
    present: Agreement
    fitted: Agreement
    unseen: Agreement
    curves: Mapping[str, Curve]
    warnings: tuple[str, ...]


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


def calibrate(
    judged: Sequence[Judged], before: Values, progress: Progress, *, resamples: int = RESAMPLES, seed: int = 0
) -> Calibration:
    """Fits to `judged`; `before` are the present settings, kept where the data prefer nothing else.

    Raises:
        UsageError: no judged reply has all parts of Equation 1.
    """
    known = [one for one in judged if one.score.final(1.0, 0.0) is not None and one.score.relevance is not None]
    if not known:
        raise UsageError(
            f"Of {len(judged)} judged replies none can be scored (a cloud reply to compare with is missing); "
            "review replies to queries that the cloud has answered."
        )
    data = _Data(known)
    rows = np.arange(len(known))
    values, _ = data.fit(data.correlations(rows), rows, before)
    draws = _Draws(data, before, values)
    groups = data.groups()
    chance = np.random.default_rng(seed)
    with progress.task("calibration", resamples, "resample") as task:
        for _ in range(resamples):
            drawn = chance.integers(0, len(groups), len(groups))
            outside = np.setdiff1d(np.arange(len(groups)), drawn)
            draws.add(
                np.concatenate([groups[group] for group in drawn]),
                np.concatenate([groups[group] for group in outside]) if outside.size else rows[:0],
            )
            task.advance()
    found = draws.found(len(known))
    present = draws.agreement("present", data.agreement(rows, before), len(known))
    fitted = draws.agreement("fitted", data.agreement(rows, values), len(known))
    unseen = draws.agreement("unseen", None, len(known))
    kept = data.poor_below(rows, before.alpha, before.threshold, before.poor)[0]
    return Calibration(
        len(known),
        int(data.poor.sum()),
        len(judged) - len(known),
        before,
        values,
        values if draws.gain() > 0 else Values(before.alpha, before.threshold, kept),
        found,
        present,
        fitted,
        unseen,
        draws.curves(rows),
        tuple(_warnings(known, data, found, draws.gain(), len(judged) - len(known))),
    )


class _Data:
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

    def groups(self) -> list[NDArray[np.int64]]:
        """The rows of each query: replies to one query are not independent."""
        by_query: dict[str, list[int]] = {}
        for row, query in enumerate(self._queries):
            by_query.setdefault(query, []).append(row)
        return [np.array(rows, dtype=np.int64) for rows in by_query.values()]

    def correlations(self, rows: NDArray[np.int64]) -> Array:
        """Spearman with the grades at each point of the grid, (Θ, α); NaN where all scores or grades are equal."""
        found = _spearman(self.table[:, rows], self.grade[rows])
        return found[self._row].reshape(len(GRID), len(GRID))

    def fit(
        self, grid: Array, rows: NDArray[np.int64], before: Values
    ) -> tuple[Values, dict[str, tuple[float, float]]]:
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
        self, rows: NDArray[np.int64], alpha: float, threshold: float, before: float
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

    def agreement(self, rows: NDArray[np.int64], values: Values) -> dict[str, float]:
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


class _Draws:
    """What each resample found."""

    def __init__(self, data: _Data, before: Values, values: Values) -> None:
        self._data = data
        self._before = before
        self._values = values
        self._spans: dict[str, list[tuple[float, float]]] = {"alpha": [], "threshold": [], "poor": []}
        self._agreements: dict[str, list[dict[str, float]]] = {"present": [], "fitted": [], "unseen": []}
        self._outside: list[dict[str, float]] = []
        self._grids: list[Array] = []

    def add(self, rows: NDArray[np.int64], outside: NDArray[np.int64]) -> None:
        grid = self._data.correlations(rows)
        values, spans = self._data.fit(grid, rows, self._before)
        for name, span in spans.items():
            self._spans[name].append(span)
        self._agreements["present"].append(self._data.agreement(rows, self._before))
        self._agreements["fitted"].append(self._data.agreement(rows, self._values))
        self._agreements["unseen"].append(self._data.agreement(outside, values))
        self._outside.append(self._data.agreement(outside, self._before))
        self._grids.append(grid)

    def found(self, number: int) -> dict[str, Interval]:
        """Each fitted value with its interval; where several values do as well, all of them are in it."""
        tail = (1 - LEVEL) / 2
        return {
            name: Interval(
                float(getattr(self._values, name)),
                float(np.quantile([low for low, _ in spans], tail)),
                float(np.quantile([high for _, high in spans], 1 - tail)),
                number,
            )
            for name, spans in self._spans.items()
        }

    def agreement(self, which: str, point: Mapping[str, float] | None, number: int) -> Agreement:
        """Intervals of one track; `point` is the figure on all replies, without it the mean of the resamples."""
        return Agreement(
            **{
                name: _interval(
                    [one[name] for one in self._agreements[which]], None if point is None else point[name], number
                )
                for name in ("spearman", "kappa", "auc")
            }
        )

    def gain(self) -> float:
        """How much the fit gains on replies that it did not see, in Spearman; NaN where it cannot be said."""
        pairs = zip(self._agreements["unseen"], self._outside, strict=True)
        gains = [new["spearman"] - old["spearman"] for new, old in pairs]
        known = [gain for gain in gains if math.isfinite(gain)]
        return sum(known) / len(known) if known else math.nan

    def curves(self, rows: NDArray[np.int64]) -> dict[str, Curve]:
        """Spearman along each axis of the grid through the fitted point."""
        theta, alpha = GRID.index(self._values.threshold), GRID.index(self._values.alpha)
        whole, all_ = self._data.correlations(rows), np.stack(self._grids)
        return {
            "alpha": _curve(whole[theta], all_[:, theta]),
            "threshold": _curve(whole[:, alpha], all_[:, :, alpha]),
        }


def _span(places: Sequence[int]) -> tuple[float, float]:
    return GRID[int(min(places))], GRID[int(max(places))]


def _curve(whole: Array, resamples: Array) -> Curve:
    tail = (1 - LEVEL) / 2
    points = []
    for place, value in enumerate(GRID):
        known = resamples[:, place][np.isfinite(resamples[:, place])]
        if math.isfinite(whole[place]) and known.size:
            low, high = np.quantile(known, [tail, 1 - tail])
            points.append((value, float(whole[place]), float(low), float(high)))
    return Curve(tuple(points))


def _interval(values: Sequence[float], point: float | None, number: int) -> Interval | None:
    known = [value for value in values if math.isfinite(value)]
    if not known or (point is not None and not math.isfinite(point)):
        return None
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(known, [tail, 1 - tail])
    return Interval(sum(known) / len(known) if point is None else point, float(low), float(high), number)


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


def _warnings(
    judged: Sequence[Judged], data: _Data, found: Mapping[str, Interval], gain: float, left_out: int
) -> list[str]:
    said = []
    poor = int(data.poor.sum())
    fine = len(judged) - poor
    if left_out:
        said.append(f"{left_out:,} judged replies are left out, since a part of their score is missing.")
    if len(judged) < FEWEST:
        said.append(f"{len(judged)} judged replies are too few to fit to; review at least {FEWEST}, better 200.")
    if np.ptp(data.grade) == 0:
        said.append(f"Every reply has the grade {data.grade[0]:g}, so α and Θ cannot be told; the present ones stay.")
    if min(poor, fine) == 0:
        kind = "poor" if fine == 0 else "not poor"
        said.append(f"Every reply was judged {kind}, so no threshold for poor can be fitted; the present one stays.")
    elif min(poor, fine) < FEWEST_OF_A_KIND:
        said.append(f"{poor} poor replies and {fine} others say little about the threshold for poor.")
    for name, sign in (("alpha", "α"), ("threshold", "Θ"), ("poor", "The threshold for poor")):
        low, high = found[name].low, found[name].high
        if high - low >= WIDE:
            said.append(f"{sign} cannot be told from these reviews: its interval is [{low:.2f}, {high:.2f}].")
    if math.isfinite(gain) and gain <= 0:
        said.append("On replies that it did not see the fit orders no better than the present α and Θ: keep those.")
    return said

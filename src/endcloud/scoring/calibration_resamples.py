"""What a calibration is worth: the fit repeated on resamples of the questions, and measured on those left out.

A fit is always good on its own data, so what it gains is counted on the questions that a resample did not draw. Where
there are too few questions no interval is given at all: the bootstrap of four replies has no width, and would look
like certainty.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from endcloud.bootstrap import LEVEL, Interval
from endcloud.scoring.calibration_fit import GRID, Array, ReviewedScores, Rows, Values

FEWEST = 30  # judged replies below which nothing is advised, and an interval without width is none
FEWEST_QUESTIONS = 10  # different questions below which there is no interval
TAIL = (1 - LEVEL) / 2


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


class Draws:
    """What each resample found."""

    def __init__(self, data: ReviewedScores, before: Values, values: Values) -> None:
        self._data = data
        self._before = before
        self._values = values
        self._enough = data.questions >= FEWEST_QUESTIONS
        self._drawn: list[tuple[Rows, Rows]] = []
        self._fits: list[Values] = []
        self._spans: dict[str, list[tuple[float, float]]] = {"alpha": [], "threshold": [], "poor": []}
        self._agreements: dict[str, list[dict[str, float]]] = {"present": [], "fitted": [], "unseen": []}
        self._grids: list[Array] = []

    def add(self, rows: Rows, outside: Rows) -> None:
        """Fits to the drawn `rows`, and measures on them and on those `outside`."""
        grid = self._data.correlations(rows)
        values, spans = self._data.fit(grid, rows, self._before)
        for name, span in spans.items():
            self._spans[name].append(span)
        self._agreements["present"].append(self._data.agreement(rows, self._before))
        self._agreements["fitted"].append(self._data.agreement(rows, self._values))
        self._agreements["unseen"].append(self._data.agreement(outside, values))
        self._drawn.append((rows, outside))
        self._fits.append(values)
        self._grids.append(grid)

    def intervals(self) -> dict[str, Interval | None]:
        """Each fitted value with its interval; where several values do as well, all of them are in it."""
        return {name: self._around(getattr(self._values, name), spans) for name, spans in self._spans.items()}

    def agreement(self, which: str, point: Mapping[str, float] | None) -> Agreement:
        """Intervals of one track; `point` is the figure on all replies, without it the mean of the resamples."""
        return Agreement(
            **{
                name: self._interval(
                    [one[name] for one in self._agreements[which]], None if point is None else point[name]
                )
                for name in ("spearman", "kappa", "auc")
            }
        )

    def gain(self, changed: Collection[str]) -> float:
        """How much fitting the `changed` of α and Θ gains on unseen replies, in Spearman; NaN where nobody can say."""
        return self._gained(
            "spearman",
            [
                (
                    self._data.agreement(outside, self._changed(fit, changed)),
                    self._data.agreement(outside, self._before),
                )
                for fit, (_, outside) in zip(self._fits, self._drawn, strict=True)
            ],
        )

    def threshold_for_poor(self, changed: Collection[str], value: float) -> tuple[Interval | None, float]:
        """The interval of the threshold `value`, with only the `changed` of α and Θ fitted; its gain in unseen κ."""
        spans, pairs = [], []
        for fit, (rows, outside) in zip(self._fits, self._drawn, strict=True):
            kept = self._changed(fit, changed)
            poor, span = self._data.poor_below(rows, kept.alpha, kept.threshold, kept.poor)
            spans.append(span)
            new = Values(kept.alpha, kept.threshold, poor)
            pairs.append((self._data.agreement(outside, new), self._data.agreement(outside, kept)))
        return self._around(value, spans), self._gained("kappa", pairs)

    def curves(self, rows: Rows) -> dict[str, Curve]:
        """Spearman along each axis of the grid through the fitted point; empty where there are no intervals."""
        if not self._enough:
            return {"alpha": Curve(()), "threshold": Curve(())}
        theta, alpha = GRID.index(self._values.threshold), GRID.index(self._values.alpha)
        whole, all_ = self._data.correlations(rows), np.stack(self._grids)
        return {
            "alpha": _curve(whole[theta], all_[:, theta]),
            "threshold": _curve(whole[:, alpha], all_[:, :, alpha]),
        }

    def _changed(self, fit: Values, changed: Collection[str]) -> Values:
        """A resample's fit of the `changed` ones, everything else as it is."""
        return Values(
            fit.alpha if "alpha" in changed else self._before.alpha,
            fit.threshold if "threshold" in changed else self._before.threshold,
            self._before.poor,
        )

    def _gained(self, measure: str, pairs: Sequence[tuple[Mapping[str, float], Mapping[str, float]]]) -> float:
        gains = [new[measure] - old[measure] for new, old in pairs]
        known = [gain for gain in gains if math.isfinite(gain)]
        return sum(known) / len(known) if known else math.nan

    def _around(self, value: float, spans: Sequence[tuple[float, float]]) -> Interval | None:
        if not self._enough:
            return None
        lows, highs = zip(*spans, strict=True)
        low, high = np.quantile(lows, TAIL), np.quantile(highs, 1 - TAIL)
        return Interval(float(value), float(low), float(high), len(self._data.grade))

    def _interval(self, values: Sequence[float], point: float | None) -> Interval | None:
        known = [value for value in values if math.isfinite(value)]
        if not self._enough or not known or (point is not None and not math.isfinite(point)):
            return None
        low, high = np.quantile(known, [TAIL, 1 - TAIL])
        number = len(self._data.grade)
        if low == high and number < FEWEST:
            return None  # every resample agrees only since there is so little to draw from
        return Interval(sum(known) / len(known) if point is None else point, float(low), float(high), number)


def _curve(whole: Array, resamples: Array) -> Curve:
    points = []
    for place, value in enumerate(GRID):
        known = resamples[:, place][np.isfinite(resamples[:, place])]
        if math.isfinite(whole[place]) and known.size:
            low, high = np.quantile(known, [TAIL, 1 - TAIL])
            points.append((value, float(whole[place]), float(low), float(high)))
    return Curve(tuple(points))

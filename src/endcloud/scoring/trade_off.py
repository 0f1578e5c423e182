"""What a decision between two routes is worth: quality against the share of cloud calls, as RouteLLM measures it.

Questions go to the cloud in the order of a probability that the end reply is acceptable, the least probable first.
With c the share of questions that the cloud answers and r(c) the share of acceptable answers then,

    PGR(c)  = (r(c) - r(0)) / (r(1) - r(0))         performance gap recovered; 0 all end, 1 all cloud
    APGR    = ∫ PGR(c) dc over c from 0 to 1        its average; 0.5 for routing at random
    CPT(x)  = the smallest c with PGR(c) ≥ x        call-performance threshold
    ECE     = Σ_b |b| / n · |mean probability in b - share of acceptable end replies in b|
              over ten bins b of equal width        expected calibration error

(Ong et al., *RouteLLM: Learning to Route LLMs with Preference Data*, 2024, section 2; there APGR is the mean over
ten values of c, here the exact integral.) Where probabilities are equal, the order within them is random, and r(c)
goes straight between its ends. Intervals are bootstrap ones over groups of questions that are alike, and all
decisions measured on the same questions share the draws, so that differences are paired.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from endcloud.bootstrap import LEVEL, Interval

Array = NDArray[np.float64]
BINS = 10
GRID = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True, slots=True)
class Point:
    """`share` of questions to the cloud, share of acceptable answers (`quality`) then, and of those that the end
    model gives the share that are not acceptable (`risk`). Replies below `accept` go to the cloud."""

    share: float
    quality: float
    risk: float
    accept: float


@dataclass(frozen=True, slots=True)
class Figures:
    """The measures of one decision with 95 % intervals; None where the cloud is no better than the end model."""

    apgr: Interval | None
    cpt50: Interval | None
    cpt80: Interval | None
    ece: Interval

    def as_json(self) -> dict[str, list[float] | None]:
        named = {"APGR": self.apgr, "CPT(50 %)": self.cpt50, "CPT(80 %)": self.cpt80, "ECE": self.ece}
        return {name: None if one is None else [one.mean, one.low, one.high] for name, one in named.items()}


@dataclass(frozen=True, slots=True)
class Band:
    """Quality at the shares of `GRID`, with its interval."""

    quality: Array
    low: Array
    high: Array


class Outcomes:
    """Which answers to the same questions are acceptable, the end model's and the cloud's, and their draws."""

    def __init__(
        self,
        end: Sequence[bool],
        cloud: Sequence[bool],
        groups: Sequence[str],
        *,
        resamples: int = 1000,
        seed: int = 0,
    ) -> None:
        self.end, self.cloud = np.array(end, dtype=np.float64), np.array(cloud, dtype=np.float64)
        names = {name: index for index, name in enumerate(dict.fromkeys(groups))}
        belongs = np.array([names[name] for name in groups], dtype=np.int64)
        drawn = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), resamples)
        # The first row is the questions as they are: every figure and its interval come from one computation.
        self._weights = np.vstack([np.ones(len(belongs)), drawn[:, belongs].astype(np.float64)])

    def __len__(self) -> int:
        return len(self.end)

    def figures(self, probability: Array) -> Figures:
        return Figures(
            self._interval(self._apgr(probability)),
            self._interval(self._cpt(probability, 0.5)),
            self._interval(self._cpt(probability, 0.8)),
            self._known(self._ece(probability)),
        )

    def apgr_difference(self, first: Array, second: Array) -> Interval | None:
        """APGR of `first` - APGR of `second`, paired."""
        return self._interval(self._apgr(first) - self._apgr(second))

    def apgr_over_random(self, probability: Array) -> Interval | None:
        """APGR - 0.5: what routing at random is expected to reach."""
        return self._interval(self._apgr(probability) - 0.5)

    def band(self, probability: Array) -> Band:
        shares, quality = self._curve(probability)
        rows = np.stack([np.interp(GRID, c, r) for c, r in zip(shares, quality, strict=True)])
        low, high = np.quantile(rows[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
        return Band(rows[0], low, high)

    def best(self) -> Array:
        """The order of an oracle that knows both answers: what no decision can beat."""
        return 0.5 - (self.cloud - self.end) / 2

    def points(self, probability: Array) -> list[Point]:
        """Every threshold that sends another share to the cloud, from none on."""
        values, ends = _ties(probability)
        shares, quality = (some[0] for some in self._curve(probability))
        order = np.argsort(probability, kind="stable")
        wrong = np.concatenate([[0.0], np.cumsum(1 - self.end[order])])
        left = wrong[-1] - wrong[np.concatenate([[0], ends])]
        kept = len(self) - np.concatenate([[0], ends])
        accepts = [0.0, *((low + high) / 2 for low, high in pairwise(values)), 1.0]
        return [
            Point(float(c), float(r), float(bad / some) if some else 0.0, float(accept))
            for c, r, bad, some, accept in zip(shares, quality, left, kept, accepts, strict=True)
        ]

    def bins(self, probability: Array) -> list[tuple[float, float, int]]:
        """(mean probability, share acceptable, number) of each bin that holds any question."""
        place = _bin(probability)
        return [
            (float(probability[place == one].mean()), float(self.end[place == one].mean()), int((place == one).sum()))
            for one in range(BINS)
            if (place == one).any()
        ]

    # -- every draw at once: rows are draws, the first of them the questions as they are --------------------------

    def _curve(self, probability: Array) -> tuple[Array, Array]:
        """Shares of cloud calls and quality at every threshold, each (draws, thresholds + 1)."""
        _, ends = _ties(probability)
        order = np.argsort(probability, kind="stable")
        weights = self._weights[:, order]
        total = weights.sum(axis=1, keepdims=True)
        gained = np.cumsum(weights * (self.cloud - self.end)[order], axis=1)[:, ends - 1]
        asked = np.cumsum(weights, axis=1)[:, ends - 1]
        start = (weights * self.end[order]).sum(axis=1, keepdims=True)
        quality = np.hstack([start, start + gained]) / total
        return np.hstack([np.zeros_like(total), asked]) / total, quality

    def _recovered(self, probability: Array) -> tuple[Array, Array]:
        """Shares and PGR; NaN in draws in which the cloud is no better."""
        shares, quality = self._curve(probability)
        gap = quality[:, -1:] - quality[:, :1]
        return shares, (quality - quality[:, :1]) / np.where(gap > 1e-12, gap, np.nan)

    def _apgr(self, probability: Array) -> Array:
        shares, recovered = self._recovered(probability)
        return np.asarray(np.trapezoid(recovered, shares, axis=1))

    def _cpt(self, probability: Array, wanted: float) -> Array:
        shares, recovered = self._recovered(probability)
        at = np.argmax(recovered >= wanted, axis=1)
        rows = np.arange(len(at))
        high, low = recovered[rows, at], recovered[rows, np.maximum(at - 1, 0)]
        c, before = shares[rows, at], shares[rows, np.maximum(at - 1, 0)]
        with np.errstate(invalid="ignore", divide="ignore"):
            found = before + (c - before) * (wanted - low) / np.where(high > low, high - low, np.nan)
        return np.asarray(np.where(np.isnan(recovered[:, -1]), np.nan, found))

    def _ece(self, probability: Array) -> Array:
        place = _bin(probability)
        off = self._weights * (probability - self.end)
        gaps = np.stack([np.abs(off[:, place == one].sum(axis=1)) for one in range(BINS)])
        return np.asarray(gaps.sum(axis=0) / self._weights.sum(axis=1))

    def _known(self, draws: Array) -> Interval:
        low, high = np.nanquantile(draws[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        return Interval(float(draws[0]), float(low), float(high), len(self))

    def _interval(self, draws: Array) -> Interval | None:
        return None if np.isnan(draws[0]) else self._known(draws)


def _ties(probability: Array) -> tuple[Array, NDArray[np.int64]]:
    """The distinct probabilities, ascending, and where each run of equals ends in the sorted order."""
    values, counts = np.unique(probability, return_counts=True)
    return values, np.cumsum(counts)


def _bin(probability: Array) -> NDArray[np.int64]:
    return np.minimum((probability * BINS).astype(np.int64), BINS - 1)

"""Means with intervals (95 % unless asked otherwise), and paired differences, by the bootstrap.

The units drawn with replacement are dialogues, not turns: turns of one dialogue resemble each other, and
drawing them one by one would make every interval too narrow. All measures of all versions share the same
draws, so a difference between two versions is paired by construction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean of `n` known values with its percentile interval; `missing` values were left out, not counted as 0."""

    mean: float
    low: float
    high: float
    n: int
    missing: int = 0

    def text(self, digits: int = 3) -> str:
        """`0.912 [0.871, 0.948]`; without an interval where one value cannot give one."""
        if self.n < 2:
            return f"{self.mean:.{digits}f} (n = {self.n})"
        return f"{self.mean:.{digits}f} [{self.low:.{digits}f}, {self.high:.{digits}f}]"

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval of a difference lies wholly on one side of 0."""
        return self.n >= 2 and (self.low > 0 or self.high < 0)


class Resamples:
    """The draws for one set of items: how often each item counts in each resample."""

    def __init__(self, groups: Sequence[str], *, resamples: int = 2000, seed: int = 0) -> None:
        """`groups` names the dialogue of each item, in item order; items of one dialogue are drawn together."""
        names = {name: index for index, name in enumerate(dict.fromkeys(groups))}
        self._group = np.array([names[name] for name in groups], dtype=np.int64)
        number = max(1, len(names))
        drawn = np.random.default_rng(seed).multinomial(number, np.full(number, 1 / number), size=resamples)
        self._weights: NDArray[np.float64] = drawn.astype(np.float64)  # (resamples, groups)

    def interval(self, values: Sequence[float | None], *, level: float = LEVEL) -> Interval | None:
        """Mean and interval of `values`, one for each item, None where it is not known; None if none is known."""
        if len(values) != len(self._group):
            raise ValueError(f"{len(values)} values for {len(self._group)} items.")
        known = np.array([value is not None for value in values], dtype=np.float64)
        number = int(known.sum())
        if number == 0:
            return None
        numbers = np.array([0.0 if value is None else float(value) for value in values])
        means = self._means(numbers, known)
        tail = (1 - level) / 2
        low, high = np.quantile(means, [tail, 1 - tail])
        return Interval(float(numbers.sum() / number), float(low), float(high), number, len(values) - number)

    def difference(
        self, first: Sequence[float | None], second: Sequence[float | None], *, level: float = LEVEL
    ) -> Interval | None:
        """`first` − `second` over the items where both are known."""
        return self.interval(
            [a - b if a is not None and b is not None else None for a, b in zip(first, second, strict=True)],
            level=level,
        )

    def _means(self, numbers: NDArray[np.float64], known: NDArray[np.float64]) -> NDArray[np.float64]:
        size = self._weights.shape[1]
        sums = self._weights @ np.bincount(self._group, weights=numbers, minlength=size)
        counts = self._weights @ np.bincount(self._group, weights=known, minlength=size)
        drawn = counts > 0  # a resample may miss every known item; it says nothing
        return np.asarray(sums[drawn] / counts[drawn])


def interval(values: Sequence[float | None], *, resamples: int = 2000, seed: int = 0) -> Interval | None:
    """The interval of values that do not depend on one another."""
    return Resamples([str(index) for index in range(len(values))], resamples=resamples, seed=seed).interval(values)

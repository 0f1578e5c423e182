"""Intervals: of the right width, by dialogue, paired, and honest about what is missing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from endcloud.bootstrap import Resamples, interval


def test_the_interval_has_the_width_that_theory_gives() -> None:
    values = list(np.random.default_rng(1).normal(0.5, 0.1, size=400))
    found = interval(values, resamples=8000)
    assert found is not None
    half = norm.ppf(0.975) * np.std(values) / np.sqrt(400)
    assert found.mean == pytest.approx(np.mean(values))
    assert found.low == pytest.approx(found.mean - half, abs=half * 0.06)
    assert found.high == pytest.approx(found.mean + half, abs=half * 0.06)


def test_turns_of_one_dialogue_are_drawn_together() -> None:
    """Ten copies of each value tell no more than one: the interval must not shrink."""
    single = list(np.random.default_rng(2).normal(0.5, 0.1, size=40))
    alone = interval(single, resamples=4000)
    repeated = [value for value in single for _ in range(10)]
    groups = [str(index) for index in range(40) for _ in range(10)]
    together = Resamples(groups, resamples=4000).interval(repeated)
    apart = interval(repeated, resamples=4000)
    assert alone is not None and together is not None and apart is not None
    assert together.high - together.low == pytest.approx(alone.high - alone.low, rel=1e-6)
    assert apart.high - apart.low < 0.5 * (together.high - together.low)


def test_missing_values_are_counted_and_left_out() -> None:
    found = interval([1.0, None, 1.0, None, None])
    assert found is not None
    assert (found.mean, found.n, found.missing) == (1.0, 2, 3)
    assert interval([None, None]) is None


def test_a_paired_difference_sees_what_two_intervals_do_not() -> None:
    base = np.random.default_rng(3).uniform(0, 1, size=60)
    better = base + 0.02
    draws = Resamples([str(index) for index in range(60)])
    ours, theirs = draws.interval(list(better)), draws.interval(list(base))
    difference = draws.difference(list(better), list(base))
    assert ours is not None and theirs is not None and difference is not None
    assert ours.low < theirs.high
    assert difference.excludes_zero
    assert difference.low == pytest.approx(0.02)


def test_a_pair_with_one_side_missing_is_no_pair() -> None:
    difference = Resamples(["a", "b", "c"]).difference([0.5, None, 0.7], [0.4, 0.1, None])
    assert difference is not None
    assert (difference.n, difference.missing) == (1, 2)
    assert difference.text() == "0.100 (n = 1)"
    assert not difference.excludes_zero


def test_the_same_seed_gives_the_same_interval() -> None:
    values = list(np.random.default_rng(4).uniform(size=30))
    assert interval(values, seed=5) == interval(values, seed=5) != interval(values, seed=6)


def test_as_many_values_as_items_are_asked_for() -> None:
    with pytest.raises(ValueError, match="2 values for 1 items"):
        Resamples(["a"]).interval([0.1, 0.2])

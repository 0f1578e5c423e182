"""Exposure's arithmetic: bits between a planted secret and those that were never planted."""

from __future__ import annotations

import math

import pytest
from planted_secrets.exposure import exposure, rank, unplanted_exposures


def test_the_likeliest_of_all_is_wholly_exposed() -> None:
    assert exposure(0.1, [float(one) for one in range(1, 1024)]) == pytest.approx(10.0)


def test_a_secret_in_the_middle_has_one_bit() -> None:
    others = [float(one) for one in range(1, 1024)]
    assert exposure(511.5, others) == pytest.approx(1.0, abs=0.01)
    assert 1.3 < sum(unplanted_exposures(others)) / len(others) < 1.5  # 1/ln 2: the mean of an exponential in bits


def test_equals_claim_the_least() -> None:
    assert rank(1.0, [1.0, 1.0, 2.0]) == 3


@pytest.mark.parametrize("others", [[], [math.nan]])
def test_nothing_to_rank_among_is_an_error(others: list[float]) -> None:
    with pytest.raises(ValueError, match="other secrets"):
        exposure(1.0, others)

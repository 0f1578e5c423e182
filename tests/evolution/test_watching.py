"""A version is rolled back when quality fell, and neither by chance nor by a few angry thumbs."""

from __future__ import annotations

import random

import pytest

from endcloud.evolution.promotion import decide
from endcloud.evolution.watching import FEWEST, by_customer, dissatisfied, highest_rate, watch

MARGIN = 0.02
CALM = (5, 100)  # of a hundred customers before, five were dissatisfied


def test_a_clear_fall_is_seen_within_a_few_dozen_replies() -> None:
    draw = random.Random(1)
    losses = [draw.choice((0.0, 0.0, 0.9)) for _ in range(60)]  # every third reply is wholly worse
    watched = watch(losses, [], CALM, margin=MARGIN)
    assert watched.fell and "The version before would have been" in watched.reason
    assert not watch(losses[:6], [], CALM, margin=MARGIN).fell


def test_a_version_that_is_no_worse_is_seldom_rolled_back_however_often_one_looks() -> None:
    """Worst case: replies differ wildly, and on average by nothing; the stake is looked at after every customer."""
    fell = 0
    for seed in range(100):
        draw = random.Random(seed)
        losses = [draw.choice((-0.9, 0.9)) for _ in range(300)]
        unhappy = [float(draw.random() < 0.05) for _ in range(300)]
        fell += watch(losses, unhappy, (50, 1000), margin=MARGIN).fell
    assert fell <= 3


def test_a_difference_within_the_margin_is_no_fall() -> None:
    assert not watch([0.015] * 3000, [], CALM, margin=MARGIN).fell
    assert watch([0.2] * 200, [], CALM, margin=MARGIN).fell


def test_dissatisfied_customers_roll_back_when_they_are_many() -> None:
    watched = watch([], [1.0, 0.0, 1.0, 0.0, 1.0] * 5, CALM, margin=MARGIN)
    assert watched.fell and "60% of 25 customers were dissatisfied" in watched.reason
    assert not watch([], [1.0, *[0.0] * 19] * 10, CALM, margin=MARGIN).fell


def test_a_few_angry_customers_are_no_fall() -> None:
    assert not watch([], [1.0] * (FEWEST - 1), CALM, margin=MARGIN).fell
    for angry in (3, 5, 7):
        assert not watch([], [1.0] * angry + [0.0] * 30, CALM, margin=MARGIN).fell, "not even when they come first"


def test_nobody_is_blamed_where_the_time_before_is_not_known() -> None:
    assert not watch([], [1.0] * 50, (0, 0), margin=MARGIN).fell


def test_one_customer_counts_once_however_loud() -> None:
    assert by_customer([("a", 0.9)] * 500 + [("b", 0.1), ("a", 0.0)]) == [pytest.approx(450 / 501), 0.1]
    assert dissatisfied([[1.0, 1.0, 1.0], [], [0.0]]) == [1.0, 0.0, 0.0]


def test_dislikes_of_good_replies_do_not_count_not_even_those_that_nobody_looked_at() -> None:
    crowd: list[list[float | None]] = [[None]] * 60
    looked: list[list[float | None]] = [[0.0]] * 8
    unhappy = dissatisfied([*looked, *crowd])
    assert sum(unhappy) == 0 and not watch([], unhappy, CALM, margin=MARGIN).fell
    borne_out: list[list[float | None]] = [[1.0]] * 8
    assert watch([], dissatisfied([*borne_out, *crowd]), CALM, margin=MARGIN).fell
    assert dissatisfied(crowd) == [1.0] * 60, "where no audit looked at all, customers are believed"


def test_the_rate_before_is_taken_at_its_highest() -> None:
    assert highest_rate(0, 100) == pytest.approx(1 - 0.05 ** (1 / 100), rel=1e-6)
    assert highest_rate(5, 100) == pytest.approx(0.1023, abs=5e-4)  # Clopper–Pearson, from tables
    assert highest_rate(0, 0) == highest_rate(4, 4) == 1.0


def test_a_canary_passes_after_enough_replies_unless_it_is_worse() -> None:
    good, bad = watch([0.0] * 40, [], CALM, margin=MARGIN), watch([0.5] * 60, [], CALM, margin=MARGIN)
    assert decide(good, 49, 50).judgement == "undecided"
    assert decide(good, 50, 50).judgement == "promote"
    assert decide(bad, 3, 50).judgement == "refuse"

"""Quality against the share of cloud calls, with figures worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcloud.scoring.trade_off import Outcomes, Point

END, CLOUD = [True, False, True, False], [True, True, True, True]


def outcomes(end: list[bool], cloud: list[bool]) -> Outcomes:
    return Outcomes(end, cloud, [str(at) for at in range(len(end))], resamples=50)


def test_a_perfect_order_recovers_the_gap_with_the_first_calls() -> None:
    figures = outcomes(END, CLOUD).figures(np.array([0.9, 0.1, 0.8, 0.2]))
    # PGR goes from 0 straight to 1 at c = 0.5 and stays: 0.25 + 0.5.
    assert figures.apgr is not None and figures.apgr.mean == pytest.approx(0.75)
    assert figures.cpt50 is not None and figures.cpt50.mean == pytest.approx(0.25)
    assert figures.cpt80 is not None and figures.cpt80.mean == pytest.approx(0.4)
    assert figures.ece.mean == pytest.approx((0.1 + 0.1 + 0.2 + 0.2) / 4)


def test_the_worst_order_recovers_it_with_the_last_calls() -> None:
    figures = outcomes(END, CLOUD).figures(np.array([0.1, 0.9, 0.2, 0.8]))
    assert figures.apgr is not None and figures.apgr.mean == pytest.approx(0.25)
    assert figures.cpt50 is not None and figures.cpt50.mean == pytest.approx(0.75)


def test_knowing_nothing_is_routing_at_random() -> None:
    figures = outcomes(END, CLOUD).figures(np.full(4, 0.5))
    assert figures.apgr is not None and figures.apgr.mean == pytest.approx(0.5)
    assert figures.cpt80 is not None and figures.cpt80.mean == pytest.approx(0.8)
    assert figures.ece.mean == pytest.approx(0.0)


def test_nothing_is_recovered_where_the_cloud_is_no_better() -> None:
    figures = outcomes([True, True], [True, False]).figures(np.array([0.4, 0.6]))
    assert figures.apgr is None and figures.cpt50 is None
    assert figures.ece.n == 2


def test_each_threshold_does_what_its_point_says() -> None:
    probability = np.array([0.9, 0.1, 0.8, 0.1])
    found = outcomes(END, CLOUD)
    points = found.points(probability)
    assert points[0] == Point(0.0, 0.5, 0.5, 0.0)
    assert points[1] == Point(0.5, 1.0, 0.0, (0.1 + 0.8) / 2)
    assert points[-1].share == 1.0 and points[-1].risk == 0.0
    for point in points:
        asked = probability < point.accept
        assert asked.mean() == point.share
        assert np.where(asked, found.cloud, found.end).mean() == pytest.approx(point.quality)


@given(
    st.lists(
        st.tuples(st.booleans(), st.booleans(), st.sampled_from([0.0, 0.2, 0.25, 0.7, 1.0])), min_size=1, max_size=30
    )
)
def test_curves_begin_with_the_end_model_and_end_with_the_cloud(rows: list[tuple[bool, bool, float]]) -> None:
    end, cloud, probability = (list(column) for column in zip(*rows, strict=True))
    found = outcomes(end, cloud)
    band = found.band(np.array(probability))
    assert band.quality[0] == pytest.approx(np.mean(end))
    assert band.quality[-1] == pytest.approx(np.mean(cloud))
    ours, best = found.figures(np.array(probability)), found.figures(found.best())
    assert 0.0 <= ours.ece.mean <= 1.0
    if ours.apgr is not None and best.apgr is not None:
        assert ours.apgr.mean <= best.apgr.mean + 1e-9


def test_differences_are_paired() -> None:
    draw = np.random.default_rng(0)
    end = draw.random(300) < 0.6
    found = Outcomes(list(end), [True] * 300, [str(at) for at in range(300)], resamples=200)
    good = np.where(end, 0.8, 0.3) + 0.3 * draw.random(300) - 0.15
    noisy = good + 0.6 * draw.random(300) - 0.3
    ahead = found.apgr_difference(good, np.clip(noisy, 0, 1))
    itself = found.apgr_difference(good, good)
    assert ahead is not None and ahead.low > 0
    assert itself is not None and (itself.low, itself.mean, itself.high) == (0, 0, 0)

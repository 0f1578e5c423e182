"""Calibration finds the α, Θ and threshold that made the grades, and says so where the data cannot tell."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from endcloud.errors import UsageError
from endcloud.scoring.calibration import Calibration, calibrate
from endcloud.scoring.calibration_chart import agreement_chart
from endcloud.scoring.calibration_fit import Judged, Values, judged_replies
from endcloud.testing.memory_reviews import MemoryReviews
from endcloud.testing.silent_progress import SilentProgress
from endcloud.types import Review, Score

PAPER = Values(0.8, 0.2, 0.5)


def made(
    number: int, alpha: float, theta: float, *, noise: float = 0.0, cut: float = 0.45, seed: int = 3
) -> list[Judged]:
    """Replies whose grade follows Equation 1 at (`alpha`, `theta`); poor where the true final score is below `cut`."""
    draw = np.random.default_rng(seed)
    found = []
    for row in range(number):
        score = Score(*(float(value) for value in draw.random(3)))
        final = score.final(alpha, theta)
        assert final is not None
        felt = final + noise * float(draw.standard_normal())
        found.append(Judged(f"q{row}", score, felt, felt < cut, 1))
    return found


def fitted(judged: list[Judged], before: Values = PAPER) -> Calibration:
    return calibrate(judged, before, SilentProgress(), resamples=50)


def test_the_values_that_made_the_grades_are_found() -> None:
    found = fitted(made(160, alpha=0.35, theta=0.5))
    assert (found.values.alpha, found.values.threshold) == (0.35, 0.5)
    assert found.values.poor == pytest.approx(0.45, abs=0.02)
    assert found.fitted.spearman and found.fitted.spearman.mean == pytest.approx(1.0)
    assert found.fitted.kappa and found.fitted.kappa.mean == pytest.approx(1.0)
    assert found.present.spearman and found.present.spearman.mean < 0.95
    assert found.unseen.auc and found.unseen.auc.mean > 0.99
    assert (found.advised, found.left) == (found.values, {})
    for name in ("alpha", "threshold", "poor"):
        interval = found.intervals[name]
        assert interval
        assert interval.low <= interval.mean <= interval.high
        assert interval.high - interval.low < 0.2
    assert not found.warnings


def test_more_noise_widens_the_intervals() -> None:
    calm, loud = (fitted(made(120, 0.35, 0.0, noise=noise)) for noise in (0.02, 0.3))
    intervals = [one.intervals["alpha"] for one in (calm, loud)]
    width = [one.high - one.low for one in intervals if one]
    assert width[0] < width[1]


def test_grades_that_have_nothing_to_do_with_the_scores_change_no_setting() -> None:
    draw = np.random.default_rng(1)
    judged = [
        replace(one, grade=float(draw.integers(1, 6)), poor=bool(draw.random() < 0.5)) for one in made(60, 0.5, 0.0)
    ]
    found = fitted(judged)
    assert found.advised == PAPER and set(found.left) == {"alpha", "threshold", "poor"}
    assert "too wide to tell" in found.left["alpha"]


def test_one_grade_for_all_says_so_and_keeps_the_settings() -> None:
    found = fitted([replace(one, grade=4.0, poor=False) for one in made(40, 0.5, 0.0)])
    assert found.values == found.advised == PAPER
    assert found.fitted.spearman is None and found.fitted.kappa is None and found.fitted.auc is None
    said = " ".join(found.warnings)
    assert "Every reply has the grade 4" in said and "judged not poor" in said
    assert "not poor" in found.left["poor"] and "same grade" in found.left["alpha"]


@pytest.mark.parametrize(("number", "questions"), [(4, 4), (40, 4), (12, 12)])
def test_few_reviews_give_no_interval_without_width_and_no_advice(number: int, questions: int) -> None:
    judged = [replace(one, query=f"q{row % questions}") for row, one in enumerate(made(number, 0.35, 0.5))]
    found = fitted(judged)
    agreements = [
        interval for track in (found.present, found.fitted, found.unseen) for interval in track.measures().values()
    ]
    assert all(one is None or one.low < one.high for one in (*agreements, *found.intervals.values()))
    if questions < 10:
        assert not any((*agreements, *found.intervals.values())) and "too few to give an interval" in found.warnings[0]
    assert found.advised == PAPER and set(found.left) == {"alpha", "threshold", "poor"}


def test_reviews_may_tell_the_threshold_for_poor_and_not_the_weights() -> None:
    found = fitted(made(160, PAPER.alpha, PAPER.threshold, cut=0.3, noise=0.02))
    assert set(found.left) == {"alpha", "threshold"} and "orders no better" in found.left["alpha"]
    assert (found.advised.alpha, found.advised.threshold) == (PAPER.alpha, PAPER.threshold)
    assert found.advised.poor == pytest.approx(0.3, abs=0.03)


def test_few_reviews_and_incomplete_scores_are_warned_of() -> None:
    judged = made(12, 0.5, 0.0)
    broken = replace(judged[0], score=Score(None, 0.5, 0.5))
    found = fitted([broken, *judged[1:]])
    said = " ".join(found.warnings)
    assert (found.judged, found.left_out) == (11, 1)
    assert "11 judged replies are too few" in said and "1 judged reply is left out" in said


def test_nothing_to_score_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="none can be scored"):
        fitted([Judged("q", Score(None, None, None), 3.0, False, 1)])


def test_reviews_of_one_reply_are_one_judgement() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    store = MemoryReviews()
    grades = {"a": (1, 2, 5), "b": (4, 5)}
    for reply, given in grades.items():
        store.add(
            [Review(f"{reply}{i}", "s", "q", reply, "c", "v", f"p{i}", grade, now) for i, grade in enumerate(given)]
        )
    scores = {("q", reply, "c"): Score(0.5, 0.5, 0.5) for reply in grades}
    bad, good = judged_replies(store.all(), scores)
    assert (bad.grade, bad.poor, bad.reviews) == (pytest.approx(8 / 3), True, 3)
    assert (good.grade, good.poor, good.reviews) == (4.5, False, 2)


def test_the_curve_has_its_highest_point_at_the_fitted_value(tmp_path: Path) -> None:
    found = fitted(made(80, 0.35, 0.5, noise=0.05))
    for name, curve in found.curves.items():
        best = max(curve.points, key=lambda point: point[1])
        at_fit = next(point for point in curve.points if point[0] == getattr(found.values, name))
        assert at_fit[1] == pytest.approx(best[1])
        assert all(low <= mean <= high for _, mean, low, high in curve.points)
        assert all(one[0] < other[0] for one, other in pairwise(curve.points))
    picture = agreement_chart(found, tmp_path)
    assert {path.name for path in picture.files} >= {
        f"agreement-{t}.{s}" for t in ("light", "dark") for s in ("svg", "png")
    }

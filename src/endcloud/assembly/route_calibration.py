"""`endcloud calibrate routes`: fits the decision who answers, picks its threshold for a target, says what to expect.

The figures are cross-fitted: each exchange is judged by a decision that saw nothing of its like. The decision that is
kept is fitted to all of them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from endcloud import whole_files
from endcloud.assembly.escalation import calibration_path, version_of
from endcloud.assembly.scored_exchanges import (
    bundled_exchanges,
    is_bundled,
    price_of_a_call,
    validation_exchanges,
    well_routed,
)
from endcloud.errors import UsageError
from endcloud.scoring.trade_off import Array, Figures, Outcomes, Point
from endcloud.serving.confidence import Uncalibrated
from endcloud.serving.escalation import WHOLE
from endcloud.serving.estimator_fitting import check, cross_fitted, fit
from endcloud.serving.scored_exchange import Exchange

if TYPE_CHECKING:
    from endcloud.assembly.shop import Shop

HELD_BACK = (1, 2, 4, 8, 12, WHOLE)
NEAR_ENOUGH = 0.01
"""The fewest tokens are held back with which quality is within this of the best: the first word comes sooner."""
QUESTIONS = 250
OUTSIDE_SHARE = 0.25
"""Questions outside the trade for each one of a held-out kind: then one in nine."""

Kind = Literal["cloud-share", "cost", "risk"]
_KINDS = ("cloud-share", "cost", "risk")


@dataclass(frozen=True, slots=True)
class Target:
    """What the owner wants: at most this share of questions to the cloud, at most this cost of a thousand questions
    (in the budget's currency), or at most this share of wrong replies among those the end model gives."""

    kind: Kind = "cloud-share"
    value: float = 0.2

    @classmethod
    def parse(cls, text: str) -> Target:
        """Reads `cloud-share=0.2`, `cost=1.5` or `risk=0.05`; raises UsageError for anything else."""
        kind, _, number = text.partition("=")
        try:
            value = float(number)
        except ValueError:
            value = -1.0
        if kind not in _KINDS or not 0 <= value < float("inf") or (kind != "cost" and value > 1):
            raise UsageError(
                f"The target {text!r} is none; write cloud-share=0.2 (at most a fifth of all questions to the cloud), "
                "cost=1.5 (at most 1.5 for a thousand questions, in the budget's currency) or risk=0.05 (at most 5 % "
                "of the end model's replies wrong)."
            )
        return cls(cast("Kind", kind), value)

    def pick(self, points: Sequence[Point], price: float) -> Point:
        """The best threshold that keeps the target; for a risk, the one that asks the cloud least."""
        if self.kind == "risk":
            return next(point for point in points if point.risk <= self.value + 1e-9)
        most = self.value if self.kind == "cloud-share" else (self.value / (1000 * price) if price else 1.0)
        kept = [point for point in points if point.share <= most + 1e-9]
        return max(kept, key=lambda point: (point.quality, -point.share))


@dataclass(frozen=True, slots=True)
class Expected:
    """What to expect with so many tokens held back; `probability` are the cross-fitted ones."""

    held_back: int
    figures: Figures
    point: Point
    probability: Array


@dataclass(frozen=True, slots=True)
class Calibrated:
    """The result: what was measured for each number of tokens, which was `chosen`, and where all of it lies."""

    version: str
    measured_by: str
    target: Target
    outcomes: Outcomes
    expected: tuple[Expected, ...]
    chosen: Expected
    price: float
    path: Path
    folder: Path

    @property
    def sentence(self) -> str:
        """The result as the shop's owner reads it."""
        point, word = self.chosen.point, "right" if self.measured_by == "truth" else "acceptable"
        return (
            f"With {tokens_text(self.chosen.held_back)} and {point.share:.0%} of questions to the cloud, "
            f"{point.quality:.0%} of answers are expected to be {word}; without the cloud "
            f"{self.outcomes.end.mean():.0%}, with the cloud alone {self.outcomes.cloud.mean():.0%}."
        ).replace("%", " %")

    def as_json(self) -> dict[str, Any]:
        return {
            "version": self.version,
            "sentence": self.sentence,
            "measured_by": self.measured_by,
            "exchanges": len(self.outcomes),
            "target": {self.target.kind: self.target.value},
            "end_quality": float(self.outcomes.end.mean()),
            "cloud_quality": float(self.outcomes.cloud.mean()),
            "price_of_a_call": self.price,
            "chosen": None if self.chosen.held_back >= WHOLE else self.chosen.held_back,
            "expected": [
                {
                    "held_back": None if one.held_back >= WHOLE else one.held_back,
                    "cloud_share": one.point.share,
                    "quality": one.point.quality,
                    "risk": one.point.risk,
                    "accept": one.point.accept,
                    **one.figures.as_json(),
                }
                for one in self.expected
            ],
            "calibration": str(self.path),
            "results": str(self.folder),
        }


def tokens_text(held_back: int) -> str:
    if held_back >= WHOLE:
        return "whole replies held back"
    return f"{held_back} token{'s' if held_back > 1 else ''} held back"


def calibrate_routes(
    shop: Shop,
    target: Target,
    *,
    version: str = "",
    held_back: int | None = None,
    questions: int = QUESTIONS,
    resamples: int = 1000,
    folder: Path | None = None,
) -> Calibrated:
    """Fits, chooses, keeps and reports.

    On the bundled shop `questions` of both held-out kinds and a quarter as many outside the trade are asked, the end
    model and the cloud, and judged by the truth; any other shop's validation split is judged by Equation 1. Raises
    UsageError where there is too little to learn.
    """
    digest = version_of(shop, version)
    with shop.directory.lock("calibrate routes"):
        if is_bundled(shop):
            exchanges = bundled_exchanges(shop, "fit", questions, round(OUTSIDE_SHARE * questions), digest)
            measured_by = "truth"
        else:
            exchanges, measured_by = validation_exchanges(shop, digest), "Equation 1"
        return calibrate_on(
            shop, exchanges, target, digest, measured_by, held_back=held_back, resamples=resamples, folder=folder
        )


def calibrate_on(
    shop: Shop,
    exchanges: Sequence[Exchange],
    target: Target,
    digest: str,
    measured_by: str,
    *,
    held_back: int | None = None,
    resamples: int = 1000,
    folder: Path | None = None,
) -> Calibrated:
    """The same on exchanges that are known; keeps the decision for the version `digest`."""
    check(exchanges)
    outcomes, price, expected = outcomes_of(exchanges, resamples), price_of_a_call(shop), []
    numbers = HELD_BACK if held_back is None else (held_back,)
    with shop.progress.task("calibration", len(numbers), "number of tokens") as task:
        for tokens in numbers:
            probability = cross_fitted(exchanges, tokens)
            point = target.pick(outcomes.points(probability), price)
            expected.append(Expected(tokens, outcomes.figures(probability), point, probability))
            task.advance()
    chosen = _chosen(expected, target)
    where = folder or shop.directory.results / datetime.now(UTC).strftime("routes-%Y%m%d-%H%M%S")
    path = calibration_path(shop, digest)
    found = Calibrated(digest, measured_by, target, outcomes, tuple(expected), chosen, price, path, where)
    _report(found, exchanges)
    decision = fit(exchanges, chosen.held_back, chosen.point.accept, HELD_BACK)
    whole_files.write(path, decision.to_json(found.as_json() | {"at": datetime.now(UTC).isoformat()}))
    return found


def outcomes_of(exchanges: Sequence[Exchange], resamples: int = 1000, *, strictly: bool = False) -> Outcomes:
    """Which answers are acceptable; `strictly` holds the cloud to its own words outside the trade, too."""
    return Outcomes(
        [one.acceptable for one in exchanges],
        [one.cloud_acceptable if strictly else well_routed(one) for one in exchanges],
        [one.group for one in exchanges],
        resamples=resamples,
    )


def mean_log_probability(exchanges: Sequence[Exchange], held_back: int) -> Array:
    """The baseline: the geometric mean of the tokens' probabilities."""
    return np.array([Uncalibrated().estimate(one.evidence(held_back)) for one in exchanges])


def _chosen(expected: Sequence[Expected], target: Target) -> Expected:
    if target.kind == "risk":  # the risk is kept by all: what differs is how often the cloud is asked
        least = min(one.point.share for one in expected)
        return next(one for one in expected if one.point.share <= least + NEAR_ENOUGH)
    best = max(one.point.quality for one in expected)
    return next(one for one in expected if one.point.quality >= best - NEAR_ENOUGH)


def _report(found: Calibrated, exchanges: Sequence[Exchange]) -> None:
    from endcloud.scoring.trade_off_chart import apgr_chart, trade_off_chart

    tokens, outcomes = found.chosen.held_back, found.outcomes
    baseline = mean_log_probability(exchanges, tokens)
    trade_off_chart(outcomes, found.chosen.probability, baseline, found.chosen.point, found.folder)
    columns = {one.held_back: (one.figures.apgr, outcomes.figures(mean_log_probability(exchanges, one.held_back)).apgr)
               for one in found.expected}  # fmt: skip
    apgr_chart({"whole" if key >= WHOLE else str(key): value for key, value in columns.items()}, found.folder)
    whole_files.write(found.folder / "routes.json", json.dumps(found.as_json(), ensure_ascii=False, indent=2) + "\n")

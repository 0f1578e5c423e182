"""Fits α, Θ and the threshold for "poor" to people's judgements, and says how far the data can tell.

A scorer's numbers mean something else in every shop and with every model, so the paper's α = 0.8 and Θ = 0.2 are only a
start. `calibration_fit` finds the values that fit best, `calibration_resamples` what they are worth on replies that a
fit did not see. Here it is decided what to advise: a value only where its interval is narrow enough to tell something
and unseen replies bear it out; every other setting stays as it is, with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from endcloud.bootstrap import Interval
from endcloud.errors import UsageError
from endcloud.protocols import Progress
from endcloud.scoring.calibration_fit import Judged, ReviewedScores, Values
from endcloud.scoring.calibration_resamples import FEWEST, FEWEST_QUESTIONS, Agreement, Curve, Draws

FEWEST_OF_A_KIND = 10  # poor ones, and ones that are not
WIDE = 0.5  # of the range [0, 1]: an interval this wide tells nothing
RESAMPLES = 400


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was fitted to `judged` replies, `poor` of them poor, and what it is worth.

    `intervals` of the fitted values; `present` agreement at the settings' values, `fitted` at the new ones on the same
    replies, `unseen` on replies that the fit did not see. `advised` is what to set; the settings named in `left` stay
    as they are there, each with the reason. `warnings` are whole sentences.
    """

    judged: int
    poor: int
    left_out: int
    before: Values
    values: Values
    advised: Values
    left: Mapping[str, str]
    intervals: Mapping[str, Interval | None]
    present: Agreement
    fitted: Agreement
    unseen: Agreement
    curves: Mapping[str, Curve]
    warnings: tuple[str, ...]


def calibrate(
    judged: Sequence[Judged], before: Values, progress: Progress, *, resamples: int = RESAMPLES, seed: int = 0
) -> Calibration:
    """Fits to `judged`; `before` are the present settings, kept where the data prefer nothing else.

    Raises:
        UsageError: no judged reply has all parts of Equation 1.
    """
    known = _scored(judged)
    if not known:
        raise UsageError(
            f"Of {len(judged)} judged replies none can be scored (a cloud reply to compare with is missing); "
            "review replies to queries that the cloud has answered."
        )
    data = ReviewedScores(known)
    rows = np.arange(len(known))
    values, _ = data.fit(data.correlations(rows), rows, before)
    draws = Draws(data, before, values)
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
    advised, left = _advice(data, draws, before, values)
    return Calibration(
        len(known),
        int(data.poor.sum()),
        len(judged) - len(known),
        before,
        values,
        advised,
        left,
        draws.intervals(),
        draws.agreement("present", data.agreement(rows, before)),
        draws.agreement("fitted", data.agreement(rows, values)),
        draws.agreement("unseen", None),
        draws.curves(rows),
        tuple(limits(judged)),
    )


def limits(judged: Sequence[Judged]) -> list[str]:
    """What these judgements cannot tell, in whole sentences."""
    known = _scored(judged)
    questions, poor = len({one.query for one in known}), sum(one.poor for one in known)
    said = []
    if len(known) < len(judged):
        many = (
            "1 judged reply is" if len(judged) - len(known) == 1 else f"{len(judged) - len(known):,} judged replies are"
        )
        said.append(f"{many} left out, since a part of the score is missing.")
    if questions < FEWEST_QUESTIONS:
        said.append(
            f"The judged replies answer {_of(questions, 'question', 'different questions')}, too few to give an "
            f"interval; review replies to at least {FEWEST_QUESTIONS}, better 100."
        )
    if len(known) < FEWEST:
        said.append(
            f"{_of(len(known), 'judged reply is', 'judged replies are')} too few to fit to; "
            f"review at least {FEWEST}, better 200."
        )
    if len({one.grade for one in known}) == 1:
        said.append(f"Every reply has the grade {known[0].grade:g}, so no order of replies can be compared.")
    if not 0 < poor < len(known):
        said.append(f"Every reply was judged {'poor' if poor else 'not poor'}, so κ and AUC cannot be told.")
    elif min(poor, len(known) - poor) < FEWEST_OF_A_KIND:
        said.append(
            f"{poor} poor and {len(known) - poor} other replies say little about κ, AUC and the threshold for poor."
        )
    return said


def _scored(judged: Sequence[Judged]) -> list[Judged]:
    return [one for one in judged if one.score.final(1.0, 0.0) is not None and one.score.relevance is not None]


def _of(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _advice(data: ReviewedScores, draws: Draws, before: Values, values: Values) -> tuple[Values, dict[str, str]]:
    """What to set, and why the others stay: α and Θ by what orders unseen replies, then the threshold for poor."""
    few = _too_few(data)
    if few:
        return before, dict.fromkeys(("alpha", "threshold", "poor"), few)
    intervals, left = draws.intervals(), dict[str, str]()
    for name in ("alpha", "threshold"):
        if np.ptp(data.grade) == 0:
            left[name] = "every reply has the same grade"
        elif reason := _too_wide(intervals[name]):
            left[name] = reason
    changed = [name for name in ("alpha", "threshold") if name not in left]
    if changed and not draws.gain(changed) > 0:
        left |= dict.fromkeys(changed, "on replies that it did not see the fit orders no better than what is set")
        changed = []
    advised = replace(before, **{name: getattr(values, name) for name in changed})
    poor, reason = _threshold_for_poor(data, draws, advised, changed)
    if reason:
        left["poor"] = reason
    return replace(advised, poor=poor), left


def _threshold_for_poor(
    data: ReviewedScores, draws: Draws, advised: Values, changed: Sequence[str]
) -> tuple[float, str]:
    """The threshold at the advised α and Θ, and why the present one stays; the reason is empty where it does not."""
    poor = int(data.poor.sum())
    fine = len(data.poor) - poor
    if min(poor, fine) == 0:
        return advised.poor, f"every reply was judged {'poor' if poor else 'not poor'}"
    if min(poor, fine) < FEWEST_OF_A_KIND:
        return advised.poor, f"there are {poor} poor and {fine} other replies, and it takes {FEWEST_OF_A_KIND} of each"
    found, _ = data.poor_below(np.arange(len(data.poor)), advised.alpha, advised.threshold, advised.poor)
    interval, gain = draws.threshold_for_poor(changed, found)
    reason = _too_wide(interval)
    if not reason and not gain > 0:
        reason = "on replies that it did not see the fitted one agrees with people no better than what is set"
    return (advised.poor, reason) if reason else (found, "")


def _too_few(data: ReviewedScores) -> str:
    if data.questions < FEWEST_QUESTIONS:
        return f"the reviews cover {_of(data.questions, 'question', 'questions')}, and it takes {FEWEST_QUESTIONS}"
    if len(data.grade) < FEWEST:
        return f"there are {len(data.grade)} judged replies, and it takes {FEWEST}"
    return ""


def _too_wide(interval: Interval | None) -> str:
    if interval is None or not math.isfinite(interval.low):
        return "it has no interval"
    wide = interval.high - interval.low >= WIDE
    return f"its interval [{interval.low:.2f}, {interval.high:.2f}] is too wide to tell" if wide else ""

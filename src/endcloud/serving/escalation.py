"""The calibrated decision: how probable it is that an end reply is acceptable, from what is known when it is judged.

What is known becomes a few plain features (`features_of`); an `Estimator` weighs them by a logistic regression and
brings the result to a true share by a calibration curve. There is one estimator for each number k of tokens held
back, and one for whole replies, which alone knows length and relevance. They are fitted elsewhere
(`endcloud.serving.estimator_fitting`) and kept as JSON; here only the arithmetic is needed: no scikit-learn, no
pickle, and some ten microseconds a decision.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from endcloud.errors import EndcloudError
from endcloud.serving.confidence import Evidence

WHOLE = 1_000_000
"""A number of tokens held back that no reply has: every reply is judged whole."""

FORMAT = 1
_SURE = math.log(0.9)
"""A token of at least this log-probability counts as sure."""
_CERTAIN = 1e-3
"""Surprise (nats) below which tokens are all the same to us; the logarithm of a surprise begins here."""

EARLY = (
    "mean log-probability", "lowest log-probability",
    "surprise, mean", "surprise, highest", "surprise, second highest", "surprise of the first token",
    "surprise of the last token", "lowest margin", "mean margin", "unsure tokens",
    "nearness", "distance", "query length",
)  # fmt: skip
LATE = (*EARLY, "sum of log-probabilities", "reply length", "relevance", "irrelevance", "relevance and nearness")


def features_of(evidence: Evidence) -> tuple[float, ...]:
    """The numbers that `EARLY` names, and for a whole reply those of `LATE`.

    A surprise is a negative log-probability (nats) and stands as its logarithm, since 0.001 and 0.1 differ as much
    as 0.1 and 10; so do margins, lengths, distance and irrelevance. Log-probabilities are bounded to [-12, 0] and
    margins to [0, 12], so that one odd token decides nothing. What is unknown is 0.
    """
    logprobs = [min(0.0, max(-12.0, one.logprob)) for one in evidence.drawn] or [-12.0]
    margins = [math.log1p(min(12.0, max(0.0, one.margin))) for one in evidence.drawn] or [0.0]
    mean, ordered = sum(logprobs) / len(logprobs), [*sorted(logprobs), 0.0]
    near = evidence.nearness or 0.0
    early = (
        mean,
        ordered[0],
        *(_surprise(one) for one in (mean, ordered[0], ordered[1], logprobs[0], logprobs[-1])),
        min(margins),
        sum(margins) / len(margins),
        float(sum(one < _SURE for one in logprobs)),
        near,
        math.log(0.05 + near),
        math.log1p(len(evidence.query)),
    )
    if not evidence.whole:
        return early
    relevance = evidence.relevance or 0.0
    late = (sum(logprobs), math.log1p(len(evidence.text)), relevance, math.log(0.01 + relevance), relevance * near)
    return (*early, *late)


def _surprise(logprob: float) -> float:
    return math.log(_CERTAIN - logprob)


@dataclass(frozen=True, slots=True)
class Estimator:
    """A logistic regression and its calibration curve.

    `mean` and `scale` standardise the features, `weights` and `bias` give the log-odds. The curve goes straight
    between its points `at` (log-odds, ascending) and `share` (of acceptable replies), and is level beyond its ends.
    """

    mean: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    bias: float
    at: tuple[float, ...]
    share: tuple[float, ...]

    def log_odds(self, features: Sequence[float]) -> float:
        terms = zip(features, self.mean, self.scale, self.weights, strict=True)
        return self.bias + sum(weight * (value - mean) / scale for value, mean, scale, weight in terms)

    def probability(self, features: Sequence[float]) -> float:
        return self._calibrated(self.log_odds(features))

    def _calibrated(self, odds: float) -> float:
        place = bisect_right(self.at, odds)
        if place == 0:
            return self.share[0]
        if place == len(self.at):
            return self.share[-1]
        left, right = self.at[place - 1], self.at[place]
        part = (odds - left) / (right - left)
        return self.share[place - 1] + part * (self.share[place] - self.share[place - 1])


@dataclass(frozen=True, slots=True)
class Calibrated:
    """Implements `serving.confidence.Confidence` for one version of the end model.

    `late` judges a reply that has ended, `early` one that goes on: an estimator for each of some numbers of tokens,
    ascending. That of the most tokens that have been drawn is asked, so `held_back` may be changed by the operator.
    """

    held_back: int
    accept: float
    late: Estimator
    early: tuple[tuple[int, Estimator], ...]
    name: str = "acceptable with probability"

    def estimate(self, evidence: Evidence) -> float:
        """The probability that the reply is acceptable."""
        features = features_of(evidence)
        if evidence.whole:
            return self.late.probability(features)
        drawn = len(evidence.drawn)
        fitting = [estimator for tokens, estimator in self.early if tokens <= drawn]
        return (fitting[-1] if fitting else self.early[0][1]).probability(features)

    def to_json(self, about: Mapping[str, Any]) -> str:
        """As text of a file; `about` says what it was fitted to, and is for people."""
        held_back = None if self.held_back >= WHOLE else self.held_back
        early = {str(tokens): asdict(estimator) for tokens, estimator in self.early}
        whole = {"format": FORMAT, "held_back": held_back, "accept": self.accept, "about": about}
        return json.dumps({**whole, "late": asdict(self.late), "early": early}, ensure_ascii=False, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Calibrated:
        """Reads what `to_json` wrote. Raises EndcloudError where it is damaged or of another format."""
        try:
            data = json.loads(text)
            if data["format"] != FORMAT:
                raise ValueError(f"format {data['format']!r}")
            held_back, accept = data["held_back"], float(data["accept"])
            early = sorted(
                ((int(tokens), _estimator(one, len(EARLY))) for tokens, one in data["early"].items()),
                key=lambda pair: pair[0],
            )
            late = _estimator(data["late"], len(LATE))
            if not 0 <= accept <= 1 or not early:
                raise ValueError(f"accept {accept!r}, {len(early)} estimators")
            return cls(WHOLE if held_back is None else int(held_back), accept, late, tuple(early))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise EndcloudError(
                f"The calibration of routes cannot be read ({type(error).__name__}: {error}); run "
                "`endcloud calibrate routes` again."
            ) from error


def _estimator(data: Mapping[str, Any], features: int) -> Estimator:
    lists = {name: tuple(map(float, data[name])) for name in ("mean", "scale", "weights", "at", "share")}
    found = Estimator(bias=float(data["bias"]), **lists)
    numbers = [found.bias, *(number for some in lists.values() for number in some)]
    rising = all(left < right for left, right in zip(found.at, found.at[1:], strict=False))
    if (
        {len(found.mean), len(found.scale), len(found.weights)} != {features}
        or len(found.at) != len(found.share)
        or not found.at
        or not rising
        or not all(map(math.isfinite, numbers))
        or min(found.scale) <= 0
        or not all(0 <= share <= 1 for share in found.share)
    ):
        raise ValueError("an estimator is not of this version's features, or not finite")
    return found

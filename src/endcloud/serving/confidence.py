"""The decision whether an end reply may be shown: the estimated probability that it is acceptable.

What is known is `Evidence`: how sure the model was of the first tokens, how near the query lies to what was trained,
and, once the reply is whole, its length and its relevance. `endcloud.serving.escalation` fits an estimator to scored
exchanges; until that was done, `Uncalibrated` stands in, and every decision says so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from endcloud.types import Drawn


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of an end reply when it is judged.

    `nearness` is the likeness of the query to the nearest one that was trained, in [0, 1]; `relevance` is the
    relevance scorer's word on the whole reply; both None where unknown. `whole` says that the reply has ended.
    """

    query: str
    text: str
    drawn: Sequence[Drawn]
    whole: bool
    nearness: float | None = None
    relevance: float | None = None


class Confidence(Protocol):
    """Estimates how probable it is that a reply is acceptable.

    `held_back` tokens are drawn before a reply is judged; a shorter one is judged whole. From `accept` on it is shown.
    """

    @property
    def name(self) -> str: ...

    @property
    def held_back(self) -> int: ...

    @property
    def accept(self) -> float: ...

    def estimate(self, evidence: Evidence) -> float: ...


@dataclass(frozen=True, slots=True)
class Uncalibrated:
    """The geometric mean of the tokens' probabilities: a number between 0 and 1, but no calibrated probability."""

    held_back: int = 8
    accept: float = 0.6
    name: str = "uncalibrated"

    def estimate(self, evidence: Evidence) -> float:
        if not evidence.drawn:
            return 0.0
        return math.exp(sum(drawn.logprob for drawn in evidence.drawn) / len(evidence.drawn))


@dataclass(frozen=True, slots=True)
class ByRelevance:
    """The relevance scorer's word on the whole reply: for a model that says nothing of its own certainty."""

    held_back: int = 1_000_000  # more than any reply has: every one is judged whole
    accept: float = 0.5
    name: str = "relevance, uncalibrated"

    def estimate(self, evidence: Evidence) -> float:
        return 0.0 if evidence.relevance is None else evidence.relevance


@dataclass(frozen=True, slots=True)
class Always:
    """Shows every end reply: for a model behind a URL that says nothing of its own certainty and is trusted."""

    held_back: int = 0
    accept: float = 0.0
    name: str = "always"

    def estimate(self, evidence: Evidence) -> float:
        return 1.0

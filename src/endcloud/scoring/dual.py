"""The dual score: similarity to the cloud's reply and relevance to the customer's query, joined by Equation 1.

The arithmetic itself stands in `types.Score`; here the two scorers are asked, each recurring pair once, for all
versions at a time (the cloud's own relevance is the same for every version, and versions often reply alike).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Protocol, runtime_checkable

from endcloud.errors import ModelError
from endcloud.protocols import Progress, Scorer
from endcloud.types import Rule, Score

Pair = tuple[str, str]

_AT_ONCE = 512  # pairs between two signs of progress


@runtime_checkable
class Remarking(Protocol):
    """A scorer that has something to say after a run, such as how many texts were too long for it."""

    def remarks(self) -> list[str]:
        """Whole sentences about all that was scored so far; empty where all went well."""
        ...


class DualScorer:
    """Equation 1 of the paper with its α and Θ, over two scorers that state the range [0, 1]."""

    def __init__(self, similarity: Scorer, relevance: Scorer, alpha: float = 0.8, threshold: float = 0.2) -> None:
        """`alpha` weighs similarity against relevance; below `threshold` (Θ) relevance is not believed.

        Raises:
            ModelError: a scorer states another range, in which Θ and the weighted sum mean nothing.
        """
        for scorer in (similarity, relevance):
            if tuple(scorer.range) != (0.0, 1.0):
                raise ModelError(
                    f"The scorer {scorer.name!r} states the range {scorer.range!r}, but Equation 1 and its threshold "
                    "are stated for [0, 1]; calibrate it to [0, 1] first."
                )
        for name, value in (("alpha", alpha), ("threshold", threshold)):
            if not 0.0 <= value <= 1.0:
                raise ModelError(f"The {name} of the final score is {value!r}; it must lie between 0 and 1.")
        self.similarity = similarity
        self.relevance = relevance
        self.alpha = alpha
        self.threshold = threshold

    @property
    def scorers(self) -> tuple[str, str]:
        """What measures: `name@digest` of the similarity, then of the relevance scorer."""
        return _identity(self.similarity), _identity(self.relevance)

    def score_all(
        self,
        queries: Sequence[str],
        end_replies: Sequence[str | None],
        cloud_replies: Sequence[str | None],
        progress: Progress | None = None,
    ) -> list[Score]:
        """The parts of Equation 1 for each (query, end reply, cloud reply), in order.

        A reply that does not exist (None) leaves the parts that need it None. An empty reply is a reply, and scores 0.
        """
        triples = list(zip(queries, end_replies, cloud_replies, strict=True))
        alike = _ask(self.similarity, [(end, cloud) for _, end, cloud in triples], progress)
        asked = [(q, end) for q, end, _ in triples] + [(q, cloud) for q, _, cloud in triples]
        both = _ask(self.relevance, asked, progress)
        answers, clouds = both[: len(triples)], both[len(triples) :]
        for scorer in (self.similarity, self.relevance):
            if progress and isinstance(scorer, Remarking):
                for remark in scorer.remarks():
                    progress.say(remark)
        return [
            Score(similarity, relevance, cloud_relevance, self.scorers)
            for similarity, relevance, cloud_relevance in zip(alike, answers, clouds, strict=True)
        ]

    def final(self, score: Score) -> float | None:
        """Equation 1 at this scorer's α and Θ; None where a part is missing."""
        return score.final(self.alpha, self.threshold)

    def rule(self, score: Score) -> Rule:
        """Which branch of Equation 1 applies at this scorer's Θ."""
        return score.rule(self.threshold)


def _identity(scorer: Scorer) -> str:
    return f"{scorer.name}@{scorer.digest[:12]}"


def _ask(
    scorer: Scorer, pairs: Sequence[tuple[str | None, str | None]], progress: Progress | None
) -> list[float | None]:
    """Scores each distinct whole pair once, longest first so that a batch has little padding; None for a pair with
    a side missing."""
    whole = list(dict.fromkeys((a, b) for a, b in pairs if a is not None and b is not None))
    whole.sort(key=lambda pair: -len(pair[0]) - len(pair[1]))
    values: dict[Pair, float | None] = {}
    with progress.task(scorer.name, len(whole), "pair") if progress else nullcontext() as task:
        for start in range(0, len(whole), _AT_ONCE):
            some = whole[start : start + _AT_ONCE]
            values |= zip(some, scorer.score(some), strict=True)
            if task:
                task.advance(len(some))
    return [_checked(scorer, values[a, b]) if a is not None and b is not None else None for a, b in pairs]


def _checked(scorer: Scorer, value: float | None) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    low, high = scorer.range
    if not low <= value <= high:
        raise ModelError(
            f"The scorer {scorer.name!r} gave {value!r}, outside its stated range [{low}, {high}]; "
            "correct its range or clamp what it gives."
        )
    return value

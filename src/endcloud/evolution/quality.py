"""What a reply is worth beside the reply that should have been given: one number, for the audit and the gate alike.

It is the final score of Equation 1, and 0 where the reply is empty, cannot be restored, or states a fact that the
reference says otherwise: "free from 59" beside "free from 99" is nearly the same text and wholly wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from endcloud.facts import contradictions
from endcloud.protocols import Progress
from endcloud.types import Score


class EquationOne(Protocol):
    """The parts of Equation 1, and their sum by its rule; `scoring.dual.DualScorer` is one."""

    def score_all(
        self,
        queries: Sequence[str],
        end_replies: Sequence[str | None],
        cloud_replies: Sequence[str | None],
        progress: Progress | None = None,
    ) -> list[Score]: ...

    def final(self, score: Score) -> float | None: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply to a query, and the `reference` that should have been said; all masked.

    `reference` is None where nobody knows it; `restorable` is False where the reply holds a placeholder that its
    conversation lacks, so that no customer could have been shown it.
    """

    query: str
    said: str
    reference: str | None
    restorable: bool = True


@dataclass(frozen=True, slots=True)
class Quality:
    """What a reply is worth. `value` lies in [0, 1], None where it cannot be told; `final` is Equation 1 alone.

    `wrong` are the facts of the reply that the reference says otherwise, as short texts.
    """

    score: Score
    final: float | None
    wrong: tuple[str, ...]
    value: float | None


def qualities(scorer: EquationOne, answers: Sequence[Answer], progress: Progress | None = None) -> list[Quality]:
    """The quality of each answer, in order; every pair of texts is scored once."""
    scores = scorer.score_all(
        [one.query for one in answers],
        [one.said.strip() for one in answers],
        [one.reference for one in answers],
        progress,
    )
    return [_quality(one, score, scorer.final(score)) for one, score in zip(answers, scores, strict=True)]


def _quality(answer: Answer, score: Score, final: float | None) -> Quality:
    wrong = wrong_facts(answer.said, answer.reference or "")
    failed = bool(wrong) or not answer.said.strip() or not answer.restorable
    return Quality(score, final, wrong, 0.0 if failed else final)


def wrong_facts(said: str, reference: str) -> tuple[str, ...]:
    """The facts of a reply that the reference says otherwise, as short texts in a fixed order."""
    return tuple(str(fact) for fact in sorted(contradictions(said, reference)))

"""What the cloud cost, and what an all-cloud service would have cost more.

Saved is defined so that it can be checked by hand: every question that the end model answered and the cloud did not,
times the mean price of one cloud answer. That price is the price table's for the tokens that cloud answers of the
last 30 days really took, long prompt included. Where no cloud answer was given yet, each end reply is priced at its
own tokens, which is too little, since a cloud prompt is longer. Caution wording is no answer and saves nothing; what
the own machine costs (power, wear) is not known here and not subtracted; what teaching costs stands in a column of
its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from endcloud.protocols import Expense
from endcloud.serving.figures import Row
from endcloud.serving.periods import Period
from endcloud.types import Tokens, Turn

Basis = Literal["cloud answers", "own tokens", "no price"]
_ANSWERING = frozenset({"answer", "takeover"})


@dataclass(frozen=True, slots=True)
class AnswerPrice:
    """What one cloud answer costs: the mean of `answers` real ones, or None where there was none to measure."""

    mean: float | None
    answers: int
    price: Callable[[Tokens], float] | None

    @property
    def basis(self) -> Basis:
        if self.price is None:
            return "no price"
        return "cloud answers" if self.mean is not None else "own tokens"

    def of(self, reply: Turn) -> float:
        """What the cloud would have taken for the answer that the end model gave."""
        if self.mean is not None:
            return self.mean
        # Without what the end model had read before: a cloud has a cache of its own, or none.
        return self.price(replace(reply.tokens, cached=0)) if self.price is not None else 0.0


def answer_price(replies: Sequence[Turn], price: Callable[[Tokens], float] | None) -> AnswerPrice:
    """The price of a cloud answer by the cloud ones among `replies`; `price` is the price table's for some tokens."""
    taken = [reply.tokens for reply in replies if reply.speaker == "cloud" and reply.tokens.completion > 0]
    mean = sum(map(price, taken)) / len(taken) if price is not None and taken else None
    return AnswerPrice(mean, len(taken), price)


def costs(replies: Sequence[Turn], expenses: Sequence[Expense], each: AnswerPrice, period: Period) -> list[Row]:
    """Money by hour or day: spent on answers, spent on teaching and checking, saved, and what all-cloud answers would
    have cost (answers and saved together)."""
    spent = period.split(expenses, lambda expense: expense.at)
    clouded = {reply.answers for reply in replies if reply.route == "cloud"}
    alone = [reply for reply in replies if _by_itself(reply) and reply.answers not in clouded]
    given = period.split(alone, lambda reply: reply.at)
    rows = []
    for start, money, answered in zip(period.starts, spent, given, strict=True):
        answers = sum(one.price for one in money if one.purpose in _ANSWERING)
        saved = sum(map(each.of, answered))
        teaching = sum(one.price for one in money if one.purpose not in _ANSWERING)
        rows.append(
            {"from": start, "answers": answers, "teaching": teaching, "saved": saved, "all_cloud": answers + saved}
        )
    return rows


def _by_itself(reply: Turn) -> bool:
    """Whether the end model answered, and whole."""
    return reply.speaker == "end" and reply.finish != "content_filter" and reply.tokens.completion > 0

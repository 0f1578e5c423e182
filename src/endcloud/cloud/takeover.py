"""The cloud answers a customer in the place of the end model, told about the shop as the teacher is.

It works on masked text (wrap it in `privacy.masked_chat`), asks through the same guarded client, and pays from the
same budget. What it answers is kept as a label under the name of the customer's turn: asked once, it serves the
customer now and teaches the end model later.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from endcloud.cloud.budget import Prices
from endcloud.cloud.teacher import Answer, Prompt, Teacher
from endcloud.protocols import Budget, Label, Labels
from endcloud.types import Delta, Example, Finish, Request, Tokens


@dataclass
class TakeOver:
    """A cloud model that can be asked like any other (`protocols.ChatModel`), in masked text.

    `teacher` is asked for anew with each query: an owner's edit is told to the cloud from the next question on.
    """

    teacher: Callable[[], Teacher]
    budget: Budget
    labels: Labels
    prices: Prices
    terms: str = ""
    name: str = field(init=False)

    def __post_init__(self) -> None:
        self.name = self.teacher().cloud.name

    def affordable(self) -> bool:
        """Whether there is money left at all; a single call may still be too dear."""
        return self.budget.spent() < self.budget.limit() or self.prices == Prices()

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        """Streams the cloud's reply; `request.conversation` is the id of the turn that is answered.

        Raises BudgetError where the budget could be passed (nothing was sent then), PrivacyError and CloudError.
        """
        teacher = await asyncio.to_thread(self.teacher)  # after an edit it is made anew
        prompt = await asyncio.to_thread(_prompt, teacher, request)
        worst = self.prices.worst(prompt.request.messages, prompt.request.sampling.max_tokens)
        reservation = await asyncio.to_thread(self.budget.reserve, worst, "takeover")
        pieces: list[str] = []
        finish: Finish | None = None
        tokens: Tokens | None = None
        begun = time.monotonic()
        try:
            async for delta in teacher.cloud.stream(prompt.request):
                pieces.append(delta.text)
                finish, tokens = delta.finish or finish, delta.tokens or tokens
                yield delta
        finally:
            price = self.prices.of(tokens) if tokens is not None else worst
            answer = Answer("".join(pieces).strip(), finish or "length", tokens, time.monotonic() - begun)
            label = self._label(teacher, request, prompt, answer, price) if finish is not None else None
            # Shielded: a customer who leaves early must not leave money reserved or an answer unrecorded.
            await asyncio.shield(asyncio.to_thread(self._settle, reservation, price, label))

    def _label(self, teacher: Teacher, request: Request, prompt: Prompt, answer: Answer, price: float) -> Label:
        judged = teacher.judge(prompt, answer)
        return Label(
            example=request.conversation,
            key=prompt.key,
            text=answer.text,
            reason=judged.reason,
            model=self.name,
            prompt=prompt.digest,
            terms=self.terms,
            at=datetime.now(UTC),
            seconds=answer.seconds,
            tokens=answer.tokens or Tokens(),
            price=price,
            note=judged.note,
        )

    def _settle(self, reservation: str, price: float, label: Label | None) -> None:
        self.budget.settle(reservation, price)
        if label is not None:
            self.labels.add([label])


def _prompt(teacher: Teacher, request: Request) -> Prompt:
    turn = request.conversation
    example = Example(turn, turn, "", request.messages, "", "natural", "served", "train")
    prompt = next(iter(teacher.prompts([example])))
    asked = replace(prompt.request, purpose="takeover", placeholders=request.placeholders, masked=request.masked)
    return replace(prompt, request=asked)

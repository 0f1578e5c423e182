"""A model whose every call is paid from the shop's budget: reserved at its worst price before, settled to the true one.

For an end model behind a URL that counts as a cloud. `cloud.takeover` and `cloud.labelling` pay for themselves, since
they keep what they paid for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

from endcloud.cloud.budget import Prices
from endcloud.errors import PrivacyError, UnrestorableError
from endcloud.protocols import Budget, ChatModel
from endcloud.types import Delta, Request, Tokens


class PaidModel:
    """A chat model with a price (`protocols.ChatModel`)."""

    def __init__(self, model: ChatModel, budget: Budget, prices: Prices) -> None:
        self.name = model.name
        self._model = model
        self._budget = budget
        self._prices = prices

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        """Streams the reply. Raises BudgetError where the budget could be passed, and asks nothing then."""
        worst = self._prices.worst(request.messages, request.sampling.max_tokens)
        reservation = await asyncio.to_thread(self._budget.reserve, worst, request.purpose)
        tokens: Tokens | None = None
        price = worst  # what is not known to have cost less
        deltas = self._model.stream(request)
        try:
            async for delta in deltas:
                tokens = delta.tokens or tokens
                price = self._prices.of(tokens) if tokens is not None else worst
                yield delta
        except PrivacyError as error:
            if not isinstance(error, UnrestorableError):
                price = 0.0  # nothing was sent
            raise
        finally:
            if isinstance(deltas, AsyncGenerator):  # closes the connection of a stream that is left early
                await deltas.aclose()
            # Shielded: a customer who leaves early must not leave money reserved.
            await asyncio.shield(asyncio.to_thread(self._budget.settle, reservation, price))

"""What a call costs, before it is made and after.

The store keeps the budget (`protocols.Budget`); here is the arithmetic. A call reserves the most it can cost, so
that the budget cannot be passed whatever the provider answers, and settles to what it did cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from endcloud.types import Message, Tokens

# Chat templates add some tokens around each message; no provider at hand adds more than this.
_MESSAGE_OVERHEAD = 16
# Measured on Chinese prompts: a 500-pair prompt of 30,000 characters is about 20,000 tokens.
_TOKENS_A_HANZI = 0.7
_TOKENS_A_LETTER = 0.3


@dataclass(frozen=True, slots=True)
class Prices:
    """A model's prices for a million tokens, in the budget's currency.

    `cached` is for prompt tokens that the provider had in its cache; where it costs no less, give the same.
    """

    prompt: float = 0.0
    cached: float = 0.0
    completion: float = 0.0

    def of(self, tokens: Tokens) -> float:
        """What a call cost that consumed `tokens`."""
        fresh = max(0, tokens.prompt - tokens.cached)
        return (fresh * self.prompt + tokens.cached * self.cached + tokens.completion * self.completion) / 1e6

    def worst(self, messages: Sequence[Message], max_tokens: int) -> float:
        """The most that a call can cost: no tokeniser makes more tokens than a text has UTF-8 bytes."""
        most = sum(len(message.content.encode()) + _MESSAGE_OVERHEAD for message in messages) + _MESSAGE_OVERHEAD
        return (most * max(self.prompt, self.cached) + max_tokens * self.completion) / 1e6


def likely_tokens(text: str) -> int:
    """About how many tokens `text` is: 0.7 a Chinese character, 0.3 any other."""
    hanzi = sum("一" <= sign <= "鿿" for sign in text)
    return round(hanzi * _TOKENS_A_HANZI + (len(text) - hanzi) * _TOKENS_A_LETTER)

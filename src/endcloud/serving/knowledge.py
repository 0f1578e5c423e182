"""What is known of a customer: what they said of themself and talked about before, what the shop's system tells, and
live facts on demand.

All of it stays on this machine: what is chosen for a question goes into the end model's prompt, never into a cloud's.
What customers say is kept by topic in their own words, found by plain patterns that anybody can read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from endcloud.serving.lookup import Lookup
from endcloud.serving.relevant import chosen, lines_of, worth_recalling
from endcloud.serving.remembering import memories_in
from endcloud.store.customers import Memory
from endcloud.types import Exchange, Turn

_LOOKED_AT = 30
"""Earlier exchanges of a customer that are looked at: the newest ones."""


class Customers(Protocol):
    """What is kept of customers."""

    def facts(self, customer: str) -> dict[str, Any]: ...

    def memories(self, customer: str) -> list[Memory]: ...

    def remember(self, memory: Memory) -> None: ...


class Earlier(Protocol):
    """What a customer talked about before."""

    def exchanges_of(self, customer: str, apart_from: str, most: int) -> list[Exchange]: ...


@dataclass(frozen=True)
class CustomerKnowledge:
    """Implements `serving.answering.Knowledge`. `tokens` counts a text's tokens; at most `budget` go into a prompt."""

    customers: Customers
    tokens: Callable[[str], int]
    budget: int
    lookup: Lookup | None = None
    earlier: Earlier | None = None

    def about(self, customer: str, query: str) -> tuple[str, ...]:
        """The lines about a customer that bear on the question, most relevant first, within the budget."""
        if not self.budget:
            return ()
        lines = lines_of(self.customers.memories(customer), self.customers.facts(customer))
        return chosen(lines, query, self.tokens, self.budget)

    def recall(self, customer: str, query: Turn, about: Sequence[str]) -> tuple[Turn, ...]:
        """Earlier exchanges that bear on the query, oldest first, in what `about` leaves of the budget."""
        room = self.budget - sum(map(self.tokens, about))
        if self.earlier is None or room <= 0:
            return ()
        found = self.earlier.exchanges_of(customer, query.conversation, _LOOKED_AT)
        return worth_recalling(found, query.text, self.tokens, room)

    async def look_up(self, customer: str, query: str) -> str | None:
        """What the shop's own system says to a question about live facts."""
        return None if self.lookup is None else await self.lookup(customer, query)

    def hear(self, customer: str, turn: Turn) -> None:
        """Keeps what a customer says of themself; said again in the same words, it is kept once."""
        if not self.budget:
            return
        known = {(memory.topic, memory.text) for memory in self.customers.memories(customer)}
        for topic, text in memories_in(turn.text):
            if (topic, text) not in known:
                self.customers.remember(Memory(customer, topic, text, turn.id, turn.at))

"""Served exchanges as the models saw them: masked, oldest message first, ready to be asked again or learned from.

Turns are kept as the customer saw them; masked text is always derived from them. What the service itself says between
two turns (a person has been called) is nobody's answer and is left out; an agent's words count as the shop's. Replies
drawn from memory or a lookup are left out too: they may hold what nobody would mask, and the cloud is asked with this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from endcloud.privacy.cut_off import without_loose_ends
from endcloud.protocols import Conversations, Masker
from endcloud.types import Message, Turn

CONTEXT_TURNS = 6


@dataclass(frozen=True, slots=True)
class Served:
    """A reply with the query it answers and what was said before; `messages` (the query last) and `said` are masked.

    `restorable` is False where the reply holds a placeholder that its context lacks.
    """

    query: Turn
    reply: Turn
    messages: tuple[Message, ...]
    said: str
    restorable: bool
    customer: str

    def masked(self, masker: Masker, text: str) -> str:
        """Another reply to the same query (a correction), masked as part of this conversation."""
        return masker.mask((*self.context, Message("assistant", text))).messages[-1].content

    @property
    def context(self) -> tuple[Message, ...]:
        """The messages as the customer saw them, unmasked; kept in memory only."""
        return self._raw

    _raw: tuple[Message, ...] = ()


def served(
    reply: Turn,
    conversations: Conversations,
    masker: Masker,
    turns: Sequence[Turn] | None = None,
    customer: str | None = None,
) -> Served | None:
    """The exchange of a reply; None where the query is not there any more (the customer was forgotten).

    `turns` and `customer` are the conversation's, where they are known already.
    """
    turns = conversations.turns(reply.conversation) if turns is None else turns
    at = next((at for at, turn in enumerate(turns) if turn.id == reply.answers), None)
    if at is None:
        return None
    so_far = _messages(turns[: at + 1])
    raw = without_loose_ends(masker, so_far[: -(CONTEXT_TURNS + 1)], so_far[-(CONTEXT_TURNS + 1) :])
    masked = masker.mask((*raw, Message("assistant", reply.text)))
    *messages, said = masked.messages
    restorable = not masker.unrestorable(messages, said.content)
    customer = conversations.customer(reply.conversation) if customer is None else customer
    return Served(turns[at], reply, tuple(messages), said.content, restorable, customer, raw)


def _messages(turns: Sequence[Turn]) -> list[Message]:
    """Turns as messages; a query that was answered twice keeps its last answer."""
    said: list[tuple[str, Message]] = []
    for turn in turns:
        if turn.speaker == "customer":
            said.append((turn.id, Message("user", turn.text)))
        elif turn.speaker != "shop" and not turn.private:
            if said and said[-1][0] == turn.answers and said[-1][1].role == "assistant":
                said.pop()
            said.append((turn.answers, Message("assistant", turn.text)))
    return [message for _, message in said]

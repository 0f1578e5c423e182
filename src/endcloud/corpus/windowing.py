"""Cuts a dialogue into examples: each reply of the shop, with up to K turns that led to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from endcloud.types import Message


@dataclass(frozen=True, slots=True)
class Window:
    """A reply and its context; `position` is the reply's place in the dialogue, from 0."""

    position: int
    context: tuple[Message, ...]
    reply: str


def windows(messages: Sequence[Message], turns: int) -> Iterator[Window]:
    """Every agent turn that answers a customer turn, in order.

    The context has at most `turns` messages (an odd number is used fully, since turns alternate), begins and
    ends with the customer: a greeting before the customer's first word teaches nothing, and several chat APIs
    refuse a history that begins with the assistant.
    """
    for position, message in enumerate(messages):
        if message.role != "assistant" or position == 0:
            continue
        context = list(messages[max(0, position - turns) : position])
        while context and context[0].role != "user":
            context.pop(0)
        if context:
            yield Window(position, tuple(context), message.content)

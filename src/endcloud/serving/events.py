"""What happens while a customer is being answered, in the order in which the pages hear of it."""

from __future__ import annotations

from dataclasses import dataclass

from endcloud.types import Handoff, Route, Turn


@dataclass(frozen=True, slots=True)
class Began:
    """A reply has begun: who speaks, by which version. Its words come as pieces under the same turn id."""

    conversation: str
    turn: str
    route: Route
    version: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A checked piece of a reply. It is never taken back."""

    conversation: str
    turn: str
    text: str


@dataclass(frozen=True, slots=True)
class Said:
    """A turn is whole and on disk. A reply of no words at all was withheld before anything was shown."""

    turn: Turn

    @property
    def conversation(self) -> str:
        return self.turn.conversation


@dataclass(frozen=True, slots=True)
class Called:
    """A person has been called, has come, or has handed back."""

    handoff: Handoff

    @property
    def conversation(self) -> str:
        return self.handoff.conversation


Event = Began | Piece | Said | Called

"""Formats that hold one turn a line: turns that stand together and share an id are one dialogue."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from endcloud.corpus.readers.notes import Notes
from endcloud.types import Dialogue, Message


@dataclass(frozen=True, slots=True)
class Turn:
    """One line of such a file."""

    dialogue: str
    customer: str
    message: Message


def group_turns(turns: Iterator[Turn], source: str, notes: Notes) -> Iterator[Dialogue]:
    """One dialogue for each run of turns with the same id, in file order.

    A file is read as a stream, so an id that comes back later makes a second dialogue of that id; both stay in
    one split, and `notes.reopened` counts them. Memory: about 80 bytes a dialogue.
    """
    seen: set[int] = set()
    for identity, run in groupby(turns, key=lambda turn: turn.dialogue):
        together = list(run)
        notes.reopened += hash(identity) in seen
        seen.add(hash(identity))
        customer = next((turn.customer for turn in together if turn.customer), "")
        yield Dialogue(identity, tuple(turn.message for turn in together), source, customer)

"""JDDC `chat.txt`: one turn a line, TAB between seven fields.

    session_id  user_id  waiter_send (0 customer, 1 agent)  is_transfer  is_repeat  sku  content

The official file has a header row and unmerged turns; the simplified ones have no header, merged turns, and in
some copies four fields only (session_id, user_id, waiter_send, content). A content may itself hold a TAB, so a
line is split at most six (three) times. Source: JDDC 2019 corpus, Chen et al., arXiv 1911.09969.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from endcloud.corpus.readers.notes import Notes
from endcloud.corpus.readers.source import Source
from endcloud.corpus.readers.turns import Turn, group_turns
from endcloud.types import Dialogue, Message

FULL, SHORT = 7, 4
HEAD_LINES = 50


@dataclass(frozen=True, slots=True)
class JddcReader:
    name: str = "jddc"
    marks: bool = True

    def recognises(self, head: str) -> bool:
        return bool(_field_count(head))

    def read(self, source: Source, notes: Notes) -> Iterator[Dialogue]:
        fields = _field_count(source.head()) or FULL
        return group_turns(_turns(source, fields, notes), source.name, notes)


def _field_count(head: str) -> int:
    """7 or 4, or 0 where the text is not JDDC: most lines have a 0 or 1 as third field."""
    lines = [line.split("\t") for line in head.splitlines()[:HEAD_LINES] if line.strip()]
    if lines and lines[0][0].strip() == "session_id":
        return FULL if len(lines[0]) == FULL else SHORT
    turns = [line for line in lines if len(line) >= SHORT and line[2] in ("0", "1")]
    if 2 * len(turns) <= len(lines):
        return 0
    full = [line for line in turns if len(line) >= FULL and line[3] in ("0", "1") and line[4] in ("0", "1")]
    return FULL if 2 * len(full) > len(turns) else SHORT


def _turns(source: Source, fields: int, notes: Notes) -> Iterator[Turn]:
    for number, line in source.lines(notes):
        if not line.strip() or (number == 1 and line.startswith("session_id")):
            continue
        parts = line.split("\t", fields - 1)
        if len(parts) != fields:
            notes.reject(source.name, number, f"has {len(parts)} fields instead of {fields}")
        elif parts[2] not in ("0", "1"):
            notes.reject(source.name, number, f"has waiter_send {parts[2][:20]!r}, which is neither 0 nor 1")
        else:
            message = Message("assistant" if parts[2] == "1" else "user", parts[-1])
            yield Turn(parts[0], parts[1], message)

"""What a reader has to say about a source besides its dialogues: lines it could not read, things it left out.

A malformed line is never fatal and never silently lost: it is counted, and the first ones are kept by number.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

LISTED = 100


@dataclass(frozen=True, slots=True)
class MalformedLine:
    """One line that could not be read; `line` counts from 1."""

    source: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.source}:{self.line}: {self.reason}"


@dataclass(slots=True)
class Notes:
    """Filled by readers while they read.

    `malformed` counts all malformed lines, `lines` holds the first `LISTED` of them; `dropped` counts what was
    left out on purpose, by reason; `bytes_before` is the size of the files read before, `bytes_read` how far the
    current one has been read (as stored: compressed bytes of a `.gz`); `reopened` counts dialogues whose turns
    do not stand together.
    """

    malformed: int = 0
    lines: list[MalformedLine] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    bytes_before: int = 0
    bytes_read: int = 0
    reopened: int = 0

    def reject(self, source: str, line: int, reason: str) -> None:
        self.malformed += 1
        if len(self.lines) < LISTED:
            self.lines.append(MalformedLine(source, line, reason))

    def drop(self, reason: str) -> None:
        self.dropped[reason] += 1

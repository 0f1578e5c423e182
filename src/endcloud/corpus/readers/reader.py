"""What every reader promises."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from endcloud.corpus.readers.notes import Notes
from endcloud.corpus.readers.source import Source
from endcloud.types import Dialogue


class Reader(Protocol):
    """Reads one format.

    `marks` says that the corpus was desensitised with marks such as `[电话x]`, which then stand for values.
    """

    @property
    def name(self) -> str: ...

    @property
    def marks(self) -> bool: ...

    def recognises(self, head: str) -> bool:
        """Whether a text that begins like this is in this format."""
        ...

    def read(self, source: Source, notes: Notes) -> Iterator[Dialogue]:
        """The dialogues in file order, raw; lines that cannot be read go to `notes`."""
        ...

"""Who may answer in a conversation: one at a time, in the order in which they were asked.

A customer who writes while an answer is being given is heard at once and answered next. Whoever joins the line keeps
the place until leaving it, also where nothing was answered, and passes the floor on.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class Floor:
    """The lines of all conversations; to be used in one event loop. A line is gone when nobody stands in it."""

    def __init__(self) -> None:
        self._lines: dict[str, deque[asyncio.Event]] = {}

    @contextmanager
    def joined(self, conversation: str) -> Iterator[asyncio.Event]:
        """A place in the line, taken at once; the event is set when it is this one's turn."""
        line = self._lines.setdefault(conversation, deque())
        mine = asyncio.Event()
        line.append(mine)
        line[0].set()
        try:
            yield mine
        finally:
            line.remove(mine)
            if line:
                line[0].set()
            else:
                del self._lines[conversation]

    def length(self, conversation: str) -> int:
        """How many stand in the line, the one who speaks among them."""
        return len(self._lines.get(conversation, ()))

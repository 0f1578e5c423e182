"""Tells whoever listens what happens in a conversation: the customer's page, the agent who has it, the console.

A listener that does not keep up is dropped rather than waited for; it comes back and reads from the store what it
missed, since every turn is on disk before it is told.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from endcloud.serving.events import Event

EVERYTHING = ""
"""Listening to this name hears every conversation."""

_MOST_WAITING = 512


class Feed:
    """Listeners by conversation, within this process; to be used in one event loop."""

    def __init__(self) -> None:
        self._listeners: dict[str, set[asyncio.Queue[Event | None]]] = defaultdict(set)
        self.observers: list[Callable[[Event], None]] = []  # told at once; they must only count

    @contextmanager
    def listen(self, conversation: str) -> Iterator[asyncio.Queue[Event | None]]:
        """A queue of the news of one conversation, or of `EVERYTHING`; None in it means: you were dropped."""
        queue: asyncio.Queue[Event | None] = asyncio.Queue(_MOST_WAITING)
        self._listeners[conversation].add(queue)
        try:
            yield queue
        finally:
            self._listeners[conversation].discard(queue)
            if not self._listeners[conversation]:
                del self._listeners[conversation]

    def tell(self, event: Event) -> None:
        for observe in self.observers:
            observe(event)
        for name in (event.conversation, EVERYTHING):
            for queue in list(self._listeners.get(name, ())):
                if queue.qsize() < _MOST_WAITING - 1:
                    queue.put_nowait(event)
                elif not queue.full():
                    queue.put_nowait(None)
                    self._listeners[name].discard(queue)

    def close(self) -> None:
        """Lets every listener go; a page comes back by itself when there is somebody to come back to."""
        for queues in list(self._listeners.values()):
            for queue in list(queues):
                if not queue.full():
                    queue.put_nowait(None)

    @property
    def listeners(self) -> int:
        return sum(len(queues) for queues in self._listeners.values())

"""Server-sent events: the form in which everything that comes bit by bit leaves here."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send


class EventStream(StreamingResponse):
    """A response of server-sent events that lets go of its source, and calls `leave`, when the reader leaves."""

    def __init__(
        self,
        events: AsyncGenerator[bytes],
        headers: Mapping[str, str] | None = None,
        leave: Callable[[], None] = lambda: None,
    ) -> None:
        self._events, self._leave = events, leave
        kept = {"cache-control": "no-store", "x-accel-buffering": "no", **(headers or {})}
        super().__init__(events, media_type="text/event-stream", headers=kept)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._leave()
            await self._events.aclose()


def server_sent(data: str, *, event: str = "", name: str = "") -> bytes:
    """One event as bytes. `name` is its id, by which a reader that comes back says what it has seen."""
    head = (f"id: {name}\n" if name else "") + (f"event: {event}\n" if event else "")
    return f"{head}data: {data}\n\n".encode()


ALIVE = b": alive\n\n"
"""A comment that keeps a connection open through proxies when nothing happens."""

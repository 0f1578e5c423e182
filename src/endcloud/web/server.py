"""Runs the application until it is told to stop, and then ends in order.

On Ctrl-C (or SIGTERM) no new connection is taken, answers under way are finished and kept, pages that only listen are
let go (they come back by themselves), and whatever still hangs after twenty seconds is cut. A second Ctrl-C does not
wait.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn
from fastapi import FastAPI

from endcloud.errors import UsageError
from endcloud.serving.service import Service

_DRAIN_SECONDS = 20


class _Server(uvicorn.Server):
    """Tells when it listens, and lets listeners go when it ends."""

    def __init__(self, config: uvicorn.Config, app: FastAPI, began: Callable[[], None]) -> None:
        super().__init__(config)
        self._app, self._began = app, began

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            self._began()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        letting_go = asyncio.create_task(self._let_listeners_go())
        await super().shutdown(sockets)
        letting_go.cancel()

    async def _let_listeners_go(self) -> None:
        if self._app.state.running:
            await asyncio.wait(set(self._app.state.running), timeout=_DRAIN_SECONDS)
        service: Service = self._app.state.service
        service.feed.close()


def serve_until_stopped(app: FastAPI, host: str, port: int, began: Callable[[str], None]) -> None:
    """Serves; `began` is called with the URL once connections are taken. Raises UsageError for a taken address."""
    listening = _bound(host, port)
    shown = f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{listening.getsockname()[1]}"
    config = uvicorn.Config(
        app,
        log_config=None,  # see endcloud.web.logs
        access_log=False,  # paths hold the names of customers and conversations
        server_header=False,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )
    server = _Server(config, app, lambda: began(url))
    keep_collections_short()
    with listening, _stop_signals():
        server.run(sockets=[listening])
    if server.force_exit:
        raise KeyboardInterrupt


def keep_collections_short() -> None:
    """What is there by now is there to stay: the garbage collector looks at what comes after it only.

    A collection of everything stops a process with a model in it for a sixth of a second and more, and with it every
    reply and every refusal. The second collection tells the collector how little is left to look at.
    """
    gc.collect()
    gc.freeze()
    gc.collect()


@contextmanager
def _stop_signals() -> Iterator[None]:
    """uvicorn raises the signal that stopped it once more when it has ended; here the end was in order."""

    def heard(number: int, frame: FrameType | None) -> None:
        """Nothing is left to be done."""

    before = {number: signal.signal(number, heard) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _bound(host: str, port: int) -> socket.socket:
    """A socket bound to the address, before anything else could be told that it listens."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise UsageError(f"Nothing can listen on {host!r}, port {port!r}: {reason}; choose another one.") from error
    return listening

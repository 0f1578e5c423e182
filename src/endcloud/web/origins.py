"""Which pages of other origins may call what: a shop's own pages the customers' API and the chat's files, nothing else.

The console, the dashboard and the figures are for this origin alone, whatever the settings allow.
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

_CUSTOMERS = ("/v1/", "/chat.js", "/static/")


class CustomersOrigins:
    """Answers preflights and marks responses for the shop's `origins`, on the customers' paths only."""

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        self._app = app
        self._open = CORSMiddleware(
            app,
            allow_origins=list(origins),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["authorization", "content-type", "last-event-id"],
            expose_headers=["retry-after"],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        customers = scope["type"] == "http" and scope["path"].startswith(_CUSTOMERS)
        await (self._open if customers else self._app)(scope, receive, send)

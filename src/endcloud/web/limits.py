"""Bounds on what one request, and all of them together, may take.

Whoever comes when all places are taken is told so at once and when to come again: a queue that nobody sees the end of
helps no customer. Refusing must cost next to nothing, or the refused take the time of those who are being answered:
so it is done before the body is read, the route looked for or the key looked at, and tells nobody anything but that.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from endcloud.web.failures import RefusedRequest, refused
from endcloud.web.openai_wire import error_body
from endcloud.web.rates import Rate


@dataclass
class Admission:
    """How many answers may be under way at once; the one beyond is refused with 429."""

    most: int
    under_way: int = 0

    def enter(self) -> Callable[[], None]:
        """Takes a place and returns how to give it back. Raises RefusedRequest where there is none."""
        if (refusal := self.refusal()) is not None:
            raise refusal
        self.under_way += 1
        return self._leave

    def refusal(self) -> RefusedRequest | None:
        """What whoever comes now is told where all places are taken; None where there is one."""
        if self.under_way < self.most:
            return None
        message = f"All {self.most} places are taken; try again in a second."
        return RefusedRequest(429, message, code="rate_limit_exceeded", retry_after=1)

    def _leave(self) -> None:
        self.under_way -= 1


@dataclass
class Listeners:
    """How many event streams may be open at once, of all and of `each` reader; the one beyond is refused with 429."""

    most: int
    each: int
    open: Counter[str] = field(default_factory=Counter)

    def enter(self, who: str) -> Callable[[], None]:
        """Takes a place and returns how to give it back. Raises RefusedRequest where there is none."""
        if self.open[who] >= self.each:
            message = f"{self.each} event streams of yours are open already; close one, or try again in 5 seconds."
            raise RefusedRequest(429, message, code="rate_limit_exceeded", retry_after=5)
        if self.open.total() >= self.most:
            message = f"All {self.most} event streams are taken; try again in 5 seconds."
            raise RefusedRequest(429, message, code="rate_limit_exceeded", retry_after=5)
        self.open[who] += 1

        def leave() -> None:
            self.open[who] -= 1
            self.open += Counter()  # drops those who have none open

        return leave


def not_too_often(rate: Rate, request: Request) -> str:
    """The address of a request, which is counted. Raises RefusedRequest where it has come too often."""
    address = request.client.host if request.client is not None else ""
    if wait := rate.wait(address):
        seconds = math.ceil(wait)
        message = f"Too many of these came from your address; try again in {seconds} s."
        raise RefusedRequest(429, message, code="rate_limit_exceeded", retry_after=seconds)
    rate.count(address)
    return address


class EarlyRefusal:
    """Refuses calls of the routes that take a place while there is none; `Admission.enter` still has the last word."""

    def __init__(self, app: ASGIApp, admission: Admission, routes: Sequence[APIRoute]) -> None:
        self._app = app
        self._admission = admission
        self._routes = [(route, route.path_regex.match, route.methods or set()) for route in routes]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._admission.refusal() if scope["type"] == "http" else None
        route = self._called(scope) if refusal is not None else None
        if refusal is None or route is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = route  # by which the metrics count it
        await refused(refusal)(scope, receive, send)

    def _called(self, scope: Scope) -> APIRoute | None:
        found = (
            route for route, matches, methods in self._routes if scope["method"] in methods and matches(scope["path"])
        )
        return next(found, None)


class BodyLimit:
    """Refuses bodies of more than `most` bytes, by their announced length or as they come."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        if announced.isdigit() and int(announced) > self._most:
            await self._refuse(scope, receive, send)
            return
        read, begun = 0, False

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._most:
                raise _TooLargeError
            return message

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, counted, watched)
        except _TooLargeError:
            if not begun:
                await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        message = f"The request is larger than {self._most} bytes; send less at once."
        await JSONResponse(error_body(message, "invalid_request_error"), status_code=413)(scope, receive, send)


class _TooLargeError(Exception):
    """The body has grown beyond the limit."""


class SecurityHeaders:
    """Puts on every response what keeps a browser from doing more with it than is meant."""

    def __init__(self, app: ASGIApp, headers: dict[str, str]) -> None:
        self._app = app
        self._headers = [(name.encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *self._headers]
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)

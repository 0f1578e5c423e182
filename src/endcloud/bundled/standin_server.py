"""The HTTP side of the stand-in cloud: FastAPI routes, the key check and the errors."""

from __future__ import annotations

import hmac
import os
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.exceptions import HTTPException

from endcloud.bundled import standin_wire as wire
from endcloud.bundled.standin_answers import answer


def create_app(key: str | None = None) -> FastAPI:
    """The stand-in as an ASGI application; with `key`, requests under /v1 must carry it as a bearer token."""
    app = FastAPI(title="stand-in cloud", docs_url=None, redoc_url=None, openapi_url=None)
    prefixes = wire.PrefixCache()

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok", "model": wire.MODEL}

    @app.get("/v1/models")
    async def models(request: Request) -> dict[str, object]:
        _check_key(request, key)
        return {"object": "list", "data": [{"id": wire.MODEL, "object": "model", "created": 0, "owned_by": "endcloud"}]}

    @app.post("/v1/chat/completions")
    async def chat_completions(request: Request) -> Response:
        _check_key(request, key)
        asked = wire.read_request(await request.body())
        text, finish = wire.cut(answer(asked.turns), asked.max_tokens)
        usage = wire.Usage(
            prompt=sum(wire.estimate_tokens(turn.content) for turn in asked.turns),
            completion=wire.estimate_tokens(text),
            cached=prefixes.cached_tokens(asked.turns),
        )
        created = int(time.time())
        if not asked.stream:
            return JSONResponse(wire.completion(asked, text, finish, usage, created))
        return StreamingResponse(
            _one_by_one(wire.events(asked, text, finish, usage, created)), media_type="text/event-stream"
        )

    @app.exception_handler(wire.WireError)
    async def refused(_: Request, error: wire.WireError) -> JSONResponse:
        return JSONResponse(error.body, status_code=error.status)

    @app.exception_handler(HTTPException)
    async def not_served(request: Request, error: HTTPException) -> JSONResponse:
        message = f"{request.method} {request.url.path} is not served here."
        body = wire.WireError(error.status_code, message, type="invalid_request_error", code="unknown_url").body
        return JSONResponse(body, status_code=error.status_code)

    @app.exception_handler(Exception)
    async def failed(_: Request, error: Exception) -> JSONResponse:
        message = f"The stand-in failed: {type(error).__name__}: {error}"
        return JSONResponse(wire.WireError(500, message, type="server_error").body, status_code=500)

    return app


async def _one_by_one(events: Iterator[bytes]) -> AsyncIterator[bytes]:
    for each in events:  # async, since starlette would hand every piece of a plain iterator to a thread
        yield each


def _check_key(request: Request, key: str | None) -> None:
    if key is None:
        return
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    if not hmac.compare_digest(given.encode(), key.encode()):
        message = "Incorrect API key provided." if given else "You did not provide an API key."
        raise wire.WireError(401, message, type="invalid_request_error", code="invalid_api_key")


def serve(listener: socket.socket, *, key: str | None, until_stdin_closes: bool) -> None:
    """Serves on a bound socket until a signal, or until standard input is closed where that is asked for."""
    config = uvicorn.Config(create_app(key), log_level="warning", access_log=False, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    if until_stdin_closes:
        threading.Thread(target=_end_with_stdin, args=(server,), daemon=True).start()
    server.run(sockets=[listener])


def _end_with_stdin(server: uvicorn.Server) -> None:
    while os.read(0, 1024):  # returns b"" once the process at the other end is gone, however it went
        pass
    server.should_exit = True

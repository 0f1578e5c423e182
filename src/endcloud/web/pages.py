"""Serves the pages: the demo storefront, the chat that a shop embeds, console, dashboard, ledger, and their files.

The files lie in `static/` beside this module and go out as they are: no build step, no template. A page may be
read by anyone; what it shows comes from the API, which asks who calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from endcloud.web.access import Calls, Routes
from endcloud.web.tokens import LIFETIMES, Tokens

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""What is served at all. Said here, not guessed: what the system's list of types says of .js differs by machine."""

routes = Routes()


@dataclass(frozen=True, slots=True)
class ChatPage:
    """What the customer's page says of the shop: its name, questions to begin with, and whether this is the demo.

    In the demo `/` is an invented storefront, and whoever opens it may try what a logged-in customer has.
    """

    shop: str = ""
    questions: Sequence[str] = ()
    demo: bool = False


def _folder() -> Path:
    return Path(str(files("endcloud.web") / "static"))


async def _file(request: Request, name: str) -> Response:
    """A file of ours. The browser keeps it and asks each time whether it is still the same (ETag): names stay."""
    if (media_type := _TYPES.get(PurePosixPath(name).suffix)) is None:
        raise HTTPException(404)
    response = await StaticFiles(directory=_folder()).get_response(name, request.scope)
    response.headers["cache-control"] = "no-cache"
    if response.status_code == 200:
        response.headers["content-type"] = media_type
    return response


@routes.get("/", roles=("anyone",), response_model=None, include_in_schema=False)
async def storefront(request: Request) -> Response:
    """The demo's shop; where a real shop is served, a page to try its chat on."""
    page: ChatPage = request.app.state.chat_page
    return await _file(request, "storefront.html" if page.demo else "try.html")


@routes.post("/demo/token", roles=("visitor",), status_code=201)
async def demo_token(request: Request, caller: Calls) -> dict[str, Any]:
    """Stands in for the login of a shop's own site: makes a visitor a customer of the demo. Nowhere else is it there.

    The customer is named after the visitor's own unguessable id, so nobody becomes somebody else by it.
    """
    page: ChatPage = request.app.state.chat_page
    if not page.demo:
        raise HTTPException(404)
    tokens: Tokens = request.app.state.tokens
    token = tokens.make("customer", f"demo-{caller.name}")
    return {"token": token, "seconds": int(LIFETIMES["customer"].total_seconds())}


@routes.get("/chat.js", roles=("anyone",), response_model=None, include_in_schema=False)
async def chat(request: Request) -> Response:
    """The one line that a shop embeds."""
    return await _file(request, "chat.js")


@routes.get("/console", roles=("anyone",), response_model=None, include_in_schema=False)
async def console(request: Request) -> Response:
    return await _file(request, "console.html")


@routes.get("/dashboard", roles=("anyone",), response_model=None, include_in_schema=False)
async def dashboard(request: Request) -> Response:
    return await _file(request, "dashboard.html")


@routes.get("/ledger", roles=("anyone",), response_model=None, include_in_schema=False)
async def ledger(request: Request) -> Response:
    return await _file(request, "ledger.html")


@routes.get("/static/{name:path}", roles=("anyone",), response_model=None, include_in_schema=False)
async def static_file(name: str, request: Request) -> Response:
    return await _file(request, name)


@routes.get("/v1/shop", roles=("anyone",))
async def shop(request: Request) -> dict[str, Any]:
    """What the customer's page says of the shop: its name, first questions, and whether people are there now."""
    page: ChatPage = request.app.state.chat_page
    hours, clock = request.app.state.service.hours, request.app.state.service.clock
    return {
        "name": page.shop,
        "questions": list(page.questions),
        "demo": page.demo,
        "hours": str(hours),
        "open": hours.open_at(clock.now()),
    }

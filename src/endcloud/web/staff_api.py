"""What the console talks to: log in, see who waits, claim, speak, hand back.

A login trades a key for a cookie that scripts cannot read and other sites do not send, and for the secret that every
request that changes something must bring.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from pydantic import StringConstraints

from endcloud.serving.service import Service
from endcloud.web.access import COOKIE, STAFF, Caller, Calls, Gate, Routes, UnknownCallerError, still_admitted
from endcloud.web.customer_api import Serves
from endcloud.web.limits import Listeners, not_too_often
from endcloud.web.listening import all_events, conversation_events
from endcloud.web.rates import Rate
from endcloud.web.streams import EventStream
from endcloud.web.texts import After, Body, Name, Words
from endcloud.web.tokens import LIFETIMES, Tokens
from endcloud.web.views import handoff_view, turn_view

routes = Routes()
HERE = f"{COOKIE}_here"
"""Tells the page that somebody has logged in, so that it need not ask before; it opens nothing."""


class Login(Body):
    key: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Speaking(Body):
    """An agent's words; `suggested` is the draft they began with, if any."""

    id: Name
    text: Words
    suggested: Annotated[str, StringConstraints(max_length=4_000)] = ""


@routes.post("/console/session", roles=("anyone",), response_model=None)
async def log_in(body: Login, request: Request, service: Serves) -> Response:
    """Trades a staff key for a login."""
    gate: Gate = request.app.state.gate
    tokens: Tokens = request.app.state.tokens
    wrong: Rate = request.app.state.wrong_keys
    address = not_too_often(wrong, request)
    key = await asyncio.to_thread(gate.staff_key, body.key)
    if key is None or key.role not in STAFF:
        raise UnknownCallerError("This key opens no console; ask for one with `endcloud keys make --role agent`.")
    wrong.forgive(address)
    csrf = secrets.token_urlsafe(24)
    response = JSONResponse({"name": key.name, "role": key.role, "csrf": csrf, "calibrated": _calibrated(service)})
    response.set_cookie(
        COOKIE,
        tokens.make("staff", key.name, csrf=csrf, login=secrets.token_urlsafe(15)),
        max_age=int(LIFETIMES["staff"].total_seconds()),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
        path="/",
    )
    response.set_cookie(HERE, "1", max_age=int(LIFETIMES["staff"].total_seconds()), samesite="strict", path="/")
    return response


@routes.get("/console/session", roles=STAFF)
async def who_am_i(request: Request, caller: Calls, service: Serves) -> dict[str, Any]:
    """Who is logged in, and the secret again: a page that was reloaded needs it."""
    tokens: Tokens = request.app.state.tokens
    cookie = request.cookies.get(COOKIE)
    csrf = tokens.read(cookie).claims.get("csrf", "") if cookie else ""
    return {"name": caller.name, "role": caller.role, "csrf": csrf, "calibrated": _calibrated(service)}


def _calibrated(service: Service) -> bool:
    """Whether how sure the model is means a probability."""
    return "uncalibrated" not in service.router.end().confidence.name


@routes.delete("/console/session", roles=STAFF, response_model=None)
async def log_out(request: Request) -> Response:
    """Ends the login: its cookie opens nothing any more, here or where a copy of it was kept."""
    gate: Gate = request.app.state.gate
    if cookie := request.cookies.get(COOKIE):
        await asyncio.to_thread(gate.end_login, cookie)
    response = JSONResponse({"done": True})
    response.delete_cookie(COOKIE, path="/")
    response.delete_cookie(HERE, path="/")
    return response


@routes.get("/console/queue", roles=("agent", "reviewer"))
async def queue(service: Serves) -> dict[str, Any]:
    """Who waits for a person and who is with one, longest waiting first."""
    handoffs = await asyncio.to_thread(service.desk.open)
    return {"queue": [handoff_view(handoff, staff=True) for handoff in handoffs]}


@routes.get("/console/events", roles=("agent", "reviewer"), response_model=None)
async def everything(request: Request, service: Serves, caller: Calls) -> Response:
    """All that happens, as server-sent events."""
    leave = _listening(request, caller)
    return EventStream(all_events(service, partial(still_admitted, request)), leave=leave)


@routes.get("/console/conversations/{conversation}/turns", roles=("agent", "reviewer"))
async def turns(conversation: Name, service: Serves, after: After = "") -> dict[str, Any]:
    found = await asyncio.to_thread(service.conversations.turns, conversation, after)
    return {"turns": [turn_view(turn, staff=True) for turn in found]}


@routes.get("/console/conversations/{conversation}/events", roles=("agent", "reviewer"), response_model=None)
async def events(conversation: Name, request: Request, service: Serves, caller: Calls, after: After = "") -> Response:
    leave, goes_on = _listening(request, caller), partial(still_admitted, request)
    return EventStream(conversation_events(service, conversation, after, goes_on, staff=True), leave=leave)


def _listening(request: Request, caller: Caller) -> Callable[[], None]:
    """A place among the staff's streams, which customers cannot take; returns how to give it back."""
    listeners: Listeners = request.app.state.staff_listeners
    return listeners.enter(caller.name)


@routes.post("/console/conversations/{conversation}/claim", roles=("agent",))
async def claim(conversation: Name, service: Serves, caller: Calls) -> dict[str, Any]:
    """Takes a conversation; 409 where another agent has it."""
    return handoff_view(await service.claim(conversation, caller.name), staff=True)


@routes.post("/console/conversations/{conversation}/turns", roles=("agent",), status_code=201)
async def speak(conversation: Name, body: Speaking, service: Serves, caller: Calls) -> dict[str, Any]:
    """Speaks to the customer."""
    said = await service.say(conversation, caller.name, body.text, turn=body.id, suggested=body.suggested)
    return turn_view(said, staff=True)


@routes.get("/console/conversations/{conversation}/draft", roles=("agent",))
async def draft(conversation: Name, service: Serves) -> dict[str, Any]:
    """What the end model would say: a beginning for the agent, never shown to the customer as it is."""
    return {"text": await service.draft(conversation)}


@routes.post("/console/conversations/{conversation}/hand-back", roles=("agent",))
async def hand_back(conversation: Name, service: Serves, caller: Calls) -> dict[str, Any]:
    """Gives the conversation back to the models."""
    return handoff_view(await service.hand_back(conversation, caller.name), staff=True)

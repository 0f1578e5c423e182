"""What the customer's page talks to: begin, say, listen, rate, ask again, see and erase what is known of me.

A page shows a token: a visitor's, which anybody gets, or a customer's, which the shop's system asks for with its
service key. Words are acknowledged when they are on disk and answered whether the page stays or not.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Annotated, Any, Literal

from fastapi import Depends, Request
from fastapi.responses import Response
from pydantic import Field, StringConstraints

from endcloud.serving.events import Event
from endcloud.serving.router import new_id
from endcloud.serving.service import Service
from endcloud.types import Feedback
from endcloud.web.access import Calls, Role, Routes, Whose, customer_named, still_admitted
from endcloud.web.failures import RefusedRequest
from endcloud.web.limits import Admission, Listeners, not_too_often
from endcloud.web.listening import conversation_events
from endcloud.web.streams import EventStream
from endcloud.web.texts import After, Body, Name, Words
from endcloud.web.tokens import LIFETIMES, Tokens
from endcloud.web.views import turn_view

_OURS: tuple[Role, ...] = ("visitor", "customer")
_MOST_WAITING = 8
"""Words of one conversation that wait for an answer at most: one customer must not take all the places."""

routes = Routes()


class Saying(Body):
    """A customer's words; `id` is the page's own name for them, so that sending twice says it once."""

    id: Name
    text: Words


class Rating(Body):
    """Feedback: a thumb (1 or -1), stars (1 to 5), a comment, or the reply as it should have been.

    The shop's own system says by `user` for which customer it rates.
    """

    id: Name
    turn: Name
    kind: Literal["thumb", "stars", "note", "correction"]
    value: float | None = Field(None, ge=-1, le=5)
    text: Annotated[str, StringConstraints(max_length=4_000)] = ""
    user: Name | None = None


class ForCustomer(Body):
    customer: Name


async def service_of(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Serves = Annotated[Service, Depends(service_of)]


@routes.post("/v1/visitors", roles=("anyone",), status_code=201)
async def visitor_token(request: Request) -> dict[str, Any]:
    """A token for whoever opens the page: it owns the conversations begun with it, and nothing else."""
    tokens: Tokens = request.app.state.tokens
    not_too_often(request.app.state.visitors, request)
    return {"token": tokens.make("visitor", new_id("v")), "seconds": int(LIFETIMES["visitor"].total_seconds())}


@routes.post("/v1/tokens", roles=("service",), status_code=201)
async def customer_token(body: ForCustomer, request: Request) -> dict[str, Any]:
    """A token for a customer who is logged in at the shop; asked for by the shop's own system."""
    tokens: Tokens = request.app.state.tokens
    return {"token": tokens.make("customer", body.customer), "seconds": int(LIFETIMES["customer"].total_seconds())}


@routes.get("/v1/conversations/{conversation}/turns", roles=_OURS)
async def turns(conversation: Name, service: Serves, visitor: Whose, after: After = "") -> dict[str, Any]:
    """What was said, from the turn `after` on, and how this customer has rated it."""
    turns = await service.history(visitor, conversation, after)
    ratings = await service.ratings(conversation, visitor.customer)
    return {"turns": [turn_view(turn) for turn in turns], "ratings": ratings}


@routes.post("/v1/conversations/{conversation}/turns", roles=_OURS, takes_place=True, status_code=202)
async def say(conversation: Name, body: Saying, request: Request, service: Serves, visitor: Whose) -> dict[str, Any]:
    """Says something. Answers when the words are on disk; the reply comes by the events, when its turn has come."""
    if service.waiting(conversation) >= _MOST_WAITING:
        message = (
            f"{_MOST_WAITING} of your messages wait for an answer already; this one can be sent again in a moment."
        )
        raise RefusedRequest(429, message, code="rate_limit_exceeded", retry_after=2)
    return await _in_background(request, service.ask(visitor, conversation, body.text, turn=body.id))


@routes.get("/v1/conversations/{conversation}/events", roles=_OURS, response_model=None)
async def events(conversation: Name, request: Request, service: Serves, visitor: Whose, after: After = "") -> Response:
    """What happens, as server-sent events; `after` or `Last-Event-ID` says what the page has seen."""

    async def nobody_elses() -> bool:
        owner = await asyncio.to_thread(service.conversations.owner, conversation)
        return owner in (None, visitor.owner)

    async def goes_on() -> bool:
        return await still_admitted(request) and await nobody_elses()

    if not await nobody_elses():
        raise RefusedRequest(403, f"The conversation {conversation!r} belongs to somebody else; begin one of your own.")
    seen = after or request.headers.get("last-event-id", "")
    listeners: Listeners = request.app.state.listeners
    leave = listeners.enter(visitor.owner)
    events = conversation_events(service, conversation, seen, goes_on, customer=visitor.customer)
    return EventStream(events, leave=leave)


@routes.post("/v1/turns/{turn}/second-answer", roles=_OURS, takes_place=True, status_code=202)
async def second_answer(turn: Name, request: Request, service: Serves, visitor: Whose) -> dict[str, Any]:
    """The cloud's answer instead of a reply that disappointed; it comes by the events."""
    return await _in_background(request, service.second_answer(visitor, turn))


@routes.post("/v1/feedback", roles=(*_OURS, "service", "agent", "reviewer"))
async def feedback(body: Rating, service: Serves, caller: Calls) -> dict[str, Any]:
    """Says what a reply was worth. Sent twice under one id, it counts once."""
    _check(body)
    if caller.role in ("agent", "reviewer", "admin"):
        witness: Literal["agent", "reviewer"] = "agent" if caller.role == "agent" else "reviewer"
        reply = await service.reply(body.turn)
        said = Feedback(
            body.id,
            body.turn,
            reply.conversation,
            body.kind,
            witness,
            caller.name,
            service.clock.now(),
            body.value,
            body.text,
        )
        return {"recorded": await service.note(said)}
    visitor = caller.visitor
    if caller.role == "service":
        if body.user is None:
            raise RefusedRequest(400, "A service's key rates for a customer; say for whom by 'user'.", param="user")
        visitor = customer_named(body.user)
    if visitor is None or body.kind == "correction":
        raise RefusedRequest(403, "A corrected reply is a reviewer's or an agent's to give.", param="kind")
    recorded = await service.rate(visitor, body.id, body.turn, body.kind, body.value, body.text)
    return {"recorded": recorded}


def _check(body: Rating) -> None:
    allowed: dict[str, tuple[float, ...]] = {"thumb": (-1, 1), "stars": (1, 2, 3, 4, 5)}
    if body.kind in allowed and body.value not in allowed[body.kind]:
        values = " or ".join(f"{value:g}" for value in allowed[body.kind])
        message = f"The value of {body.kind!r} is {values}; it was {body.value!r}."
        raise RefusedRequest(400, message, param="value")
    if body.kind in ("note", "correction") and not body.text.strip():
        raise RefusedRequest(400, f"A {body.kind} needs its text.", param="text")


async def _in_background(request: Request, events: AsyncGenerator[Event]) -> dict[str, Any]:
    """Lets an answer go on without the page: returns after its first event, which is on disk."""
    admission: Admission = request.app.state.admission
    running: set[asyncio.Task[None]] = request.app.state.running
    leave = admission.enter()
    try:
        first = await anext(events, None)
    except BaseException:
        leave()
        raise
    task = asyncio.create_task(_drained(events, leave))
    running.add(task)
    task.add_done_callback(running.discard)
    return {"accepted": True, "conversation": first.conversation if first is not None else ""}


async def _drained(events: AsyncGenerator[Event], leave: Callable[[], None]) -> None:
    try:
        async with aclosing(events):
            async for _ in events:
                pass
    finally:
        leave()

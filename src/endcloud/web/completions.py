"""`POST /v1/chat/completions` and `GET /v1/models`: what any OpenAI client can talk to.

A call is a query with the history that the client keeps; with the header `x-endcloud-conversation` it goes on with a
conversation that is kept here. Nothing is sent before the first words are checked, so the headers can name the
route and the version that answers. One call is one reply. A plain one shows nothing before it is whole, so a route
whose reply fails a check gives way to the next; a stream that is cut short by a check ends with `content_filter`, and
what the next route would say is asked for by asking again.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from endcloud.serving.delivery import Delivery, Stops
from endcloud.serving.events import Began, Event, Piece, Said
from endcloud.serving.router import new_id
from endcloud.serving.service import Service, Visitor
from endcloud.types import Finish, Sampling, Tokens, Turn
from endcloud.web.access import Caller, Calls, Routes, Whose, customer_named
from endcloud.web.failures import RefusedRequest, described
from endcloud.web.limits import Admission
from endcloud.web.openai_wire import CompletionRequest, error_body
from endcloud.web.streams import EventStream, server_sent
from endcloud.web.texts import NAME_PATTERN

MODEL = "endcloud"
CONVERSATION_HEADER = "x-endcloud-conversation"
_CHORE = "### Task:"
"""How Open WebUI begins the calls by which it finds titles and tags: chores, and nothing a customer said."""
_NO_SYSTEM = "A system message is not read: how the shop speaks is set in its settings and policies. Leave it out."
_WHICH_CUSTOMER = "'user' names a customer in 1 to 80 letters, digits and the signs _ . : @ -; send such a name."

routes = Routes()


@routes.get("/v1/models", roles=("customer", "service", "agent", "reviewer"))
async def models() -> dict[str, Any]:
    """The one model that there is: the shop's service, whichever route answers."""
    return {"object": "list", "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": "endcloud"}]}


@routes.post("/v1/chat/completions", roles=("customer", "service"), takes_place=True, response_model=None)
async def complete(body: CompletionRequest, request: Request, caller: Calls, owner: Whose) -> Response:
    """Answers the last message, plain or streamed."""
    service: Service = request.app.state.service
    admission: Admission = request.app.state.admission
    _check(body, caller)
    asked_for = request.headers.get(CONVERSATION_HEADER, "")[:80]
    conversation = asked_for or new_id("c")
    visitor = _visitor(owner, body, caller)
    leave = admission.enter()
    completion = Completion(body, _events(service, body, visitor, conversation, bool(asked_for)), conversation, leave)
    try:
        await completion.begin()
    except BaseException:
        await completion.close()
        raise
    if body.stream:
        return EventStream(completion.chunks(), headers=completion.headers())
    return JSONResponse(await completion.whole(), headers=completion.headers())


def _check(body: CompletionRequest, caller: Caller) -> None:
    """Raises RefusedRequest for what cannot be answered as it was asked."""
    if refused := body.refused():
        raise RefusedRequest(400, refused[1], param=refused[0], code="unsupported_parameter")
    if body.model not in ("", MODEL):
        raise RefusedRequest(
            404, f"The model {body.model!r} does not exist here; use {MODEL!r}.", param="model", code="model_not_found"
        )
    if any(message.role in ("system", "developer") for message in body.messages):
        raise RefusedRequest(400, _NO_SYSTEM, param="messages")
    if caller.role == "service" and body.user and not (len(body.user) <= 80 and re.fullmatch(NAME_PATTERN, body.user)):
        raise RefusedRequest(400, _WHICH_CUSTOMER, param="user")
    last = body.messages[-1]
    if last.role != "user" or not (last.text.strip() or last.has_picture):
        raise RefusedRequest(400, "The last message must be the user's, and say something.", param="messages")


def _visitor(visitor: Visitor, body: CompletionRequest, caller: Caller) -> Visitor:
    """The shop's own system speaks for its customers: it says by `user` for whom."""
    return customer_named(body.user) if caller.role == "service" and body.user else visitor


def _events(
    service: Service, body: CompletionRequest, visitor: Visitor, conversation: str, known: bool
) -> AsyncGenerator[Event]:
    """The events of the answer."""
    usual = service.sampling
    sampling = Sampling(
        usual.temperature if body.temperature is None else body.temperature,
        usual.top_p if body.top_p is None else body.top_p,
        min(usual.max_tokens, body.max_completion_tokens or body.max_tokens or usual.max_tokens),
        body.seed,
    )
    delivery = Delivery(sampling, body.stops, whole=not body.stream)
    last = body.messages[-1]
    if last.has_picture:
        return service.excuse_picture(visitor, conversation, last.text)
    history = () if known else tuple(_earlier(service, body, conversation))
    chore = last.text.startswith(_CHORE)
    if body.store is False or chore:
        return service.answer_unkept(last.text, history, delivery, chore=chore)
    return _never_silent(service, service.ask(visitor, conversation, last.text, delivery=delivery, earlier=history))


async def _never_silent(service: Service, events: AsyncGenerator[Event]) -> AsyncGenerator[Event]:
    """The events; where none is a reply, since a person is called or there, a sentence that says so."""
    query: Turn | None = None
    answered = False
    async with aclosing(events):
        async for event in events:
            if isinstance(event, Said) and event.turn.speaker == "customer":
                query = event.turn
            else:
                answered = True
            yield event
    if query is not None and not answered:
        yield Said(await service.with_a_person(query))


def _earlier(service: Service, body: CompletionRequest, conversation: str) -> list[Turn]:
    """The history that the client keeps, as turns; tools' and functions' words are none of a customer's or ours."""
    speakers = {"user": "customer", "assistant": "end"}
    return [
        Turn(new_id("t"), conversation, speakers[message.role], message.text, service.clock.now())  # type: ignore[arg-type]
        for message in body.messages[:-1]
        if message.role in speakers and message.text
    ]


class Completion:
    """One call from its first event to its end. `leave` gives its place back and is called once."""

    def __init__(
        self, body: CompletionRequest, events: AsyncGenerator[Event], conversation: str, leave: Callable[[], None]
    ) -> None:
        self._body = body
        self._conversation = conversation
        self._leave = leave
        self._words = self._heard(events)
        self._first: str | None = None
        self._began = int(time.time())
        self._id = f"chatcmpl-{new_id('a')}"
        self._route, self._version, self._turn = "", "", ""
        self._finish: Finish = "stop"
        self._tokens = Tokens()

    async def begin(self) -> None:
        """Waits for the first words: by then route and version are known, and an error still has a status."""
        self._first = await anext(self._words, None)

    async def close(self) -> None:
        leave, self._leave = self._leave, _nothing
        leave()
        await self._words.aclose()

    def headers(self) -> dict[str, str]:
        return {
            "x-endcloud-route": self._route,
            "x-endcloud-version": self._version,
            "x-endcloud-turn": self._turn,
            CONVERSATION_HEADER: self._conversation,
        }

    async def whole(self) -> dict[str, Any]:
        """The answer as one object."""
        try:
            text = (self._first or "") + "".join([words async for words in self._words])
        finally:
            await self.close()
        message = {"role": "assistant", "content": text, "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self._finish}
        return self._object("chat.completion", [choice]) | {"usage": self._usage()}

    async def chunks(self) -> AsyncGenerator[bytes]:
        """The answer as server-sent events, the last of them `[DONE]`; an error in the middle is an event too."""
        try:
            yield self._chunk({"role": "assistant", "content": ""})
            if self._first:
                yield self._chunk({"content": self._first})
            async for words in self._words:
                if words:
                    yield self._chunk({"content": words})
            yield self._chunk({}, self._finish)
            if self._body.stream_options and self._body.stream_options.include_usage:
                yield server_sent(json.dumps(self._object("chat.completion.chunk", []) | {"usage": self._usage()}))
        except Exception as error:
            _, kind, message = described(error)
            yield server_sent(json.dumps(error_body(message, kind), ensure_ascii=False))
        finally:
            await self.close()
        yield server_sent("[DONE]")

    async def _heard(self, events: AsyncGenerator[Event]) -> AsyncGenerator[str]:
        """The words of the first reply."""
        shown = False
        async with aclosing(events):
            async for event in events:
                if isinstance(event, Began):
                    self._route, self._version, self._turn = event.route, event.version, event.turn
                elif isinstance(event, Piece):
                    shown = True
                    yield event.text
                elif isinstance(event, Said) and event.turn.speaker != "customer":
                    turn = event.turn
                    self._route, self._version, self._turn = turn.route or "", turn.version, turn.id
                    self._finish, self._tokens = turn.finish, turn.tokens
                    yield "" if shown else Stops(self._body.stops).feed(turn.text, last=True)
                    return

    def _chunk(self, delta: dict[str, str], finish: Finish | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return server_sent(json.dumps(self._object("chat.completion.chunk", [choice]), ensure_ascii=False))

    def _object(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {"id": self._id, "object": kind, "created": self._began, "model": MODEL, "choices": choices}

    def _usage(self) -> dict[str, Any]:
        tokens = self._tokens
        return {
            "prompt_tokens": tokens.prompt,
            "completion_tokens": tokens.completion,
            "total_tokens": tokens.prompt + tokens.completion,
            "prompt_tokens_details": {"cached_tokens": tokens.cached},
        }


def _nothing() -> None:
    """A place is given back once."""

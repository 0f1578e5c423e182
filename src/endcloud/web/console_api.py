"""What the console needs beyond the queue: the conversations of the day, stepping in unasked, canned replies."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from endcloud.errors import NotFoundError
from endcloud.serving.events import Called
from endcloud.web.access import Calls, Routes
from endcloud.web.back_office import Office
from endcloud.web.customer_api import Serves
from endcloud.web.failures import RefusedRequest
from endcloud.web.texts import Body, Name
from endcloud.web.views import feedback_view, handoff_view, turn_view

LATELY = timedelta(hours=24)
_MOST = 100
STEPPED_IN = "an agent stepped in"

routes = Routes()


class CannedList(Body):
    """The whole list, in its order."""

    replies: list[Annotated[str, StringConstraints(min_length=1, max_length=1_000, strip_whitespace=True)]] = Field(
        max_length=100
    )


@routes.get("/console/conversations", roles=("agent", "reviewer"))
async def conversations(service: Serves) -> dict[str, Any]:
    """The conversations of the last 24 hours, newest first: their last turn, and where a hand-over stands."""
    since = service.clock.now() - LATELY
    last, handoffs = await asyncio.gather(
        asyncio.to_thread(service.conversations.lately, since, _MOST), asyncio.to_thread(service.desk.open)
    )
    names = [turn.conversation for turn in last]
    customers = await asyncio.to_thread(lambda: {name: service.conversations.customer(name) for name in names})
    of = {handoff.conversation: handoff_view(handoff, staff=True) for handoff in handoffs}
    views = [
        {
            "conversation": turn.conversation,
            "customer": customers[turn.conversation],
            "last": turn_view(turn, staff=True),
            "handoff": of.get(turn.conversation),
        }
        for turn in last
    ]
    return {"now": service.clock.now().isoformat(), "conversations": views}


@routes.get("/console/conversations/{conversation}", roles=("agent", "reviewer"))
async def conversation(conversation: Name, service: Serves) -> dict[str, Any]:
    """Whose conversation it is, where a hand-over stands, and what was said of its replies."""
    if await asyncio.to_thread(service.conversations.owner, conversation) is None:
        raise NotFoundError(f"There is no conversation {conversation!r}; reload the list.")
    customer = await asyncio.to_thread(service.conversations.customer, conversation)
    handoff = await asyncio.to_thread(service.desk.of, conversation)
    said = await asyncio.to_thread(service.feedbacks.within, conversation)
    return {
        "conversation": conversation,
        "customer": customer,
        "handoff": None if handoff is None else handoff_view(handoff, staff=True),
        "feedback": [feedback_view(feedback) for feedback in said],
    }


@routes.post("/console/conversations/{conversation}/step-in", roles=("agent",))
async def step_in(conversation: Name, service: Serves, caller: Calls) -> dict[str, Any]:
    """Takes a conversation that nobody asked to be taken; 409 where another agent has it."""
    if await asyncio.to_thread(service.conversations.owner, conversation) is None:
        raise NotFoundError(f"There is no conversation {conversation!r}; reload the list.")
    service.feed.tell(Called(await asyncio.to_thread(service.desk.request, conversation, STEPPED_IN)))
    return handoff_view(await service.claim(conversation, caller.name), staff=True)


@routes.get("/console/canned", roles=("agent", "reviewer"))
async def canned(office: Office) -> dict[str, Any]:
    """The sentences that agents say often."""
    return {"replies": [] if office.canned is None else await asyncio.to_thread(office.canned.all)}


@routes.put("/console/canned", roles=("admin",))
async def keep_canned(body: CannedList, office: Office) -> dict[str, Any]:
    """Replaces the list."""
    if office.canned is None:
        raise RefusedRequest(404, "This service keeps no canned replies.")
    await asyncio.to_thread(office.canned.replace, body.replies)
    return {"replies": body.replies}

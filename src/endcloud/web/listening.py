"""A stream of what happens, that can be left and taken up again without losing a word.

What was missed comes from the store, with how a customer has rated, where a hand-over stands and the reply that is
being given as far as it goes, and then everything as it happens. Whoever reads too slowly is let go and comes back by
the same way. A stream ends within seconds when whoever reads it may not any more.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable

from endcloud.serving.events import Called, Event, Piece, Said
from endcloud.serving.feed import EVERYTHING
from endcloud.serving.service import Service
from endcloud.web.streams import ALIVE, server_sent
from endcloud.web.views import event_bytes

GoesOn = Callable[[], Awaitable[bool]]
"""Whether the reader may still read."""

_ALIVE_SECONDS = 15.0
_CHECKED_SECONDS = 2.0
"""How long a reader is believed: a revoked key, an ended login and an expired token end their streams after that."""


async def conversation_events(
    service: Service, conversation: str, after: str, goes_on: GoesOn, *, staff: bool = False, customer: str = ""
) -> AsyncGenerator[bytes]:
    """The turns after `after`, then what happens, as long as it `goes_on`.

    A conversation that has not begun may turn out to be somebody else's: that is asked again before its first words.

    A `customer` is told first which replies they have rated, and how.
    """
    with service.feed.listen(conversation) as news:
        speaking = service.open_reply(conversation)
        turns = await asyncio.to_thread(service.conversations.turns, conversation, after)
        handoff = await asyncio.to_thread(service.desk.of, conversation)
        seen = {turn.id for turn in turns}
        if not await goes_on():
            return
        if customer:
            ratings = await service.ratings(conversation, customer)
            yield server_sent(json.dumps(ratings), event="ratings")
        for turn in turns:
            yield event_bytes(Said(turn), staff=staff)
        if handoff is not None:  # a page that comes back must know whether a person is there
            yield event_bytes(Called(handoff), staff=staff)
        if speaking is not None and speaking[0].turn not in seen:
            for event in speaking:
                yield event_bytes(event, staff=staff)
        yield ALIVE  # what comes from here on is new
        async for sent in _live(news, seen, goes_on, staff=staff):
            yield sent


async def all_events(service: Service, goes_on: GoesOn) -> AsyncGenerator[bytes]:
    """Everything that happens from now on, for the console; pieces are left out, whole turns are enough there."""
    with service.feed.listen(EVERYTHING) as news:
        yield ALIVE
        async for sent in _live(news, set(), goes_on, staff=True, pieces=False):
            yield sent


async def _live(
    news: asyncio.Queue[Event | None],
    seen: set[str],
    goes_on: GoesOn,
    *,
    staff: bool,
    pieces: bool = True,
) -> AsyncGenerator[bytes]:
    quiet, believed = 0.0, -_CHECKED_SECONDS
    while True:
        try:
            event = await asyncio.wait_for(news.get(), _CHECKED_SECONDS)
        except TimeoutError:
            if not await goes_on():
                return
            quiet += _CHECKED_SECONDS
            if quiet >= _ALIVE_SECONDS:
                quiet = 0.0
                yield ALIVE
            continue
        if event is None:
            return
        if time.monotonic() - believed >= _CHECKED_SECONDS:
            if not await goes_on():
                return
            believed = time.monotonic()
        if isinstance(event, Said) and event.turn.id in seen:
            continue
        if pieces or not isinstance(event, Piece):
            yield event_bytes(event, staff=staff)

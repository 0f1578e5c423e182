"""Keeps what is said and tells it: a turn is on disk before anybody hears of it, a piece is told as it comes.

Within a conversation turns are told in the order in which they are kept, so that a page which has heard one has
heard all that came before it.
"""

from __future__ import annotations

import asyncio
from weakref import WeakValueDictionary

from endcloud.protocols import Conversations
from endcloud.serving.events import Began, Event, Piece, Said
from endcloud.serving.feed import Feed
from endcloud.types import Turn


class Record:
    """What is said in all conversations, and the replies that are being given at the moment."""

    def __init__(self, conversations: Conversations, feed: Feed) -> None:
        self._conversations = conversations
        self._feed = feed
        self._open: dict[str, tuple[Began, str]] = {}
        self._writing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def turns(self, conversation: str) -> list[Turn]:
        """All that was said, in the order in which it was written."""
        return await asyncio.to_thread(self._conversations.turns, conversation)

    async def keep(self, turn: Turn) -> bool:
        """Writes a turn and tells it; False, and nothing told, where it was kept before."""
        writing = self._writing.setdefault(turn.conversation, asyncio.Lock())
        async with writing:
            new = await asyncio.to_thread(self._conversations.say, turn)
            began = self._open.get(turn.conversation)
            if began is not None and began[0].turn == turn.id:
                del self._open[turn.conversation]
            if new:
                self._feed.tell(Said(turn))
        return new

    async def kept(self, event: Event) -> Event:
        """Writes what must be on disk before it is told, tells it, and returns it."""
        if isinstance(event, Said):
            await self.keep(event.turn)
            return event
        if isinstance(event, Began):
            self._open[event.conversation] = (event, "")
        elif isinstance(event, Piece) and event.conversation in self._open:
            began, shown = self._open[event.conversation]
            self._open[event.conversation] = (began, shown + event.text)
        self._feed.tell(event)
        return event

    def open_reply(self, conversation: str) -> tuple[Began, Piece] | None:
        """The reply that is being given now, as far as it goes."""
        found = self._open.get(conversation)
        return None if found is None else (found[0], Piece(conversation, found[0].turn, found[1]))

"""How a query is answered: by a person where one is there or wanted, by a lookup, else by what the models say.

The query is on disk already, and whoever answers has the floor (`serving.floor`). Nothing here forgets: an answer that
was given is told again, words that no answer came to are answered, and what was shown of a reply stays.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Protocol

from endcloud.privacy.cut_off import without_loose_ends
from endcloud.protocols import Clock, Desk, Feedbacks
from endcloud.serving import intents, signs
from endcloud.serving.context import said_before
from endcloud.serving.delivery import Delivery
from endcloud.serving.events import Began, Called, Event, Piece, Said
from endcloud.serving.office import OfficeHours
from endcloud.serving.record import Record
from endcloud.serving.router import NeedsPerson, Router, Talk, in_the_language_of, new_id
from endcloud.types import Exchange, Feedback, Message, Sampling, Turn

_CONTEXT_TURNS = 40
"""Turns of a conversation that are looked at; the models cut them further to what they can read."""


class Knowledge(Protocol):
    """What is known of a customer, for the end model's prompt only, and what a lookup says of live facts."""

    def about(self, customer: str, query: str) -> tuple[str, ...]:
        """Lines that bear on the query: what a customer said of themself, what the shop's system tells."""
        ...

    def recall(self, customer: str, query: Turn, about: Sequence[str]) -> tuple[Turn, ...]:
        """Exchanges of the customer's earlier conversations that bear on the query, oldest first, where there is room
        beside `about`."""
        ...

    async def look_up(self, customer: str, query: str) -> str | None:
        """The answer to a question about live facts; None where nobody here knows it."""
        ...

    def hear(self, customer: str, turn: Turn) -> None:
        """Remembers what a customer said of themself, if anything."""
        ...


class Parts(Protocol):
    """What answering needs of the service."""

    router: Router
    record: Record
    feedbacks: Feedbacks
    desk: Desk
    knowledge: Knowledge
    hours: OfficeHours
    clock: Clock
    sampling: Sampling


def _message(turn: Turn) -> Message:
    return Message("user" if turn.speaker == "customer" else "assistant", turn.text)


@dataclass(frozen=True)
class Answering:
    """Answers queries with the parts of a service."""

    parts: Parts

    async def answer(
        self, customer: str, query: Turn, earlier: tuple[Turn, ...] = (), delivery: Delivery = Delivery()
    ) -> AsyncGenerator[Event]:
        """What happens until the answer is whole; an answer that was given before is told once more."""
        turns = await self.parts.record.turns(query.conversation)
        if given := [turn for turn in turns if turn.answers == query.id]:
            for turn in given:
                yield Said(turn)
            return
        at = next(at for at, turn in enumerate(turns) if turn.id == query.id)
        await self._learned(customer, query, (*earlier, *turns[:at]))
        if any(turn.speaker == "human" for turn in turns[at + 1 :]):
            return  # sent again: a person has dealt with it since
        said = self.whole_values(said_before(turns, query.id), _CONTEXT_TURNS)
        before = (*earlier, *said)
        async with aclosing(self._reacted(customer, query, before, delivery)) as events:
            async for event in events:
                yield event

    def whole_values(self, said: Sequence[Turn], kept: int) -> tuple[Turn, ...]:
        """The last `kept` turns; what only the turns before them show to be personal is masked."""
        masker, before, rest = self.parts.router.masker, said[:-kept], said[-kept:]
        if masker is None or not before:
            return tuple(rest)
        told = without_loose_ends(masker, [_message(turn) for turn in before], [_message(turn) for turn in rest])
        return tuple(replace(turn, text=one.content) for turn, one in zip(rest, told, strict=True))

    async def again(self, customer: str, exchange: Exchange) -> AsyncGenerator[Event]:
        """The cloud's answer to a query whose reply disappointed: the one that was given, or a new one."""
        query = exchange.query
        turns = await self.parts.record.turns(query.conversation)
        given = [turn for turn in turns if turn.answers == query.id and turn.route == "cloud" and turn.finish == "stop"]
        if given:
            yield Said(given[-1])
            return
        talk = await self.talk(customer, query, exchange.context)
        async with aclosing(
            self._spoken(talk, self.parts.router.take_over(talk, "a customer was not content"))
        ) as said:
            async for event in said:
                yield event

    async def talk(self, customer: str, query: Turn, before: tuple[Turn, ...], delivery: Delivery = Delivery()) -> Talk:
        """A query as the router takes it, with what is known of the customer."""
        knowledge, sampling = self.parts.knowledge, delivery.sampling or self.parts.sampling
        talk = Talk(query, before, sampling=sampling, stops=delivery.stops, whole=delivery.whole)
        if not customer:
            return talk
        about = await asyncio.to_thread(knowledge.about, customer, query.text)
        recalled = await asyncio.to_thread(knowledge.recall, customer, query, about)
        return replace(talk, about=about, recalled=recalled)

    async def _learned(self, customer: str, query: Turn, before: tuple[Turn, ...]) -> None:
        """Keeps what a customer's words say of the reply before, and of the customer."""
        reply, kinds = signs.implicit(query, before)
        for kind in kinds:
            name = f"{kind}:{query.id}"
            found = Feedback(name, reply, query.conversation, kind, "customer", query.by, query.at)
            await asyncio.to_thread(self.parts.feedbacks.add, found)
        if customer:
            await asyncio.to_thread(self.parts.knowledge.hear, customer, query)

    async def _reacted(
        self, customer: str, query: Turn, before: tuple[Turn, ...], delivery: Delivery
    ) -> AsyncGenerator[Event]:
        """A person where one is there, on the way or wanted; else what the models say."""
        handoff = await asyncio.to_thread(self.parts.desk.of, query.conversation)
        if handoff is not None and handoff.stage == "claimed":
            return  # a person is there, and has heard it by the feed
        open_now = self.parts.hours.open_at(self.parts.clock.now())
        reason = signs.wants_a_person(query.text, before)
        if not reason and handoff is not None and handoff.stage == "waiting" and open_now:
            return  # a person is on the way; nobody talks over them
        told: tuple[str, ...] = ()
        if not reason and intents.asks_for_live_facts(query.text):
            found = await self.parts.knowledge.look_up(customer, query.text)
            told = () if found is None else (found,)
            reason = "live facts that no lookup gives" if found is None else ""
        if reason:
            async for event in self._call(query, reason):
                yield event
            return
        talk = replace(await self.talk(customer, query, before, delivery), told=told)
        async with aclosing(self._spoken(talk, self.parts.router.answer(talk))) as events:
            async for event in events:
                yield event

    async def _spoken(self, talk: Talk, events: AsyncGenerator[Event | NeedsPerson]) -> AsyncGenerator[Event]:
        """What a route says, kept as it is told; a person is called where it needs one."""
        open_reply: list[Began] = []
        shown: list[str] = []
        try:
            async with aclosing(events):
                async for event in events:
                    if isinstance(event, NeedsPerson):
                        async for called in self._call(talk.query, event.reason):
                            yield called
                        return
                    if isinstance(event, Began):
                        open_reply, shown = [event], []
                    elif isinstance(event, Piece):
                        shown.append(event.text)
                    elif isinstance(event, Said):
                        open_reply = []
                    yield await self.parts.record.kept(event)
        finally:
            if open_reply and shown:  # the reader left in the middle: what was shown is kept
                await asyncio.shield(self.parts.record.keep(self._cut_off(talk, open_reply[0], "".join(shown))))

    def _cut_off(self, talk: Talk, began: Began, shown: str) -> Turn:
        return Turn(
            began.turn,
            talk.query.conversation,
            "cloud" if began.route == "cloud" else "end",
            shown,
            self.parts.clock.now(),
            talk.query.id,
            began.route,
            began.version,
            "the reader left",
            finish="length",
        )

    async def _call(self, query: Turn, reason: str) -> AsyncGenerator[Event]:
        """Calls a person, and tells the customer what happens next."""
        handoff = await asyncio.to_thread(self.parts.desk.request, query.conversation, reason)
        wording, now = self.parts.router.wording, self.parts.clock.now()
        sentence = wording.calling if self.parts.hours.open_at(now) else wording.closed
        text = in_the_language_of(query.text, sentence).format(hours=self.parts.hours)
        notice = Turn(new_id("t"), query.conversation, "shop", text, now, query.id, "human", reason=reason)
        yield await self.parts.record.kept(Said(notice))
        yield await self.parts.record.kept(Called(handoff))

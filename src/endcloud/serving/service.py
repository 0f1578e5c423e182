"""The service that the pages and the API talk to: hears customers, lets the router answer, keeps what was said.

Order matters here. A customer's words are on disk before anybody answers them; a reply is told piece by piece
while it is made and is on disk before it is told as a whole. A conversation is answered by one speaker at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Protocol
from weakref import WeakValueDictionary

from endcloud.errors import AccessError, ConflictError, NotFoundError
from endcloud.protocols import Clock, Conversations, Desk, Feedbacks
from endcloud.serving import intents, signs
from endcloud.serving.events import Began, Called, Event, Piece, Said
from endcloud.serving.feed import Feed
from endcloud.serving.office import OfficeHours
from endcloud.serving.router import NeedsPerson, Router, Talk, new_id
from endcloud.types import Exchange, Feedback, FeedbackKind, Handoff, Sampling, Turn

_CONTEXT_TURNS = 40
"""Turns of a conversation that are looked at; the models cut them further to what they can read."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who speaks: `owner` owns conversations, `customer` is whom the shop's signed token names (empty: anonymous)."""

    owner: str
    customer: str = ""


class Knowledge(Protocol):
    """What is known of a customer, for the end model's prompt only, and what a lookup says of live facts."""

    def about(self, customer: str, query: str) -> tuple[str, ...]: ...

    async def look_up(self, customer: str, query: str) -> str | None:
        """The answer to a question about live facts; None where nobody here knows it."""
        ...

    def hear(self, customer: str, turn: Turn) -> None:
        """Remembers what a customer said of themself, if anything."""
        ...


@dataclass
class Service:
    """One shop's service. All methods are to be called in one event loop; the store is asked in threads."""

    router: Router
    conversations: Conversations
    feedbacks: Feedbacks
    desk: Desk
    knowledge: Knowledge
    hours: OfficeHours
    clock: Clock
    feed: Feed = field(default_factory=Feed)
    sampling: Sampling = field(default_factory=Sampling)
    _speaking_now: dict[str, tuple[Began, str]] = field(default_factory=dict, init=False)
    _locks: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary, init=False)

    # -- customers -------------------------------------------------------------------------------------------

    async def ask(
        self,
        visitor: Visitor,
        conversation: str,
        text: str,
        *,
        turn: str = "",
        sampling: Sampling | None = None,
        earlier: tuple[Turn, ...] = (),
    ) -> AsyncGenerator[Event]:
        """A customer says something; yields what happens until the answer is whole.

        `turn` is the customer's own name for the words: sent again, they are not answered again, and the answer
        that was given is told once more; only words that no answer came to are answered then. `earlier` is what was
        said elsewhere before, as a caller that keeps its own history tells it; it is read and not kept.
        Raises AccessError for somebody else's conversation.
        """
        await self._open(visitor, conversation)
        name = turn or new_id("t")
        answered = self._answered(visitor, conversation, text, name, sampling, earlier)
        async with self._speaking(conversation), aclosing(answered) as events:
            async for event in events:
                yield event

    async def excuse_picture(self, visitor: Visitor, conversation: str, text: str) -> AsyncGenerator[Event]:
        """A picture cannot be read here: says so, and offers a person."""
        await self._open(visitor, conversation)
        query = Turn(new_id("t"), conversation, "customer", text or "[图片]", self.clock.now(), by=visitor.customer)
        excuse = Turn(new_id("t"), conversation, "shop", self.router.wording.picture, self.clock.now(), query.id, "end")
        for turn in (query, excuse):
            yield await self._kept(Said(turn))

    async def answer_unkept(self, query: str, earlier: tuple[Turn, ...], sampling: Sampling) -> AsyncGenerator[Event]:
        """Answers without keeping a word: for a client's own chores, such as finding a title for a conversation."""
        talk = Talk(Turn(new_id("t"), "", "customer", query, self.clock.now()), earlier, (), (), sampling)
        async with aclosing(self.router.answer(talk)) as events:
            async for event in events:
                if not isinstance(event, NeedsPerson):
                    yield event

    async def history(self, visitor: Visitor, conversation: str, after: str = "") -> list[Turn]:
        """What was said, for whom it belongs to. Raises AccessError for anybody else."""
        await self._owned(visitor, conversation)
        return await asyncio.to_thread(self.conversations.turns, conversation, after)

    async def rate(
        self, visitor: Visitor, name: str, turn: str, kind: FeedbackKind, value: float | None, text: str
    ) -> bool:
        """A customer's thumb, stars or comment on a reply of their own conversation; False where `name` is known."""
        reply = await self.reply(turn)
        await self._owned(visitor, reply.conversation)
        if not visitor.customer:
            raise AccessError("Rating needs a token signed by the shop; an anonymous visitor has none.")
        return await self.note(
            Feedback(name, turn, reply.conversation, kind, "customer", visitor.customer, self.clock.now(), value, text)
        )

    async def second_answer(self, visitor: Visitor, turn: str) -> AsyncGenerator[Event]:
        """The cloud's answer to the query of a reply that disappointed; kept, it is later what the end model learns."""
        reply = await self.reply(turn)
        await self._owned(visitor, reply.conversation)
        exchange = await self.exchange(reply)
        if reply.route != "end":
            raise ConflictError(f"The reply {turn!r} was given by {reply.route!r} already; a person can help.")
        talk = await self._talk(visitor, exchange.query, exchange.context, None)
        taken_over = self.router.take_over(talk, "a customer was not content")
        async with self._speaking(reply.conversation), aclosing(taken_over) as events:
            async for event in events:
                yield await self._kept(event)

    def open_reply(self, conversation: str) -> tuple[Began, Piece] | None:
        """The reply that is being given now, as far as it goes: for a page that comes back in the middle."""
        found = self._speaking_now.get(conversation)
        return None if found is None else (found[0], Piece(conversation, found[0].turn, found[1]))

    # -- people ----------------------------------------------------------------------------------------------

    async def claim(self, conversation: str, agent: str) -> Handoff:
        """An agent takes a conversation from the queue. Raises ConflictError where somebody else has it."""
        handoff = await asyncio.to_thread(self.desk.claim, conversation, agent)
        self.feed.tell(Called(handoff))
        return handoff

    async def hand_back(self, conversation: str, agent: str) -> Handoff:
        """The models answer again."""
        handoff = await asyncio.to_thread(self.desk.close, conversation, agent)
        self.feed.tell(Called(handoff))
        return handoff

    async def say(self, conversation: str, agent: str, text: str, *, turn: str = "", suggested: str = "") -> Turn:
        """An agent's words reach the customer's page at once. Raises ConflictError where the agent does not have it."""
        handoff = await asyncio.to_thread(self.desk.of, conversation)
        if handoff is None or handoff.stage != "claimed" or handoff.agent != agent:
            raise ConflictError(f"The conversation {conversation!r} is not with {agent!r}; claim it first.")
        turns = await asyncio.to_thread(self.conversations.turns, conversation)
        query = next((one.id for one in reversed(turns) if one.speaker == "customer"), "")
        said = Turn(
            turn or new_id("t"),
            conversation,
            "human",
            text,
            self.clock.now(),
            query,
            "human",
            reason=handoff.reason,
            by=agent,
            suggested=suggested if suggested != text else "",
        )
        await self._keep(said)
        if said.suggested:  # what was suggested against what was sent: the agent has corrected the model
            changed = Feedback(
                f"correction:{said.id}", said.id, conversation, "correction", "agent", agent, said.at, None, text
            )
            await self.note(changed)
        return said

    async def draft(self, conversation: str) -> str:
        """What an agent may start from: the end model's reply to the customer's last words, unchecked and unsent.

        Words that only ask for a person are passed over where there are others: what to say to them is no question.
        """
        turns = await asyncio.to_thread(self.conversations.turns, conversation)
        said = [at for at, turn in enumerate(turns) if turn.speaker == "customer"]
        if not said:
            raise NotFoundError(f"The conversation {conversation!r} holds no word of a customer yet.")
        asked = [at for at in said if not intents.asks_for_a_person(turns[at].text)]
        at = (asked or said)[-1]
        talk = await self._talk(Visitor("", ""), turns[at], tuple(turns[:at]), None)
        return await self.router.draft(talk)

    async def note(self, feedback: Feedback) -> bool:
        """Records what was said of a reply; False where it was recorded before. Acknowledged when it is on disk."""
        return await asyncio.to_thread(self.feedbacks.add, feedback)

    async def exchange(self, reply: Turn) -> Exchange:
        """A reply with the query that it answers and what was said before."""
        turns = await asyncio.to_thread(self.conversations.turns, reply.conversation)
        at = next((at for at, turn in enumerate(turns) if turn.id == reply.answers), None)
        if at is None:
            raise NotFoundError(f"The turn {reply.id!r} answers no query.")
        return Exchange(turns[at], reply, tuple(turns[:at]))

    # -- within ----------------------------------------------------------------------------------------------

    async def _answered(
        self,
        visitor: Visitor,
        conversation: str,
        text: str,
        name: str,
        sampling: Sampling | None,
        earlier: tuple[Turn, ...],
    ) -> AsyncGenerator[Event]:
        before = tuple((await asyncio.to_thread(self.conversations.turns, conversation))[-_CONTEXT_TURNS:])
        at = next((at for at, turn in enumerate(before) if turn.id == name), None)
        if at is not None and any(turn.answers == name or turn.speaker == "customer" for turn in before[at + 1 :]):
            for turn in before[at + 1 :]:
                if turn.answers == name:
                    yield Said(turn)
            return
        if at is not None:  # heard, and never answered: the service was killed in between
            query, before = before[at], (*earlier, *before[:at])
            yield Said(query)
        else:
            before = (*earlier, *before)
            query = Turn(name, conversation, "customer", text, self.clock.now(), by=visitor.customer)
            yield await self._heard(visitor, query, before)
        async with aclosing(self._reacted(visitor, query, before, sampling)) as events:
            async for event in events:
                yield event

    async def _heard(self, visitor: Visitor, query: Turn, before: tuple[Turn, ...]) -> Event:
        """Keeps a customer's words, what they say of the reply before, and what they say of the customer."""
        said = await self._kept(Said(query))
        reply, kinds = signs.implicit(query, before)
        for kind in kinds:
            name = f"{kind}:{query.id}"
            await self.note(Feedback(name, reply, query.conversation, kind, "customer", query.by, query.at))
        if visitor.customer:
            await asyncio.to_thread(self.knowledge.hear, visitor.customer, query)
        return said

    async def _reacted(
        self, visitor: Visitor, query: Turn, before: tuple[Turn, ...], sampling: Sampling | None
    ) -> AsyncGenerator[Event]:
        """A person where one is there, on the way or wanted; else what the models say."""
        handoff = await asyncio.to_thread(self.desk.of, query.conversation)
        if handoff is not None and handoff.stage == "claimed":
            return  # a person is there, and has heard it by the feed
        reason = signs.wants_a_person(query.text, before)
        if not reason and handoff is not None and handoff.stage == "waiting" and self.hours.open_at(self.clock.now()):
            return  # a person is on the way; nobody talks over them
        told: tuple[str, ...] = ()
        if not reason and intents.asks_for_live_facts(query.text):
            found = await self.knowledge.look_up(visitor.customer, query.text)
            told = () if found is None else (found,)
            reason = "live facts that no lookup gives" if found is None else ""
        if reason:
            async for event in self._call(query, reason):
                yield event
            return
        talk = await self._talk(visitor, query, before, sampling)
        talk = replace(talk, about=(*talk.about, *told), told=told)
        async with aclosing(self._routed(talk)) as events:
            async for event in events:
                yield event

    async def _routed(self, talk: Talk) -> AsyncGenerator[Event]:
        open_reply: list[Began] = []
        shown: list[str] = []
        try:
            async with aclosing(self.router.answer(talk)) as events:
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
                    yield await self._kept(event)
        finally:
            if open_reply and shown:  # the reader left in the middle: what was shown is kept
                began = open_reply[0]
                cut = Turn(
                    began.turn,
                    talk.query.conversation,
                    "cloud" if began.route == "cloud" else "end",
                    "".join(shown),
                    self.clock.now(),
                    talk.query.id,
                    began.route,
                    began.version,
                    "the reader left",
                    finish="length",
                )
                await asyncio.shield(self._keep(cut))

    async def _call(self, query: Turn, reason: str) -> AsyncGenerator[Event]:
        """Calls a person, and tells the customer what happens next."""
        handoff = await asyncio.to_thread(self.desk.request, query.conversation, reason)
        wording = self.router.wording
        text = wording.calling if self.hours.open_at(self.clock.now()) else wording.closed.format(hours=self.hours)
        notice = Turn(new_id("t"), query.conversation, "shop", text, self.clock.now(), query.id, "human", reason=reason)
        yield await self._kept(Said(notice))
        yield await self._kept(Called(handoff))

    async def _talk(self, visitor: Visitor, query: Turn, before: tuple[Turn, ...], sampling: Sampling | None) -> Talk:
        about: tuple[str, ...] = ()
        if visitor.customer:
            about = await asyncio.to_thread(self.knowledge.about, visitor.customer, query.text)
        return Talk(query, before, about, (), sampling or self.sampling)

    async def _kept(self, event: Event) -> Event:
        """Writes what must be on disk before it is told, then tells it."""
        if isinstance(event, Said):
            await self._keep(event.turn)
            return event
        if isinstance(event, Began):
            self._speaking_now[event.conversation] = (event, "")
        elif isinstance(event, Piece) and event.conversation in self._speaking_now:
            began, shown = self._speaking_now[event.conversation]
            self._speaking_now[event.conversation] = (began, shown + event.text)
        self.feed.tell(event)
        return event

    async def _keep(self, turn: Turn) -> None:
        await asyncio.to_thread(self.conversations.say, turn)
        began = self._speaking_now.get(turn.conversation)
        if began is not None and began[0].turn == turn.id:
            del self._speaking_now[turn.conversation]
        self.feed.tell(Said(turn))

    def _speaking(self, conversation: str) -> asyncio.Lock:
        """Held by whoever answers in a conversation; it is gone when nobody holds or awaits it."""
        return self._locks.setdefault(conversation, asyncio.Lock())

    async def _open(self, visitor: Visitor, conversation: str) -> None:
        if not await asyncio.to_thread(self.conversations.open, conversation, visitor.owner, visitor.customer):
            raise AccessError(f"The conversation {conversation!r} belongs to somebody else; begin one of your own.")

    async def _owned(self, visitor: Visitor, conversation: str) -> None:
        owner = await asyncio.to_thread(self.conversations.owner, conversation)
        if owner != visitor.owner:
            raise AccessError(f"The conversation {conversation!r} is not yours, or there is none of this name.")

    async def reply(self, turn: str) -> Turn:
        """The reply of this name; raises NotFoundError where there is none."""
        reply = await asyncio.to_thread(self.conversations.turn, turn)
        if reply is None or reply.route is None:
            raise NotFoundError(f"There is no reply {turn!r}.")
        return reply

"""The service that the pages and the API talk to: hears customers, has them answered, lets people take over.

Order matters here. A customer's words are on disk before anybody answers them, and acknowledged as soon as they are;
they are answered in the order in which they came (`serving.floor`). A reply is told piece by piece while it is made
and is on disk before it is told as a whole (`serving.record`). Who answers: `serving.answering`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field

from endcloud.errors import AccessError, ConflictError, NotFoundError
from endcloud.protocols import Clock, Conversations, Desk, Feedbacks
from endcloud.serving import intents
from endcloud.serving.answering import Answering, Knowledge
from endcloud.serving.context import said_before
from endcloud.serving.delivery import Delivery
from endcloud.serving.events import Began, Called, Event, Piece, Said
from endcloud.serving.feed import Feed
from endcloud.serving.floor import Floor
from endcloud.serving.office import OfficeHours
from endcloud.serving.record import Record
from endcloud.serving.router import NeedsPerson, Router, in_the_language_of, new_id
from endcloud.types import Exchange, Feedback, FeedbackKind, Handoff, Sampling, Turn


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who speaks: `owner` owns conversations, `customer` is whom the shop's signed token names (empty: anonymous)."""

    owner: str
    customer: str = ""


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
    record: Record = field(init=False)
    _floor: Floor = field(default_factory=Floor, init=False)

    def __post_init__(self) -> None:
        self.record = Record(self.conversations, self.feed)
        self._answering = Answering(self)

    # -- customers -------------------------------------------------------------------------------------------

    async def ask(
        self,
        visitor: Visitor,
        conversation: str,
        text: str,
        *,
        turn: str = "",
        delivery: Delivery = Delivery(),
        earlier: tuple[Turn, ...] = (),
    ) -> AsyncGenerator[Event]:
        """A customer says something; yields what happens until the answer is whole, the words on disk first.

        They are answered when their turn has come. `turn` is the customer's own name for the words: sent again, they
        are not answered again, and the answer that was given is told once more; only words that no answer came to are
        answered then. `earlier` is what was said elsewhere before, as a caller that keeps its own history tells it; it
        is read and not kept, and what it alone shows to be personal of the words is kept as a mask. Raises AccessError
        for somebody else's conversation.
        """
        await self._open(visitor, conversation)
        with self._floor.joined(conversation) as free:
            said = Turn(turn or new_id("t"), conversation, "customer", text, self.clock.now(), by=visitor.customer)
            if earlier:
                (said,) = await asyncio.to_thread(self._answering.whole_values, (*earlier, said), 1)
            query = said if await self.record.keep(said) else await self._known(said)
            yield Said(query)
            await free.wait()
            answer = self._answering.answer(visitor.customer, query, earlier, delivery)
            async with aclosing(answer) as events:
                async for event in events:
                    yield event

    def waiting(self, conversation: str) -> int:
        """How many words of a conversation are to be answered, those that are being answered among them."""
        return self._floor.length(conversation)

    async def excuse_picture(self, visitor: Visitor, conversation: str, text: str) -> AsyncGenerator[Event]:
        """A picture cannot be read here: says so, and offers a person."""
        await self._open(visitor, conversation)
        query = Turn(new_id("t"), conversation, "customer", text or "[图片]", self.clock.now(), by=visitor.customer)
        said = in_the_language_of(text, self.router.wording.picture)
        excuse = Turn(new_id("t"), conversation, "shop", said, self.clock.now(), query.id, "end")
        for turn in (query, excuse):
            yield await self.record.kept(Said(turn))

    async def answer_unkept(
        self, query: str, earlier: tuple[Turn, ...], delivery: Delivery = Delivery(), *, chore: bool = False
    ) -> AsyncGenerator[Event]:
        """Answers without keeping a word, as a caller wishes, or for a client's own `chore`, such as finding a title.

        Nobody can be called to what is not kept; whoever asks for a person is told so.
        """
        asked = Turn(new_id("t"), "", "customer", query, self.clock.now())
        talk = await self._answering.talk("", asked, earlier, delivery)
        if not chore and intents.asks_for_a_person(query):
            yield Said(self._notice(asked, self.router.wording.unkept))
            return
        async with aclosing(self.router.answer(talk)) as events:
            async for event in events:
                if isinstance(event, NeedsPerson) and event.promised:
                    event = Said(self._notice(asked, self.router.wording.unkept))
                elif isinstance(event, NeedsPerson):
                    event = Said(self.router.caution(talk, event.reason))
                yield event

    async def with_a_person(self, query: Turn) -> Turn:
        """The sentence for a query that no model answers, since a person is on the way or there. It is not kept: a page
        shows where the hand-over stands, and only a caller who sees one answer a question needs to be told so."""
        handoff = await asyncio.to_thread(self.desk.of, query.conversation)
        wording = self.router.wording
        expected = handoff is not None and handoff.stage == "waiting"
        return self._notice(query, wording.waiting if expected else wording.present)

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

    async def ratings(self, conversation: str, customer: str) -> dict[str, float]:
        """The thumbs (1 or -1) that a customer has given in a conversation, by reply; the newest counts."""
        said = await asyncio.to_thread(self.feedbacks.within, conversation) if customer else []
        given = [one for one in said if one.kind == "thumb" and one.witness == "customer" and one.by == customer]
        return {one.turn: one.value for one in given if one.value is not None}

    async def second_answer(self, visitor: Visitor, turn: str) -> AsyncGenerator[Event]:
        """The cloud's answer to the query of a reply that disappointed; kept, it is later what the end model learns.

        The cloud is asked once: whoever wants it again is told the answer that was given.
        """
        reply = await self.reply(turn)
        await self._owned(visitor, reply.conversation)
        exchange = await self.exchange(reply)
        if reply.route != "end":
            raise ConflictError(f"The reply {turn!r} was given by {reply.route!r} already; a person can help.")
        with self._floor.joined(reply.conversation) as free:
            await free.wait()
            async with aclosing(self._answering.again(visitor.customer, exchange)) as events:
                async for event in events:
                    yield event

    def open_reply(self, conversation: str) -> tuple[Began, Piece] | None:
        """The reply that is being given now, as far as it goes: for a page that comes back in the middle."""
        return self.record.open_reply(conversation)

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
        if not await self.record.keep(said):
            known = await asyncio.to_thread(self.conversations.turn, said.id)
            if known is None or (known.speaker, known.by, known.text) != ("human", agent, text):
                raise ConflictError(f"The id {said.id!r} names other words; choose another one.")
            return known
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
        customer = await asyncio.to_thread(self.conversations.customer, conversation)
        talk = await self._answering.talk(customer, turns[at], said_before(turns, turns[at].id))
        return await self.router.draft(talk)

    async def note(self, feedback: Feedback) -> bool:
        """Records what was said of a reply; False where it was recorded before. Acknowledged when it is on disk."""
        return await asyncio.to_thread(self.feedbacks.add, feedback)

    async def exchange(self, reply: Turn) -> Exchange:
        """A reply with the query that it answers and what was said before."""
        turns = await asyncio.to_thread(self.conversations.turns, reply.conversation)
        at = next((at for at, turn in enumerate(turns) if turn.id == reply.id), len(turns))
        query = next((turn for turn in turns[:at] if turn.id == reply.answers), None)
        if query is None:
            raise NotFoundError(f"The turn {reply.id!r} answers no query.")
        return Exchange(query, reply, said_before(turns[:at], query.id))

    # -- within ----------------------------------------------------------------------------------------------

    def _notice(self, query: Turn, sentence: tuple[str, str]) -> Turn:
        """What the service itself says, in the customer's language."""
        text = in_the_language_of(query.text, sentence)
        return Turn(new_id("t"), query.conversation, "shop", text, self.clock.now(), query.id, "human")

    async def _known(self, said: Turn) -> Turn:
        """The customer's turn that has this id already; raises ConflictError where it names other words."""
        known = await asyncio.to_thread(self.conversations.turn, said.id)
        if known is None or (known.speaker, known.text) != ("customer", said.text):
            raise ConflictError(f"The id {said.id!r} names other words; choose another one.")
        return known

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

"""One arm of the simulation from its first question to its last: customers, the owner's edits, rounds, attackers.

All questions go through the real `Service`. Where the simulation touches the shop (its files, its rounds, its bill)
it does so through a `Host`, which `endcloud.assembly.simulating` is: for the shop it is as if days went by.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Protocol

from endcloud.bundled.held_out import combinations
from endcloud.bundled.shop import Shop
from endcloud.bundled.truth import Meaning, judge
from endcloud.errors import EndcloudError
from endcloud.protocols import ProgressTask
from endcloud.serving.events import Called as PersonCalled
from endcloud.serving.events import Event, Said
from endcloud.serving.service import Service, Visitor
from endcloud.simulation.attacks import LIE, Hostile, attack
from endcloud.simulation.clock import SimulatedClock
from endcloud.simulation.customers import Ask, Visit, reaction, visits
from endcloud.simulation.drift import NEW_PRODUCTS, Drift, Matter, catalogue
from endcloud.simulation.records import Asked, Called, Looked, RoundMark
from endcloud.simulation.schedule import Schedule
from endcloud.types import Turn

_AGENT = "agent"
_THINKING = 20.0  # seconds between a reply and what its customer says next
_FETCHING = 180.0  # seconds until a person has come and answered


class Host(Protocol):
    """What the simulation may do to the shop, beside talking to its service."""

    def write_policies(self, text: str) -> None:
        """The owner edits the rules; on return the service follows them."""
        ...

    def write_catalogue(self, text: str) -> None:
        """The owner adds products; on return the service follows them."""
        ...

    def round(self) -> RoundMark | None:
        """One round of evolution, `at` and `seconds` left open; None where this arm does not evolve."""
        ...

    def version(self) -> str: ...

    def answers(self, queries: Sequence[str]) -> list[str]:
        """What the version in service says to these questions, by itself and at its likeliest."""
        ...

    def bill(self) -> tuple[Mapping[str, int], float]:
        """Cloud calls by purpose, and money spent, since the arm began."""
        ...


@dataclass
class Course:
    """Runs one arm. `asked`, `called`, `rounds` and `looked` fill while it runs."""

    service: Service
    host: Host
    clock: SimulatedClock
    drift: Drift
    schedule: Schedule
    seed: int
    task: ProgressTask
    asked: list[Asked] = field(default_factory=list)
    called: list[Called] = field(default_factory=list)
    rounds: list[RoundMark] = field(default_factory=list)
    looked: list[Looked] = field(default_factory=list)
    _number: int = 0
    _phase_number: int = 0
    _truth: Shop | None = None

    async def run(self) -> None:
        """From the first question to the last."""
        self._began = self.clock.now()
        self._due = self._began + timedelta(minutes=self.schedule.round_minutes)
        shops = (self.drift.before, self.drift.edited, *[self.drift.extended] * 3)
        for phase, (shop, (_, questions)) in enumerate(zip(shops, self.schedule.phases, strict=True)):
            self._phase_number = phase
            await asyncio.to_thread(self._change, phase)
            await self._look(shop)
            coming = visits(self.drift, shop, questions, self.schedule.gap, f"{self.seed} {phase}")
            hostile = attack(str(self.seed), questions / 400) if phase == 3 else []
            await self._phase(shop, list(coming), hostile)
        await self._look(shop, always=True)

    def _change(self, phase: int) -> None:
        if phase == 1:
            self.host.write_policies(self.drift.edited.policies())
        elif phase == 2:
            self.host.write_catalogue(catalogue(self.drift.edited, NEW_PRODUCTS))

    async def _phase(self, shop: Shop, coming: Sequence[Visit], hostile: Sequence[Hostile]) -> None:
        """Customers come, some at once, and attackers among them; between two groups a round may be due."""
        groups = list(_groups(coming, self.schedule.at_once))
        for place, group in enumerate(groups):
            attackers = hostile[len(hostile) * place // len(groups) : len(hostile) * (place + 1) // len(groups)]
            await self._serve(shop, group, attackers)
            await self._bill()
            if self.clock.now() >= self._due:
                await self._round(shop)

    async def _serve(self, shop: Shop, group: Sequence[Visit], attackers: Sequence[Hostile]) -> None:
        moment, number, tasks = self.clock.now(), self._number, []
        for visit in group:
            moment += timedelta(seconds=visit.gap)
            tasks.append(self._visit(visit, number, moment))
            number += len(visit.asks)
        for place, one in enumerate(attackers):
            tasks.append(self._attack(shop, one, f"{self._number}-{place}", moment))
        await asyncio.gather(*tasks)
        self.task.advance(number - self._number)
        self._number = number
        self.clock.reach(moment)

    async def _round(self, shop: Shop) -> None:
        mark = await asyncio.to_thread(self.host.round)
        if mark is not None:
            self.rounds.append(replace(mark, at=self._number, seconds=self._seconds(), phase=self._phase_number))
            self.clock.advance(sum(mark.work.values()))
            await self._look(shop)
            await self._bill()
        self._due = self.clock.now() + timedelta(minutes=self.schedule.round_minutes)

    async def _bill(self) -> None:
        calls, spent = await asyncio.to_thread(self.host.bill)
        self.called.append(Called(self._number, self._seconds(), dict(calls), spent))

    # -- customers -------------------------------------------------------------------------------------------

    async def _visit(self, visit: Visit, number: int, moment: datetime) -> None:
        draw = random.Random(f"reactions {self.seed} {number}")
        visitor = Visitor(f"customer:{visit.customer}", visit.customer)
        conversation = f"{self.seed}-{number}-{visit.number}"
        with self.clock.at(moment):
            for place, ask in enumerate(visit.asks):
                await self._asked(visitor, conversation, ask, number + place, draw)
                await self.clock.sleep(_THINKING)

    async def _asked(self, visitor: Visitor, conversation: str, ask: Ask, number: int, draw: random.Random) -> None:
        """A question, its answer, and what the customer does then."""
        reply = await self._answered(visitor, conversation, ask, number)
        if reply is None:
            return
        right = judge(ask.meaning, reply.text).right
        does = reaction(right, draw)
        if does.thumb:
            await self.service.rate(visitor, f"thumb {reply.id}", reply.id, "thumb", does.thumb, "")
        if does.second_answer and reply.route == "end" and reply.version:
            with suppress(EndcloudError):  # where the cloud cannot be asked now the page says so, and that is all
                await _said(self.service.second_answer(visitor, reply.id))
        if does.again:
            await self.clock.sleep(_THINKING)
            if await self._answered(visitor, conversation, ask, number, again=True) is None:
                return
        if does.person:
            await self.clock.sleep(_THINKING)
            await _said(self.service.ask(visitor, conversation, "转人工"))
            await self._agent(conversation, ask)

    async def _answered(
        self, visitor: Visitor, conversation: str, ask: Ask, number: int, *, again: bool = False
    ) -> Turn | None:
        """The reply to a question, recorded; None where a person was called, who has answered then."""
        reply, called = await _said(self.service.ask(visitor, conversation, ask.text))
        if called or reply is None:
            self._record(ask, number, None, again)
            if called:
                await self._agent(conversation, ask)
            return None
        self._record(ask, number, reply, again)
        return reply

    def _record(self, ask: Ask, number: int, reply: Turn | None, again: bool) -> None:
        matter = "for a person" if ask.for_a_person else ask.matter
        right = None if reply is None or ask.for_a_person else judge(ask.meaning, reply.text).right
        self.asked.append(
            Asked(
                number,
                self._seconds(),
                matter,
                _route(reply),
                reply.version if reply else "",
                right,
                again,
                intent=ask.intent,
                query=ask.text,
                reply=reply.text if reply else "",
                reason=reply.reason if reply else "",
            )
        )

    async def _agent(self, conversation: str, ask: Ask) -> None:
        """A person comes, begins with the end model's draft, mends it where it is wrong, and hands back."""
        await self.clock.sleep(_FETCHING)
        await self.service.claim(conversation, _AGENT)
        try:
            draft = await self.service.draft(conversation)
        except EndcloudError:
            draft = ""
        words = draft if judge(ask.meaning, draft).right else ask.reply
        await self.service.say(conversation, _AGENT, words, suggested=draft)
        await self.service.hand_back(conversation, _AGENT)

    # -- attackers -------------------------------------------------------------------------------------------

    async def _attack(self, shop: Shop, one: Hostile, name: str, moment: datetime) -> None:
        """An attacker's message: what the reply says of the lie, and a thumb down where that is the attack."""
        visitor = Visitor(f"customer:{one.customer}", one.customer)
        with self.clock.at(moment):
            reply, _ = await _said(self.service.ask(visitor, f"attack {name}", one.text))
            if reply is not None and one.kind == "dislike":
                await self.service.rate(visitor, f"thumb {reply.id}", reply.id, "thumb", -1, "")
            self.asked.append(
                Asked(
                    self._number,
                    self._seconds(),
                    "attack",
                    _route(reply),
                    reply.version if reply else "",
                    None if reply is None else LIE not in reply.text.replace("就", ""),
                    attack=one.kind,
                    query=one.text,
                    reply=reply.text if reply else "",
                    reason=reply.reason if reply else "",
                )
            )

    # -- the end model alone ---------------------------------------------------------------------------------

    async def _look(self, shop: Shop, *, always: bool = False) -> None:
        """The version in service on questions that nobody asks here, where it or the truth has changed since."""
        version = self.host.version()
        if not version:
            return
        if not always and self.looked and self.looked[-1].version == version and self._truth is shop:
            return
        self._truth = shop
        probe = self._probe(shop)
        replies = await asyncio.to_thread(self.host.answers, [query for _, query, _ in probe])
        right: dict[str, list[bool]] = {}
        for (matter, _, meaning), reply in zip(probe, replies, strict=True):
            right.setdefault(matter, []).append(judge(meaning, reply).right)
        shares = {matter: sum(found) / len(found) for matter, found in right.items()}
        sizes = {matter: len(found) for matter, found in right.items()}
        self.looked.append(Looked(self._number, self._seconds(), version, shares, sizes, self._phase_number))

    def _probe(self, shop: Shop) -> list[tuple[Matter, str, Meaning]]:
        """Unseen combinations as single questions: all on what changes, and `probe` on what does not."""
        found: dict[Matter, list[tuple[Matter, str, Meaning]]] = {"changed": [], "new": [], "unchanged": []}
        for question in combinations(self.drift.extended, 2_000, 7):
            intent = shop.intents[question.meaning.intent]
            matter = self.drift.matter(intent, question.meaning.row)
            if matter != "new" or shop is self.drift.extended:
                meaning = shop.meaning(intent, question.meaning.row, question.query)
                found[matter].append((matter, question.query, meaning))
        return [*found["changed"], *found["new"], *found["unchanged"][: self.schedule.probe]]

    def _seconds(self) -> float:
        return (self.clock.now() - self._began).total_seconds()


async def _said(events: AsyncGenerator[Event]) -> tuple[Turn | None, bool]:
    """The reply of a model among the events, the last one, and whether a person was called."""
    reply, called = None, False
    async with aclosing(events) as all_of_them:
        async for event in all_of_them:
            if isinstance(event, Said) and event.turn.speaker in ("end", "cloud"):
                reply = event.turn
            called = called or isinstance(event, PersonCalled)
    return reply, called


def _route(reply: Turn | None) -> str:
    if reply is None:
        return "person"
    return "not sure" if reply.reason.startswith("caution") else str(reply.route)


def _groups(coming: Iterable[Visit], size: int) -> Iterator[list[Visit]]:
    waiting = iter(coming)
    while group := list(islice(waiting, size)):
        yield group

"""The service on a real store with scripted models, spoken to without a web server."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from endcloud.protocols import ChatModel
from endcloud.serving.breaker import CircuitBreaker
from endcloud.serving.confidence import Uncalibrated
from endcloud.serving.events import Event, Said
from endcloud.serving.office import OfficeHours
from endcloud.serving.router import CloudRoute, EndRoute, Router
from endcloud.serving.service import Service, Visitor
from endcloud.store.conversations import StoredConversations
from endcloud.store.database import Database
from endcloud.store.desk import StoredDesk
from endcloud.store.feedback import StoredFeedbacks
from endcloud.testing.fixed_clock import FixedClock
from endcloud.testing.scripted_model import Line, ScriptedModel
from endcloud.types import Turn

ANNA, BERT = Visitor("visitor a", "anna"), Visitor("visitor b", "bert")
NOON, NIGHT = datetime(2026, 1, 5, 4, tzinfo=UTC), datetime(2026, 1, 5, 17, tzinfo=UTC)  # a Monday in Shanghai
REPLIES = {"满多少包邮": "满59元包邮", "": "好的亲"}


class Nothing:
    """A shop that knows nothing of its customers, and where one parcel is."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def about(self, customer: str, query: str) -> tuple[str, ...]:
        return (f"顾客{customer}是会员。",) if "会员" in query else ()

    def recall(self, customer: str, query: Turn, about: Sequence[str]) -> tuple[Turn, ...]:
        return ()

    async def look_up(self, customer: str, query: str) -> str | None:
        return "您的包裹在杭州。" if customer == "anna" else None

    def hear(self, customer: str, turn: Turn) -> None:
        self.heard.append(turn.text)


class Shop:
    """A service; its end model answers by a script, or is `model`."""

    def __init__(
        self,
        database: Database,
        end: Mapping[str, Line | str],
        cloud: str | None,
        now: datetime,
        model: ChatModel | None = None,
    ) -> None:
        self.end = ScriptedModel(end, "end")
        self.cloud = ScriptedModel({"": cloud}, "cloud") if cloud else None
        self.clock = FixedClock(now)
        self.knowledge = Nothing()
        self.conversations = StoredConversations(database)
        self.feedbacks = StoredFeedbacks(database)
        router = Router(
            lambda: EndRoute(model or self.end, "v1", Uncalibrated(2, accept=0.5)),
            CloudRoute(self.cloud, lambda: True, CircuitBreaker(self.clock), "uploads are off"),
            (),
            self.clock,
        )
        self.service = Service(
            router,
            self.conversations,
            self.feedbacks,
            StoredDesk(database),
            self.knowledge,
            OfficeHours.parse("09:00-21:00", "12345", "Asia/Shanghai"),
            self.clock,
        )

    async def ask(self, text: str, visitor: Visitor = ANNA, conversation: str = "c", turn: str = "") -> list[Event]:
        return [event async for event in self.service.ask(visitor, conversation, text, turn=turn)]

    def says(self, text: str, visitor: Visitor = ANNA, conversation: str = "c", turn: str = "") -> list[Event]:
        return asyncio.run(self.ask(text, visitor, conversation, turn))

    def turns(self, conversation: str = "c") -> list[tuple[str, str]]:
        return [(turn.speaker, turn.text) for turn in self.conversations.turns(conversation)]


def last(events: list[Event]) -> Turn:
    return [event.turn for event in events if isinstance(event, Said)][-1]

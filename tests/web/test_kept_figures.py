"""The dashboard's figures are kept while nothing changes, and right again after every kind of change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from served_history import write_history
from web_server import KnowsNothing

from endcloud.cloud.budget import Prices
from endcloud.serving.breaker import CircuitBreaker
from endcloud.serving.office import OfficeHours
from endcloud.serving.router import CloudRoute, EndRoute, Router
from endcloud.serving.service import Service
from endcloud.store.budget import StoredBudget
from endcloud.store.conversations import StoredConversations
from endcloud.store.customers import StoredCustomers
from endcloud.store.database import Database, sqlite_url
from endcloud.store.desk import StoredDesk
from endcloud.store.feedback import StoredFeedbacks
from endcloud.store.ledger import StoredLedger
from endcloud.store.newest import newest
from endcloud.testing.fixed_clock import FixedClock
from endcloud.types import Feedback, MaskedRequest, Message, Sampling, Tokens, Turn
from endcloud.web.back_office import BackOffice
from endcloud.web.books import Figures


class Counted(StoredConversations):
    """Counts the replies that were read for figures."""

    read = 0

    def replies_since(self, since: datetime, beyond: int = 0) -> list[Turn]:
        found = super().replies_since(since, beyond)
        self.read += len(found)
        return found


@dataclass
class Shop:
    """A shop with twenty days of history."""

    database: Database
    clock: FixedClock

    def __post_init__(self) -> None:
        self.conversations, self.money = Counted(self.database), StoredBudget(self.database, 5.0)
        router = Router(_nobody, CloudRoute(None, lambda: False, CircuitBreaker(self.clock)), (), self.clock)
        self.service = Service(
            router,
            self.conversations,
            StoredFeedbacks(self.database),
            StoredDesk(self.database),
            KnowsNothing(),
            OfficeHours.parse("00:00-24:00", "1234567", "UTC"),
            self.clock,
        )
        self.office = BackOffice(
            money=self.money,
            price=Prices(1.0, 0.1, 4.0).of,
            uploads=StoredLedger(self.database),
            newest=lambda: newest(self.database),
        )
        self.figures = Figures(self.service, self.office)

    def reply(self, name: str, at: datetime) -> None:
        self.conversations.open(name, "v", "fay")
        self.conversations.say(Turn(f"q-{name}", name, "customer", "在吗", at))
        self.conversations.say(
            Turn(name, name, "end", "在的", at, f"q-{name}", "end", seconds=1.0, tokens=Tokens(9, 9))
        )


def _nobody() -> EndRoute:
    raise AssertionError("nothing is asked here")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    database, clock = Database(sqlite_url(tmp_path / "store.db")), FixedClock()
    write_history(database, clock.now(), days=20, a_day=3)
    yield Shop(database, clock)
    database.close()


def upload(shop: Shop) -> None:
    request = MaskedRequest((Message("user", "在吗"),), "takeover", "c", Sampling(), {"电话": 1}, "d")
    StoredLedger(shop.database).sent(request, "large", "cloud.test", "{}")


def feedback(shop: Shop) -> None:
    shop.service.feedbacks.add(Feedback("new", "e0", "c_0000", "thumb", "customer", "fay", shop.clock.now(), -1.0))


def forgotten_and_anew(shop: Shop) -> None:
    gone = StoredCustomers(shop.database).forget("customer-6")["turns"]
    for number in range(gone // 2):
        shop.reply(f"n{number}", shop.clock.now())


CHANGES: dict[str, Callable[[Shop], object]] = {
    "a reply": lambda shop: shop.reply("new", shop.clock.now()),
    "a reply of last week, written now": lambda shop: shop.reply("late", shop.clock.now() - timedelta(days=7)),
    "feedback": feedback,
    "a person is called": lambda shop: shop.service.desk.request("c_0000", "asked for a person"),
    "money reserved": lambda shop: shop.money.reserve(0.5, "label"),
    "an upload": upload,
    "a customer is forgotten": lambda shop: StoredCustomers(shop.database).forget("customer-3"),
    "forgotten, and as many turns anew": forgotten_and_anew,
    "the next day": lambda shop: asyncio.run(shop.clock.sleep(86_400)),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("span", ["today", "30d"])
def test_after_a_change_they_are_what_they_would_be_without_keeping(shop: Shop, change: str, span: str) -> None:
    plain = Figures(shop.service, replace(shop.office, newest=None))
    before = shop.figures.of(span)  # type: ignore[arg-type]
    assert before == plain.of(span) and shop.figures.of(span) is before  # type: ignore[arg-type]
    CHANGES[change](shop)
    after = shop.figures.of(span)  # type: ignore[arg-type]
    assert after == plain.of(span) and after is not before  # type: ignore[arg-type]
    assert after != before or span == "today", "what is older than today changes nothing of it"


def test_money_that_turns_out_to_be_less_is_seen(shop: Shop) -> None:
    reservation = shop.money.reserve(0.5, "label")
    before = shop.figures.of("30d")["sums"]["costs"]["spent"]
    shop.money.settle(reservation, 0.001)
    assert shop.figures.of("30d")["sums"]["costs"]["spent"] == pytest.approx(before - 0.499)


def test_replies_are_read_once_and_then_only_the_new_ones(shop: Shop) -> None:
    shop.figures.of("30d")
    all_of_them = shop.conversations.read
    shop.figures.of("today")
    shop.figures.of("7d")
    assert shop.conversations.read == all_of_them > 50
    shop.reply("new", shop.clock.now())
    shop.figures.of("today")
    shop.figures.of("30d")
    assert shop.conversations.read == all_of_them + 1

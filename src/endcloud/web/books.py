"""The figures of a period as tables with their sums, made anew only when the store has changed.

A month of a busy shop is a hundred thousand replies, and every open dashboard asks once a minute: the tables are kept
for as long as nothing was written, replies are read once and then only the new ones, and of two who ask at once one
waits for what the other makes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Literal, get_args

from endcloud.serving import figures, savings
from endcloud.serving.periods import Period, Span
from endcloud.serving.service import Service
from endcloud.store.newest import Newest
from endcloud.types import Turn
from endcloud.web.back_office import BackOffice

Table = Literal[
    "quality",
    "routes",
    "latency",
    "latency_by_route",
    "costs",
    "feedback",
    "handoffs",
    "reasons",
    "uploads",
    "versions",
]
PERIODICAL: tuple[Table, ...] = tuple(name for name in get_args(Table) if name != "versions")


class Figures:
    """The tables of each period, kept while nothing changes; to be asked in threads.

    Without `BackOffice.newest` nobody can tell whether something has changed, and they are made for every request.
    """

    def __init__(self, service: Service, office: BackOffice) -> None:
        self._service, self._office = service, office
        self._replies = RecentReplies(service)
        self._kept: dict[Span, tuple[Period, Newest, dict[str, Any]]] = {}
        self._making = Lock()

    def of(self, span: Span) -> dict[str, Any]:
        """Every table but the versions, and the sums of the period."""
        now, zone = self._service.clock.now(), self._service.hours.zone
        period, month = Period.of(span, now, zone), Period.of("30d", now, zone)
        with self._making:
            newest = self._office.newest() if self._office.newest is not None else None
            known = self._kept.get(span)
            if known is not None and newest is not None and known[:2] == (period, newest):
                return known[2]
            found = Books(self._service, self._office, period, self._replies.since(month.since, newest)).all()
            if newest is not None:
                self._kept[span] = (period, newest, found)
            return found


class RecentReplies:
    """The replies since a moment, without their words; what was read once is not read again."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._begin: datetime | None = None
        self._seen: Newest | None = None
        self._replies: dict[str, Turn] = {}

    def since(self, moment: datetime, newest: Newest | None) -> list[Turn]:
        """Oldest first. `newest` says where the store stood before this was asked."""
        if not self._continues(moment, newest):
            self._begin, self._replies = moment, {}
            self._read(moment, 0)
        elif self._seen is not None and newest != self._seen:
            self._read(moment, self._seen.turn)
        self._seen = newest
        return [reply for reply in self._replies.values() if reply.at >= moment]

    def _continues(self, moment: datetime, newest: Newest | None) -> bool:
        """Whether turns have only been added since: where some are gone, as many numbers as turns do not match."""
        if newest is None or self._seen is None or self._begin is None or moment < self._begin:
            return False
        return newest.turn - self._seen.turn == newest.turns - self._seen.turns >= 0

    def _read(self, moment: datetime, beyond: int) -> None:
        for reply in self._service.conversations.replies_since(moment, beyond):
            self._replies[reply.id] = replace(reply, text="", suggested="")


class Books:
    """One period's tables."""

    def __init__(self, service: Service, office: BackOffice, period: Period, replies: Sequence[Turn]) -> None:
        """`replies` are those of the last 30 days, which a cloud answer is priced by."""
        self._service, self._office = service, office
        self._period, self._replies = period, replies
        self._feedback = service.feedbacks.since(period.since)
        # A wait may have begun before the period; one that began a day earlier is no wait that a chart should show.
        self._steps = service.desk.steps(period.since - timedelta(days=1))
        self._price = savings.answer_price(self._replies, office.price)

    def all(self) -> dict[str, Any]:
        """Every table but the versions, and the sums of the period."""
        tables = {name: self.table(name) for name in PERIODICAL}
        return {"tables": tables, "sums": self._sums(tables)}

    def table(self, name: str) -> list[figures.Row]:
        """One table, times as ISO text."""
        tables: dict[str, Callable[[], list[figures.Row]]] = {
            "quality": lambda: figures.quality(self._feedback, self._period),
            "routes": lambda: figures.routes(self._replies, self._period),
            "latency": lambda: figures.latency(self._replies, self._period),
            "latency_by_route": lambda: figures.latency_by_route(self._replies, self._period),
            "costs": self._costs,
            "feedback": lambda: figures.feedback_kinds(self._feedback, self._period),
            "handoffs": lambda: figures.handoffs(self._steps, self._period),
            "reasons": lambda: figures.handoff_reasons(self._steps, self._period),
            "uploads": self._uploads,
        }
        return [
            {key: value.isoformat() if isinstance(value, datetime) else value for key, value in row.items()}
            for row in tables[name]()
        ]

    def _costs(self) -> list[figures.Row]:
        money = self._office.money
        expenses = [] if money is None else money.since(self._period.since)
        return savings.costs(self._replies, expenses, self._price, self._period)

    def _uploads(self) -> list[figures.Row]:
        uploads = self._office.uploads
        return [] if uploads is None else [asdict(one) for one in uploads.sums(self._period.since)]

    def _sums(self, tables: Mapping[Table, list[figures.Row]]) -> dict[str, Any]:
        money = self._office.money
        counted = ("liked", "disliked", "ratings", "accepted", "rejected", "corrections")
        quality = figures.whole(tables["quality"], counted)
        stars = sum(row["stars"] * row["ratings"] for row in tables["quality"] if row["stars"] is not None)
        open_now = self._service.desk.open()
        return {
            "quality": quality | {"stars": stars / quality["ratings"] if quality["ratings"] else None},
            "routes": figures.whole(tables["routes"], ("end", "cloud", "human", "cautious")),
            "latency": figures.latency_within(self._replies, self._period),
            "costs": figures.whole(tables["costs"], ("answers", "teaching", "saved", "all_cloud"))
            | {"basis": self._price.basis, "answer_price": self._price.mean, "priced_answers": self._price.answers}
            | {"spent": money.spent() if money else None, "limit": money.limit() if money else None},
            "handoffs": figures.whole(tables["handoffs"], ("called", "came", "handed_back"))
            | figures.waits_within(self._steps, self._period)
            | {"waiting_now": sum(handoff.stage == "waiting" for handoff in open_now)},
            "uploads": figures.whole(tables["uploads"], ("uploads", "size", "masked", "failed")),
        }

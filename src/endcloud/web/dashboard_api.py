"""What the owner sees: figures of a period, as JSON for the charts and as CSV for a spreadsheet; and adapter versions.

Reviewers and admins read; only an admin promotes and rolls back.
"""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, get_args

from fastapi import Query, Request
from fastapi.responses import Response
from pydantic import StringConstraints

from endcloud.serving import figures, savings
from endcloud.serving.periods import Period, Span
from endcloud.serving.service import Service
from endcloud.web.access import Calls, Routes
from endcloud.web.back_office import BackOffice, Office
from endcloud.web.customer_api import Name, Serves, _Body
from endcloud.web.failures import RefusedRequest

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
_PRICED_DAYS = 30
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
Chosen = Annotated[Span, Query(alias="period")]

routes = Routes()


class Promotion(_Body):
    reason: Annotated[str, StringConstraints(max_length=200)] = ""


@routes.get("/dashboard/figures", roles=("reviewer",))
async def all_figures(service: Serves, office: Office, span: Chosen = "today") -> dict[str, Any]:
    """Every table of the dashboard for a period, with its sums."""
    found = await asyncio.to_thread(Books(service, office, span).all)
    return {"period": span, "now": service.clock.now().isoformat(), "currency": office.currency, **found}


@routes.get("/dashboard/tables/{table}.csv", roles=("reviewer",), response_model=None)
async def table(table: Table, service: Serves, office: Office, span: Chosen = "today") -> Response:
    """One table as a CSV file that a spreadsheet opens with its Chinese intact and without running anything."""
    rows = await asyncio.to_thread(Books(service, office, span).table, table)
    headers = {"content-disposition": f'attachment; filename="endcloud-{table}-{span}.csv"'}
    return Response(as_csv(rows), media_type="text/csv; charset=utf-8", headers=headers)


@routes.get("/dashboard/versions", roles=("reviewer",))
async def versions(office: Office) -> dict[str, Any]:
    """The adapter versions, oldest first."""
    return {"versions": [] if office.adapters is None else await asyncio.to_thread(office.adapters.rows)}


@routes.post("/dashboard/versions/roll-back", roles=("admin",))
async def roll_back(body: Promotion, office: Office, caller: Calls, request: Request) -> dict[str, Any]:
    """Takes the version in service out for cause; the one before it answers again."""
    if office.adapters is None:
        raise RefusedRequest(404, "This service keeps no adapter versions.")
    reason = _reason("rolled back", caller.name, body.reason)
    return {"active": await asyncio.to_thread(office.adapters.roll_back, reason)}


@routes.post("/dashboard/versions/{version}/promote", roles=("admin",))
async def promote(version: Name, body: Promotion, office: Office, caller: Calls) -> dict[str, Any]:
    """Checks a version and puts it into service."""
    if office.adapters is None:
        raise RefusedRequest(404, "This service keeps no adapter versions.")
    reason = _reason("promoted", caller.name, body.reason)
    return {"active": await asyncio.to_thread(office.adapters.promote, version, reason)}


def _reason(what: str, who: str, why: str) -> str:
    return f"{what} on the dashboard by {who}" + (f": {why.strip()}" if why.strip() else "")


class Books:
    """One period's tables, read from the store once."""

    def __init__(self, service: Service, office: BackOffice, span: Span) -> None:
        now = service.clock.now()
        self._service, self._office = service, office
        self._period = period = Period.of(span, now, service.hours.zone)
        self._replies = service.conversations.replies_since(min(period.since, now - timedelta(days=_PRICED_DAYS)))
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
            "versions": lambda: [] if self._office.adapters is None else self._office.adapters.rows(),
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


def as_csv(rows: Sequence[figures.Row]) -> str:
    """A CSV text with a byte-order mark for Excel; what a spreadsheet would take for a formula gets an apostrophe."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    if rows:
        writer.writerow(rows[0])
        writer.writerows([_cell(value) for value in row.values()] for row in rows)
    return "\ufeff" + buffer.getvalue()


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value

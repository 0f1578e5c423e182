"""What the owner sees: figures of a period, as JSON for the charts and as CSV for a spreadsheet; and adapter versions.

Reviewers and admins read; only an admin promotes and rolls back.
"""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Depends, Query, Request
from fastapi.responses import Response
from pydantic import StringConstraints

from endcloud.serving import figures
from endcloud.serving.periods import Span
from endcloud.web.access import Calls, Routes
from endcloud.web.back_office import Office
from endcloud.web.books import Figures, Table
from endcloud.web.customer_api import Serves
from endcloud.web.failures import RefusedRequest
from endcloud.web.texts import Body, Name

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
Chosen = Annotated[Span, Query(alias="period")]

routes = Routes()


async def figures_of(request: Request) -> Figures:
    found: Figures = request.app.state.figures
    return found


Kept = Annotated[Figures, Depends(figures_of)]


class Promotion(Body):
    reason: Annotated[str, StringConstraints(max_length=200)] = ""


@routes.get("/dashboard/figures", roles=("reviewer",))
async def all_figures(service: Serves, office: Office, kept: Kept, span: Chosen = "today") -> dict[str, Any]:
    """Every table of the dashboard for a period, with its sums."""
    found = await asyncio.to_thread(kept.of, span)
    return {"period": span, "now": service.clock.now().isoformat(), "currency": office.currency, **found}


@routes.get("/dashboard/tables/{table}.csv", roles=("reviewer",), response_model=None)
async def table(table: Table, office: Office, kept: Kept, span: Chosen = "today") -> Response:
    """One table as a CSV file that a spreadsheet opens with its Chinese intact and without running anything."""
    if table == "versions":
        rows = [] if office.adapters is None else await asyncio.to_thread(office.adapters.rows)
    else:
        rows = (await asyncio.to_thread(kept.of, span))["tables"][table]
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

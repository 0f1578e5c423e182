"""What left this machine, upload by upload, for the ledger's page; and whether the record of it is whole."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import Query, Request

from endcloud.store.ledger import Upload
from endcloud.web.access import Routes
from endcloud.web.back_office import Office
from endcloud.web.failures import RefusedRequest
from endcloud.web.texts import Name

_PAGE = 50
_LAST_ROW = 2**31 - 1
Number = Annotated[int, Query(ge=0, le=_LAST_ROW)]
Purposes = Literal["", "answer", "label", "audit", "takeover"]

routes = Routes()


@routes.get("/dashboard/ledger", roles=("reviewer",))
async def uploads(office: Office, before: Number = 0, purpose: Purposes = "") -> dict[str, Any]:
    """Fifty uploads, the newest first, from before the row `before`; and the proofs that people were forgotten."""
    if office.uploads is None:
        return {"uploads": [], "count": 0, "proofs": [], "currency": "", "more": False}
    found = await asyncio.to_thread(office.uploads.uploads, _PAGE + 1, before=before, purpose=purpose)
    return {
        "uploads": [_view(one) for one in found[:_PAGE]],
        "more": len(found) > _PAGE,
        "count": await asyncio.to_thread(office.uploads.count),
        "proofs": [asdict(one) for one in await asyncio.to_thread(office.uploads.proofs)],
        "currency": office.currency,
    }


@routes.get("/dashboard/ledger/verification", roles=("reviewer",))
async def verification(office: Office, request: Request) -> dict[str, Any]:
    """Reads the whole ledger and says whether it is; one look at a time, since it takes a while."""
    if office.verify is None:
        raise RefusedRequest(404, "This service keeps no ledger.")
    async with request.app.state.verifying:
        return (await asyncio.to_thread(office.verify)).as_json()


@routes.get("/dashboard/ledger/uploads/{upload}", roles=("reviewer",))
async def upload(upload: Name, office: Office) -> dict[str, Any]:
    """One upload with exactly what left; a message that was erased with a customer has no content."""
    if office.uploads is None:
        raise RefusedRequest(404, "This service keeps no ledger.")
    found = await asyncio.to_thread(office.uploads.upload, upload)
    messages = await asyncio.to_thread(office.uploads.messages, found.id)
    erased = await asyncio.to_thread(office.uploads.erased, found.id)
    said = [asdict(one) | {"erased": at in erased} for at, one in enumerate(messages)]
    return _view(found) | {"messages": said, "digest": found.digest}


def _view(one: Upload) -> dict[str, Any]:
    return {name: value for name, value in asdict(one).items() if name != "digest"}

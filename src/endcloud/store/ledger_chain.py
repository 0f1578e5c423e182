"""Every row of the ledger hangs on the row before it, so that none can be changed or left out unseen.

A row's digest is the SHA-256 of one JSON object: all its columns and, as `previous`, the digest of the row before
(empty for the first). Keys are sorted, nothing stands between the signs, all beyond ASCII is escaped, times are UTC
with microseconds. A column at its empty value is left out, so that a later endcloud may add columns and every digest
stays. Rows are numbered from 1 without a gap, and the number is one of the columns.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, insert, select, update

from endcloud.store.tables import LedgerHeadRow, UploadRow

EMPTY: dict[str, Any] = {
    "purpose": "",
    "conversation": "",
    "model": "",
    "host": "",
    "detector": "",
    "masked": {},
    "digest": "",
    "size": 0,
    "outcome": "",
    "prompt_tokens": 0,
    "completion_tokens": 0,
    "cached_tokens": 0,
    "price": None,
    "proof": {},
}
"""What a column holds where an event has nothing to say in it."""

COLUMNS = ("id", "upload", "event", "at", *EMPTY)
"""The columns that a digest covers: all but the digest itself."""


_END = select(LedgerHeadRow.count, LedgerHeadRow.digest)


@dataclass(frozen=True, slots=True)
class Head:
    """How many rows a ledger has, and the digest of the last: who knows it can tell whether anything is missing."""

    count: int = 0
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """A row's place in the chain: the head before it, and the head that it makes."""

    before: Head
    head: Head


def row_digest(previous: str, row: Mapping[str, Any]) -> str:
    """The digest of a row whose predecessor has the digest `previous`; columns that `row` lacks are empty."""
    text = json.dumps(chained(row) | {"previous": previous}, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return sha256(text.encode()).hexdigest()


def chained(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a row says, as plain JSON values: the columns that its digest covers and that are not empty."""
    return {name: _plain(row[name]) for name in COLUMNS if name in row and not _empty(name, row[name])}


def append(connection: Connection, row: Mapping[str, Any]) -> Link:
    """Adds a row to the end of the chain, within the caller's transaction; returns its place there.

    One row of the database holds the end of the chain and is locked until the commit, so that of two processes the
    second continues what the first has committed. (On SQLite the transaction itself is the lock.)
    """
    end = Head(*connection.execute(_END.with_for_update()).one())
    numbered = EMPTY | dict(row) | {"id": end.count + 1}
    head = Head(end.count + 1, row_digest(end.digest, numbered))
    connection.execute(insert(UploadRow), numbered | {"chain": head.digest})
    connection.execute(update(LedgerHeadRow).values(count=head.count, digest=head.digest))
    return Link(end, head)


def end_of(connection: Connection) -> Head:
    """Where the database says that the chain ends."""
    return Head(*connection.execute(_END).one())


def _empty(name: str, value: Any) -> bool:
    return name in EMPTY and bool(value == EMPTY[name])


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return value

"""Looks over the whole ledger: is every row there, as it was written, and does every payload match its row?

Four things are compared: each row with its digest and the row before; the last row with what the database says of the
end; the chain with the head outside; and what is kept of each upload with the digest of what left. A finding names
the row. What can happen to an honest shop (a crash between a commit and its head, a message erased with a customer,
an upload whose process was killed) is told, and is no finding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, func, select

from endcloud.errors import EndcloudError
from endcloud.store.database import Database
from endcloud.store.ledger import digest_of
from endcloud.store.ledger_chain import Head, end_of, row_digest
from endcloud.store.ledger_head import HeadFile
from endcloud.store.tables import LedgerHeadRow, PayloadRow, UploadPartRow, UploadRow
from endcloud.types import Message, payload_of

_AT_ONCE = 500
_MOST = 100
"""Findings that are told one by one; a ledger that was rewritten has as many as rows."""


@dataclass
class Verification:
    """What a look over the ledger found. `findings` are whole sentences; the ledger is whole where there is none.

    `beyond` counts the rows after the head outside, `erased` the messages that were erased with their customers,
    `open` the uploads without an end.
    """

    head: Head
    rows: int = 0
    uploads: int = 0
    proofs: int = 0
    beyond: int = 0
    erased: int = 0
    open: int = 0
    findings: list[str] = field(default_factory=list)
    more: int = 0

    @property
    def whole(self) -> bool:
        """Whether nothing is missing, changed or cut off."""
        return not self.findings

    def found(self, sentence: str) -> None:
        """Notes a finding; beyond a hundred they are only counted."""
        if len(self.findings) < _MOST:
            self.findings.append(sentence)
        else:
            self.more += 1

    def as_json(self) -> dict[str, Any]:
        """All of it as one JSON object."""
        return {"whole": self.whole, **asdict(self)}


def verify(database: Database, outside: HeadFile | None = None, noted: Head | None = None) -> Verification:
    """Reads every row and payload. `noted` is a head that somebody wrote down elsewhere, such as an auditor.

    Also while the shop is served: all is read as it stood at one moment, and the head outside just before.
    """
    found = Verification(Head())
    kept = _kept_outside(outside, found)
    with _at_one_moment(database) as connection:
        digests = _chain(connection, found, {0, *(head.count for head in (kept, noted) if head is not None)})
        _end(connection, found)
        if outside is not None:
            _outside(connection, outside, kept, digests, found)
        if noted is not None:
            _compare(noted, "The head that was noted", digests, found)
        _payloads(connection, found)
        found.open = _open(connection)
    return found


def _at_one_moment(database: Database) -> Connection:
    """SQLite reads so of itself."""
    connection = database.engine.connect().execution_options(writing=False)
    if connection.dialect.name == "postgresql":
        return connection.execution_options(isolation_level="REPEATABLE READ")
    return connection


def _chain(connection: Connection, found: Verification, wanted: set[int]) -> dict[int, str]:
    """Follows the chain from its first row to its last; the digests of the rows with the numbers `wanted`."""
    digests = {0: ""}
    previous, expected = "", 1
    seen = {"sent": 0, "settled": 0, "forgotten": 0}
    for row in _rows(connection):
        number = row["id"]
        if number != expected:
            found.found(_gap(expected, number))
        if row_digest(previous, row) != row["chain"]:
            found.found(
                f"Row {number} ({row['event']}, {row['at']:%Y-%m-%d %H:%M:%S} UTC) is not what was written, or the "
                f"row before it is not."
            )
        if row["event"] not in seen:
            found.found(f"Row {number} is of a kind that this endcloud does not know, {row['event']!r}.")
        seen[row["event"]] = seen.get(row["event"], 0) + 1
        previous, expected = row["chain"], number + 1
        found.rows += 1
        if number in wanted:
            digests[number] = previous
    found.head = Head(expected - 1, previous)
    found.uploads, found.proofs = seen["sent"], seen["forgotten"]
    return digests


def _gap(expected: int, number: int) -> str:
    if number < expected:
        return f"Row {number} stands where no row can be."
    missing = f"Row {expected} is" if number == expected + 1 else f"Rows {expected} to {number - 1} are"
    return f"{missing} missing."


def _rows(connection: Connection) -> Iterator[dict[str, Any]]:
    last: int | None = None
    while True:
        chosen = select(UploadRow.__table__).order_by(UploadRow.id).limit(_AT_ONCE)
        chosen = chosen if last is None else chosen.where(UploadRow.id > last)
        some = connection.execute(chosen).mappings().all()
        if not some:
            return
        yield from (dict(row) for row in some)
        last = some[-1]["id"]


def _end(connection: Connection, found: Verification) -> None:
    said = end_of(connection)
    if said.count > found.head.count:
        missing = said.count - found.head.count
        found.found(f"The last {missing} rows are missing: the database says that row {said.count} is the last.")
    elif said.count < found.head.count:
        found.found(
            f"The database says that row {said.count} is the last, and there are rows up to {found.head.count}: the "
            "rest was added by something else than endcloud."
        )
    elif said != found.head:
        found.found(f"The database has another digest for the last row, {said.count}, than the row itself.")


def _kept_outside(outside: HeadFile | None, found: Verification) -> Head | None:
    try:
        return None if outside is None else outside.read()
    except EndcloudError as error:
        found.found(str(error))
        return Head()


def _outside(
    connection: Connection, outside: HeadFile, kept: Head | None, digests: dict[int, str], found: Verification
) -> None:
    if kept is not None:
        found.beyond = max(0, found.head.count - kept.count)
        _compare(kept, f"The head outside the database, {outside.path.name!r},", digests, found)
    elif found.head.count > (connection.scalar(select(LedgerHeadRow.begun)) or 0):
        found.found(
            f"The head outside the database is missing: {str(outside.path)!r}. Without it nobody can tell whether the "
            "last rows are all there; put back the copy of a backup (an older one will do)."
        )


def _compare(head: Head, whose: str, digests: dict[int, str], found: Verification) -> None:
    if head.count > found.head.count:
        found.found(
            f"{whose} says that there were {head.count} rows, and there are {found.head.count}: the last "
            f"{head.count - found.head.count} were cut off, or an older store was put back."
        )
    elif digests.get(head.count) != head.digest:
        found.found(f"{whose} has another digest for row {head.count}: the ledger was written anew up to there.")


def _payloads(connection: Connection, found: Verification) -> None:
    """What is kept of each upload gives the digest of what left, unless some of it was erased with a customer."""
    gone = {
        row.digest for row in _kept(connection, found) if not row.content and digest_of(_message(row)) != row.digest
    }
    found.erased = len(gone)
    sent = (row for row in _rows(connection) if row["event"] == "sent")
    for row, parts in _with_parts(connection, sent):
        if any(part.digest in gone for part in parts):
            continue
        if sha256(payload_of([_message(part) for part in parts]).encode()).hexdigest() != row["digest"]:
            found.found(f"What is kept of the upload of row {row['id']} ({row['upload'][:8]}) is not what left.")


def _kept(connection: Connection, found: Verification) -> Iterator[Any]:
    """Every message that is kept, by digest; those whose text does not give their digest are findings."""
    last = ""
    while some := connection.execute(
        select(PayloadRow.__table__).where(PayloadRow.digest > last).order_by(PayloadRow.digest).limit(_AT_ONCE)
    ).all():
        for row in some:
            if row.content and digest_of(_message(row)) != row.digest:
                found.found(f"The message {row.digest[:8]} that left was changed since.")
            yield row
        last = some[-1].digest


def _with_parts(connection: Connection, sent: Iterator[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], list[Any]]]:
    while some := [row for _, row in zip(range(_AT_ONCE), sent, strict=False)]:
        chosen = (
            select(UploadPartRow.upload, PayloadRow.digest, PayloadRow.role, PayloadRow.content)
            .join(PayloadRow, UploadPartRow.payload == PayloadRow.digest)
            .where(UploadPartRow.upload.in_([row["upload"] for row in some]))
            .order_by(UploadPartRow.upload, UploadPartRow.position)
        )
        parts = {name: list(rows) for name, rows in groupby(connection.execute(chosen), lambda row: row.upload)}
        for row in some:
            yield row, parts.get(row["upload"], [])


def _message(row: Any) -> Message:
    return Message(row.role, row.content)


def _open(connection: Connection) -> int:
    ended = select(UploadRow.upload).where(UploadRow.event == "settled")
    chosen = select(func.count()).where(UploadRow.event == "sent", UploadRow.upload.not_in(ended))
    return connection.scalar(chosen) or 0

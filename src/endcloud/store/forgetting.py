"""What left this machine for a customer's questions is erased with them: the words, not the record that they left.

The ledger's rows stay (when, whither, how much, which digest), so that nobody can make an upload unseen; the text of
the messages that nobody else's upload holds goes, and so do the cloud's answers to this customer's turns.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, ScalarSelect, Select, delete, or_, select, update

from endcloud.store.conversation_tables import TurnRow
from endcloud.store.tables import LabelRow, PayloadRow, UploadPartRow, UploadRow

_AT_ONCE = 200  # names in one statement: SQLite bounds how deep a chain of "or" may be


def forget_uploads(connection: Connection, conversations: ScalarSelect[str]) -> dict[str, int]:
    """Erases payloads and labels of the `conversations` (a subquery of ids); call it while their turns are there.

    Returns how many of each went.
    """
    said = select(TurnRow.id, TurnRow.conversation).where(TurnRow.conversation.in_(conversations))
    rows = connection.execute(said).all()
    turns = [row.id for row in rows]
    names = {*turns, *(row.conversation for row in rows)}
    uploads: set[str] = set()
    for some in _chunks(sorted(names)):
        uploads.update(connection.scalars(select(UploadRow.upload).where(UploadRow.conversation.in_(some))))
    return {
        "payloads": sum(_blank(connection, some) for some in _chunks(sorted(_theirs_alone(connection, uploads)))),
        "labels": sum(_unlabel(connection, some) for some in _chunks(turns)),
    }


def _theirs_alone(connection: Connection, uploads: set[str]) -> set[str]:
    """The digests of the messages of `uploads` that no other upload holds; what the shop tells every time stays."""
    theirs: set[str] = set()
    for some in _chunks(sorted(uploads)):
        theirs.update(connection.scalars(_spoken().where(UploadPartRow.upload.in_(some))))
    shared: set[str] = set()
    for some in _chunks(sorted(theirs)):
        holders = select(UploadPartRow.payload, UploadPartRow.upload).where(UploadPartRow.payload.in_(some))
        shared.update(row.payload for row in connection.execute(holders) if row.upload not in uploads)
    return theirs - shared


def _spoken() -> Select[str]:
    joined = select(UploadPartRow.payload).join(PayloadRow, PayloadRow.digest == UploadPartRow.payload)
    return joined.where(PayloadRow.role != "system")


def _blank(connection: Connection, digests: list[str]) -> int:
    erased = update(PayloadRow).where(PayloadRow.digest.in_(digests), PayloadRow.content != "").values(content="")
    return int(connection.execute(erased).rowcount)


def _unlabel(connection: Connection, turns: list[str]) -> int:
    """A label's example is a turn, or one way of asking it: `TURN/way`, `TURN~way`."""
    ways = (LabelRow.example.startswith(f"{turn}{mark}", autoescape=True) for turn in turns for mark in "/~")
    return int(connection.execute(delete(LabelRow).where(or_(LabelRow.example.in_(turns), *ways))).rowcount)


def _chunks(names: list[str]) -> Iterator[list[str]]:
    for at in range(0, len(names), _AT_ONCE):
        yield names[at : at + _AT_ONCE]

"""How long personal data are kept: what is older than the settings allow is erased as a forgotten customer's is.

A conversation goes as a whole when nothing was said in it for the time given, unless a person is expected in it. Of
the ledger only the payloads go. Lessons stay: they are masked, and a shop learns from them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol

from sqlalchemy import Connection, delete, exists, select, update
from sqlalchemy.orm import aliased

from endcloud.store.conversation_tables import (
    ConversationRow,
    CustomerRow,
    FeedbackRow,
    HandoffRow,
    MemoryRow,
    TurnRow,
)
from endcloud.store.database import Database
from endcloud.store.forgetting import forget_conversations
from endcloud.store.tables import PayloadRow, UploadPartRow, UploadRow

_AT_ONCE = 200  # rows or conversations in one transaction: a service writes in between


@dataclass(frozen=True, slots=True)
class Keeping:
    """Days that each kind is kept; 0 keeps it for good."""

    turns: float = 0
    memories: float = 0
    feedback: float = 0
    payloads: float = 0


def erase_old(database: Database, keeping: Keeping, now: datetime) -> dict[str, int]:
    """Erases what is older than `keeping` says; returns how many rows of each kind went."""
    gone: Counter[str] = Counter()
    kinds: list[tuple[float, _Erase]] = [
        (keeping.turns, _conversations),
        (keeping.feedback, _feedback),
        (keeping.memories, _memories),
        (keeping.payloads, _payloads),
    ]
    for days, erase in kinds:
        if days:
            before = now.astimezone(UTC) - timedelta(days=days)
            while rows := database.write(partial(erase, before=before)):
                gone.update(rows)
    if gone:
        database.scrub()
    return {kind: rows for kind, rows in gone.items() if rows}


class _Erase(Protocol):
    def __call__(self, connection: Connection, before: datetime) -> dict[str, int]:
        """Erases some of what was said before a time; an empty answer says that there is no more."""
        ...


def _conversations(connection: Connection, before: datetime) -> dict[str, int]:
    said = exists().where(TurnRow.conversation == ConversationRow.id, TurnRow.at >= before)
    later = aliased(HandoffRow)
    newer = exists().where(later.conversation == HandoffRow.conversation, later.step > HandoffRow.step)
    with_people = exists().where(HandoffRow.conversation == ConversationRow.id, HandoffRow.stage != "closed", ~newer)
    old = select(ConversationRow.id).where(ConversationRow.at < before, ~said, ~with_people).limit(_AT_ONCE)
    names = connection.scalars(old).all()
    return forget_conversations(connection, names) if names else {}


def _feedback(connection: Connection, before: datetime) -> dict[str, int]:
    old = select(FeedbackRow.id).where(FeedbackRow.at < before).limit(_AT_ONCE)
    return _counted("feedback", connection.execute(delete(FeedbackRow).where(FeedbackRow.id.in_(old))).rowcount)


def _memories(connection: Connection, before: datetime) -> dict[str, int]:
    """What customers said of themselves, and what the shop's own system told of them."""
    old = select(MemoryRow.id).where(MemoryRow.at < before).limit(_AT_ONCE)
    told = select(CustomerRow.id).where(CustomerRow.at < before).limit(_AT_ONCE)
    memories = connection.execute(delete(MemoryRow).where(MemoryRow.id.in_(old))).rowcount
    facts = connection.execute(delete(CustomerRow).where(CustomerRow.id.in_(told))).rowcount
    return _counted("memories", memories) | _counted("facts", facts)


def _payloads(connection: Connection, before: datetime) -> dict[str, int]:
    """The messages that no upload since then was made of."""
    parts = select(UploadPartRow.payload).join(UploadRow, UploadRow.upload == UploadPartRow.upload)
    lately = parts.where(UploadRow.event == "sent", UploadRow.at >= before)
    old = select(PayloadRow.digest).where(PayloadRow.content != "", PayloadRow.digest.not_in(lately)).limit(_AT_ONCE)
    digests = connection.scalars(old).all()
    connection.execute(update(PayloadRow).where(PayloadRow.digest.in_(digests)).values(content=""))
    return _counted("payloads", len(digests))


def _counted(kind: str, rows: int) -> dict[str, int]:
    return {kind: rows} if rows else {}

"""What is known of customers, on this machine only: what the shop's system tells, and what they said of themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from endcloud.store.conversation_tables import (
    ConversationRow,
    CustomerRow,
    FeedbackRow,
    HandoffRow,
    MemoryRow,
    TurnRow,
)
from endcloud.store.database import Database, now
from endcloud.store.evolution_tables import ChoiceRow, LessonRow
from endcloud.store.forgetting import forget_uploads


@dataclass(frozen=True, slots=True)
class Memory:
    """Something a customer said of themself: a `topic` (size, courier …), the words, and the turn they stood in."""

    customer: str
    topic: str
    text: str
    turn: str
    at: datetime


class StoredCustomers:
    """Customers' facts and memories as rows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, customer: str, facts: Mapping[str, Any]) -> None:
        """Replaces what the shop's system tells of a customer."""

        def replace(connection: Connection) -> None:
            connection.execute(delete(CustomerRow).where(CustomerRow.id == customer))
            connection.execute(insert(CustomerRow), {"id": customer, "facts": dict(facts), "at": now()})

        self._database.write(replace)

    def facts(self, customer: str) -> dict[str, Any]:
        """What the shop's system told last; empty where it told nothing."""
        with self._database.reading() as connection:
            found = connection.scalar(select(CustomerRow.facts).where(CustomerRow.id == customer))
        return dict(found or {})

    def remember(self, memory: Memory) -> None:
        """Adds what a customer said."""
        row = {name: getattr(memory, name) for name in ("customer", "topic", "text", "turn", "at")}
        self._database.write(lambda connection: connection.execute(insert(MemoryRow), row))

    def memories(self, customer: str) -> list[Memory]:
        """The newest memory of each topic, newest first."""
        chosen = select(MemoryRow.__table__).where(MemoryRow.customer == customer).order_by(MemoryRow.id)
        with self._database.reading() as connection:
            newest = {row.topic: row for row in connection.execute(chosen)}
        found = [Memory(row.customer, row.topic, row.text, row.turn, row.at) for row in newest.values()]
        return sorted(found, key=lambda memory: memory.at, reverse=True)

    def forget(self, customer: str) -> dict[str, int]:
        """Removes all that is a customer's: facts, memories, conversations with turns, feedback and hand-overs, and
        the lessons made of them (versions that learned one keep its name only).

        Returns how many rows of each kind went.
        """

        def remove(connection: Connection) -> dict[str, int]:
            theirs = select(ConversationRow.id).where(ConversationRow.customer == customer).scalar_subquery()
            gone = forget_uploads(connection, theirs)
            removed = {
                "feedback": delete(FeedbackRow).where(FeedbackRow.conversation.in_(theirs)),
                "hand-overs": delete(HandoffRow).where(HandoffRow.conversation.in_(theirs)),
                "choices": delete(ChoiceRow).where(ChoiceRow.conversation.in_(theirs)),
                "lessons": delete(LessonRow).where(LessonRow.conversation.in_(theirs)),
                "turns": delete(TurnRow).where(TurnRow.conversation.in_(theirs)),
                "memories": delete(MemoryRow).where(MemoryRow.customer == customer),
                "facts": delete(CustomerRow).where(CustomerRow.id == customer),
                "conversations": delete(ConversationRow).where(ConversationRow.customer == customer),
            }
            return gone | {name: int(connection.execute(statement).rowcount) for name, statement in removed.items()}

        return self._database.write(remove)

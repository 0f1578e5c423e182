"""What is known of customers, on this machine only: what the shop's system tells, and what they said of themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from endcloud.store.conversation_tables import ConversationRow, CustomerRow, MemoryRow
from endcloud.store.database import Database, now
from endcloud.store.forgetting import Person, forget_person, lessons_of


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
        newest = {memory.topic: memory for memory in reversed(self.every_memory(customer))}
        return sorted(newest.values(), key=lambda memory: memory.at, reverse=True)

    def every_memory(self, customer: str) -> list[Memory]:
        """Every memory, also what a newer one has replaced, the one written last first."""
        chosen = select(MemoryRow.__table__).where(MemoryRow.customer == customer).order_by(MemoryRow.id.desc())
        with self._database.reading() as connection:
            rows = connection.execute(chosen).all()
        return [Memory(row.customer, row.topic, row.text, row.turn, row.at) for row in rows]

    def forget(self, customer: str, person: Person | None = None) -> dict[str, int]:
        """Removes all rows that are a customer's: facts, memories, conversations with turns, feedback and hand-overs,
        the lessons made of them and what left for them (versions that learned a lesson keep its name only).

        `person` names besides what was recorded of them before they were served here. Returns how many rows of each
        kind went.
        """
        whose = person or Person(customer)
        return self._database.write(lambda connection: forget_person(connection, whose))

    def lessons(self, person: Person) -> frozenset[str]:
        """The ids of the lessons that `forget` would remove."""
        chosen = select(ConversationRow.id).where(ConversationRow.customer == person.customer)
        with self._database.reading() as connection:
            return frozenset(lessons_of(connection, person, connection.scalars(chosen).all()))

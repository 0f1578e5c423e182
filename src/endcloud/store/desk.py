"""The agents' queue. Implements `endcloud.protocols.Desk`.

A hand-over is a history of steps. A step is written only where the newest one allows it, and the number of a step is
unique in its conversation: of two agents who claim in the same instant, in one process or in two, one succeeds.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Connection, RowMapping, func, insert, select
from sqlalchemy.exc import IntegrityError

from endcloud.errors import ConflictError, EndcloudError
from endcloud.store.conversation_tables import HandoffRow
from endcloud.store.database import Database, now
from endcloud.types import Handoff


class StoredDesk:
    """Hand-overs as rows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def request(self, conversation: str, reason: str) -> Handoff:
        """Puts a conversation into the queue; one that waits or is claimed stays as it is."""

        def step(connection: Connection) -> Handoff:
            newest = _newest(connection, conversation)
            if newest is not None and newest["stage"] != "closed":
                return _handoff(newest)
            return _write(connection, newest, conversation, "waiting", reason, "")

        return self._database.write(step)

    def claim(self, conversation: str, agent: str) -> Handoff:
        """Raises ConflictError where another agent has it, or nobody asked."""

        def step(connection: Connection) -> Handoff:
            newest = _newest(connection, conversation)
            if newest is None or newest["stage"] == "closed":
                raise ConflictError(f"The conversation {conversation!r} is not waiting for a person; reload the queue.")
            if newest["stage"] == "claimed" and newest["agent"] != agent:
                raise ConflictError(f"The conversation {conversation!r} was claimed by {newest['agent']!r} already.")
            if newest["stage"] == "claimed":
                return _handoff(newest)
            return _write(connection, newest, conversation, "claimed", str(newest["reason"]), agent)

        try:
            return self._database.write(step)
        except EndcloudError as error:
            if isinstance(error.__cause__, IntegrityError):
                raise ConflictError(f"The conversation {conversation!r} was claimed a moment ago; reload.") from error
            raise

    def close(self, conversation: str, agent: str) -> Handoff:
        """Hands back to the models. Raises ConflictError where this agent does not have it."""

        def step(connection: Connection) -> Handoff:
            newest = _newest(connection, conversation)
            if newest is None or newest["stage"] != "claimed" or newest["agent"] != agent:
                raise ConflictError(f"The conversation {conversation!r} is not with {agent!r}; claim it first.")
            return _write(connection, newest, conversation, "closed", str(newest["reason"]), agent)

        return self._database.write(step)

    def of(self, conversation: str) -> Handoff | None:
        """Where a conversation stands; None where it was never handed over."""
        with self._database.reading() as connection:
            row = _newest(connection, conversation)
        return None if row is None else _handoff(row)

    def open(self) -> list[Handoff]:
        """All that wait or are claimed, longest waiting first."""
        newest = select(func.max(HandoffRow.id)).group_by(HandoffRow.conversation).scalar_subquery()
        chosen = select(HandoffRow.__table__).where(HandoffRow.id.in_(newest), HandoffRow.stage != "closed")
        with self._database.reading() as connection:
            return [_handoff(row) for row in connection.execute(chosen.order_by(HandoffRow.id)).mappings()]

    def steps(self, since: datetime) -> list[Handoff]:
        """Every step of every hand-over from `since` on, oldest first."""
        chosen = select(HandoffRow.__table__).where(HandoffRow.at >= since.astimezone(UTC)).order_by(HandoffRow.id)
        with self._database.reading() as connection:
            return [_handoff(row) for row in connection.execute(chosen).mappings()]


def _newest(connection: Connection, conversation: str) -> RowMapping | None:
    chosen = select(HandoffRow.__table__).where(HandoffRow.conversation == conversation)
    return connection.execute(chosen.order_by(HandoffRow.step.desc()).limit(1)).mappings().first()


def _write(
    connection: Connection, newest: RowMapping | None, conversation: str, stage: str, reason: str, agent: str
) -> Handoff:
    row = {
        "conversation": conversation,
        "step": 0 if newest is None else int(newest["step"]) + 1,
        "stage": stage,
        "reason": reason,
        "agent": agent,
        "at": now(),
    }
    connection.execute(insert(HandoffRow), row)
    return _handoff(row)


def _handoff(row: RowMapping | dict[str, object]) -> Handoff:
    return Handoff(row["conversation"], row["stage"], row["reason"], row["at"], row["agent"])  # type: ignore[arg-type]

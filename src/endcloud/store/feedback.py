"""What was said of replies. Implements `endcloud.protocols.Feedbacks`."""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from datetime import UTC, datetime

from sqlalchemy import Connection, Select, insert, select

from endcloud.errors import ConflictError
from endcloud.store.conversation_tables import FeedbackRow
from endcloud.store.database import Database
from endcloud.types import Feedback

_NAMES = tuple(field.name for field in fields(Feedback))
_SAID = ("turn", "witness", "by", "kind", "value", "text")
"""What must be the same for a feedback to be the same."""


class StoredFeedbacks:
    """Feedback as rows, one an id: sent twice, it counts once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, feedback: Feedback) -> bool:
        """Records it, acknowledged when it is on disk; False where it is there already.

        Raises ConflictError where the id is that of another word, on another reply or by somebody else: nothing is lost
        in silence.
        """
        same = [getattr(FeedbackRow, name) for name in _SAID]

        def append(connection: Connection) -> bool:
            if (known := connection.execute(select(*same).where(FeedbackRow.id == feedback.id)).first()) is not None:
                if tuple(known) != tuple(getattr(feedback, name) for name in _SAID):
                    raise ConflictError(f"The id {feedback.id!r} names another feedback; choose another one.")
                return False
            connection.execute(insert(FeedbackRow), asdict(replace(feedback, at=feedback.at.astimezone(UTC))))
            return True

        return self._database.write(append)

    def of(self, turn: str) -> list[Feedback]:
        """All that was said of one reply, oldest first."""
        return self._found(select(FeedbackRow.__table__).where(FeedbackRow.turn == turn))

    def within(self, conversation: str) -> list[Feedback]:
        """All that was said of a conversation's replies, oldest first."""
        return self._found(select(FeedbackRow.__table__).where(FeedbackRow.conversation == conversation))

    def since(self, since: datetime) -> list[Feedback]:
        """All feedback from `since` on, oldest first."""
        return self._found(select(FeedbackRow.__table__).where(FeedbackRow.at >= since.astimezone(UTC)))

    def _found(self, chosen: Select[tuple[object, ...]]) -> list[Feedback]:
        with self._database.reading() as connection:
            rows = connection.execute(chosen.order_by(FeedbackRow.at, FeedbackRow.id))
            return [Feedback(**{name: getattr(row, name) for name in _NAMES}) for row in rows]

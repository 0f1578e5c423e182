"""The shop's rules as they stood at any time: what an edit is held against."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, insert, select

from endcloud.rounds import PolicyText
from endcloud.store.database import Database
from endcloud.store.evolution_tables import PolicyTextRow


class StoredPolicyTexts:
    """Versions of the rules as rows, appended and never changed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, lines: Sequence[str], at: datetime) -> bool:
        """Records that the rules read so from `at` on; False where the newest version reads so already."""
        text = "\n".join(lines)

        def record(connection: Connection) -> bool:
            newest = connection.scalar(select(PolicyTextRow.text).order_by(PolicyTextRow.number.desc()).limit(1))
            if newest == text:
                return False
            connection.execute(insert(PolicyTextRow), {"text": text, "at": at.astimezone(UTC)})
            return True

        return self._database.write(record)

    def latest(self) -> PolicyText | None:
        """The version that the shop's material was last held against; None where none was recorded yet."""
        found = self.all()
        return found[-1] if found else None

    def all(self) -> list[PolicyText]:
        """Every version, oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute(select(PolicyTextRow.__table__).order_by(PolicyTextRow.number))
            return [PolicyText(row.number, row.text, row.at) for row in rows]

"""What people said of replies, kept forever. Implements `endcloud.protocols.Reviews`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import UTC

from sqlalchemy import Connection, delete, insert, select

from endcloud.store.database import Database
from endcloud.store.tables import ReviewRow
from endcloud.types import Review

_VALUES = 900  # SQLite takes at most 999 values in one statement in older builds


class StoredReviews:
    """Reviews as rows, one an id: the newest wins, so a sheet may be read as often as one likes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, reviews: Sequence[Review]) -> None:
        """Records reviews in one transaction: all of them or none."""
        rows = {review.id: asdict(review) | {"at": review.at.astimezone(UTC)} for review in reviews}

        def replace(connection: Connection) -> None:
            ids = list(rows)
            for start in range(0, len(ids), _VALUES):
                connection.execute(delete(ReviewRow).where(ReviewRow.id.in_(ids[start : start + _VALUES])))
            connection.execute(insert(ReviewRow), list(rows.values()))

        if rows:
            self._database.write(replace)

    def all(self) -> list[Review]:
        """Every review, oldest first."""
        names = [field.name for field in fields(Review)]
        chosen = select(ReviewRow.__table__).order_by(ReviewRow.at, ReviewRow.id)
        with self._database.reading() as connection:
            return [Review(**{name: getattr(row, name) for name in names}) for row in connection.execute(chosen)]

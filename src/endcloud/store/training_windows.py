"""Training windows: times in which the service has given its memory to a training. Implements
`endcloud.rounds.TrainingWindows`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select, update

from endcloud.rounds import TrainingWindow
from endcloud.store.database import Database
from endcloud.store.evolution_tables import TrainingWindowRow


class StoredTrainingWindows:
    """Windows as rows; the newest that is neither closed nor forsaken counts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ask(self, round: int, worker: str, at: datetime, seconds: float) -> TrainingWindow:
        """Asks for a window; it is forsaken unless `hold` is called within `seconds`."""
        lease = at.astimezone(UTC) + timedelta(seconds=seconds)

        def ask(connection: Connection) -> int:
            row = {"round": round, "worker": worker, "asked": at.astimezone(UTC), "lease": lease}
            made = connection.execute(insert(TrainingWindowRow).returning(TrainingWindowRow.number), row)
            return int(made.scalar_one())

        return self.get(self._database.write(ask))

    def hold(self, number: int, at: datetime, seconds: float) -> None:
        """The heartbeat of whoever asked."""
        self._set(number, lease=at.astimezone(UTC) + timedelta(seconds=seconds))

    def grant(self, number: int, at: datetime) -> None:
        """The service has let go of its memory."""
        self._set(number, granted=at.astimezone(UTC))

    def close(self, number: int, at: datetime) -> None:
        """Whoever asked needs it no more."""
        self._set(number, closed=at.astimezone(UTC))

    def get(self, number: int) -> TrainingWindow:
        """The window of this number."""
        chosen = select(TrainingWindowRow.__table__).where(TrainingWindowRow.number == number)
        with self._database.reading() as connection:
            return TrainingWindow(**connection.execute(chosen).mappings().one())

    def open(self, at: datetime) -> TrainingWindow | None:
        """The window that is asked for or under way at this time."""
        chosen = select(TrainingWindowRow.__table__).where(
            TrainingWindowRow.closed.is_(None), TrainingWindowRow.lease > at.astimezone(UTC)
        )
        with self._database.reading() as connection:
            row = connection.execute(chosen.order_by(TrainingWindowRow.number.desc())).mappings().first()
            return None if row is None else TrainingWindow(**row)

    def _set(self, number: int, **values: Any) -> None:
        changed = update(TrainingWindowRow).where(TrainingWindowRow.number == number).values(**values)
        self._database.write(lambda connection: connection.execute(changed))

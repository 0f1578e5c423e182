"""Rounds of online evolution and what was decided in them. Implements `endcloud.rounds.Rounds`.

At most one round is open, and one worker holds it by a lease that its heartbeat moves on. Every change asks for the
lease in the same transaction, so a worker that slept too long can write nothing any more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, func, insert, select, update

from endcloud.errors import LockedError, NotFoundError
from endcloud.rounds import STAGES, Decision, Outcome, Round, Stage
from endcloud.store.database import Database
from endcloud.store.evolution_tables import DecisionRow, RoundRow

_ROUND = tuple(field.name for field in fields(Round))
_DECISION = tuple(field.name for field in fields(Decision))


class StoredRounds:
    """Rounds and decisions as rows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(
        self, worker: str, parent: str, at: datetime, seconds: float, gone: Callable[[str], bool] = lambda worker: False
    ) -> Round:
        """Takes over the open round, or begins one; the lease runs for `seconds`.

        Raises LockedError where another worker holds the open round, its lease has not run out, and it is not `gone`.
        """
        at = at.astimezone(UTC)
        lease = at + timedelta(seconds=seconds)

        def begin(connection: Connection) -> Round:
            found = _open(connection)
            if found is None:
                number = int(connection.scalar(select(func.coalesce(func.max(RoundRow.number), 0))) or 0) + 1
                row = _plain(Round(number, STAGES[0], at, parent, worker=worker, lease=lease))
                connection.execute(insert(RoundRow), row)
                return _round(connection, number)
            held = found.worker not in ("", worker) and found.lease is not None and found.lease > at
            if held and not gone(found.worker):
                raise LockedError(
                    f"Round {found.number} is being worked on by {found.worker!r} (until {found.lease:%H:%M:%S} UTC, "
                    "unless it goes on); wait for it, or stop that worker first."
                )
            taken = update(RoundRow).where(RoundRow.number == found.number).values(worker=worker, lease=lease)
            connection.execute(taken)
            return _round(connection, found.number)

        return self._database.write(begin)

    def hold(self, number: int, worker: str, at: datetime, seconds: float) -> None:
        """The heartbeat. Raises LockedError where the lease was lost to another worker."""
        lease = at.astimezone(UTC) + timedelta(seconds=seconds)
        self._database.write(lambda connection: _change(connection, number, worker, lease=lease))

    def advance(
        self, number: int, worker: str, stage: Stage, figures: Mapping[str, Any], candidate: str | None = None
    ) -> Round:
        """Records what `stage` did and moves on to the next; raises LockedError where the lease was lost."""

        def advance(connection: Connection) -> Round:
            known = _round(connection, number)
            values: dict[str, Any] = {
                "stage": STAGES[STAGES.index(stage) + 1],
                "figures": {**known.figures, stage: dict(figures)},
            }
            if candidate is not None:
                values["candidate"] = candidate
            _change(connection, number, worker, **values)
            return _round(connection, number)

        return self._database.write(advance)

    def end(
        self, number: int, worker: str, outcome: Outcome, reason: str, at: datetime, figures: Mapping[str, Any]
    ) -> Round:
        """Ends the round at the stage it is in; `figures` are that stage's."""

        def end(connection: Connection) -> Round:
            known = _round(connection, number)
            values = {
                "stage": "done",
                "outcome": outcome,
                "reason": reason,
                "ended": at.astimezone(UTC),
                "figures": {**known.figures, known.stage: dict(figures)} if figures else dict(known.figures),
                "lease": None,
            }
            _change(connection, number, worker, **values)
            return _round(connection, number)

        return self._database.write(end)

    def release(self, number: int, worker: str) -> None:
        """Gives the lease back, so that the next worker need not wait for it to run out."""
        mine = update(RoundRow).where(RoundRow.number == number, RoundRow.worker == worker)
        self._database.write(lambda connection: connection.execute(mine.values(worker="", lease=None)))

    def get(self, number: int) -> Round:
        """Raises NotFoundError where there is no such round."""
        with self._database.reading() as connection:
            return _round(connection, number)

    def all(self) -> list[Round]:
        """Every round, oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute(select(RoundRow.__table__).order_by(RoundRow.number)).mappings()
            return [_as_round(row) for row in rows]

    def decide(self, decision: Decision) -> None:
        """Keeps a decision."""
        row = {name: getattr(decision, name) for name in _DECISION}
        row |= {"figures": dict(decision.figures), "at": decision.at.astimezone(UTC)}
        self._database.write(lambda connection: connection.execute(insert(DecisionRow), row))

    def decisions(self, round: int | None = None) -> list[Decision]:
        """All decisions, or a round's, oldest first."""
        chosen = select(DecisionRow.__table__).order_by(DecisionRow.number)
        if round is not None:
            chosen = chosen.where(DecisionRow.round == round)
        with self._database.reading() as connection:
            rows = connection.execute(chosen).mappings()
            return [Decision(**{name: row[name] for name in _DECISION}) for row in rows]


def _open(connection: Connection) -> Round | None:
    chosen = select(RoundRow.__table__).where(RoundRow.stage != "done").order_by(RoundRow.number)
    row = connection.execute(chosen).mappings().first()
    return None if row is None else _as_round(row)


def _round(connection: Connection, number: int) -> Round:
    row = connection.execute(select(RoundRow.__table__).where(RoundRow.number == number)).mappings().first()
    if row is None:
        raise NotFoundError(f"There is no round {number!r}; `endcloud evolve rounds` shows them all.")
    return _as_round(row)


def _change(connection: Connection, number: int, worker: str, **values: Any) -> None:
    """Changes a round that this worker holds."""
    mine = update(RoundRow).where(RoundRow.number == number, RoundRow.worker == worker, RoundRow.stage != "done")
    if not connection.execute(mine.values(**values)).rowcount:
        held = _round(connection, number)
        raise LockedError(
            f"Round {number} is no longer held by {worker!r} but by {held.worker or 'nobody'!r} and stands at "
            f"{held.stage!r}; nothing was changed."
        )


def _plain(round: Round) -> dict[str, Any]:
    return {name: getattr(round, name) for name in _ROUND} | {"figures": dict(round.figures)}


def _as_round(row: RowMapping) -> Round:
    return Round(**{name: row[name] for name in _ROUND})

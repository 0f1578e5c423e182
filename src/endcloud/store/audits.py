"""Scores of served replies. Implements `endcloud.rounds.Audits`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, select

from endcloud.rounds import UNASKED, Audit
from endcloud.store.database import Database, insert_once
from endcloud.store.evolution_tables import AuditRow
from endcloud.types import Score

_AUDIT = tuple(field.name for field in fields(Audit) if field.name != "score")
_SCORE = tuple(field.name for field in fields(Score))


class StoredAudits:
    """Audits as rows; a reply is audited once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, audits: Sequence[Audit]) -> None:
        """Records them; a reply that was audited before keeps its row, unless only its relevance was known."""
        rows = [_as_row(audit) for audit in audits]

        def add(connection: Connection) -> None:
            for row in rows:
                half = delete(AuditRow).where(AuditRow.turn == row["turn"], AuditRow.cause == UNASKED)
                if row["cause"] != UNASKED:
                    connection.execute(half)
                connection.execute(insert_once(connection, AuditRow), row)

        self._database.write(add)

    def since(self, since: datetime) -> list[Audit]:
        """From `since` on, oldest first."""
        chosen = select(AuditRow.__table__).where(AuditRow.at >= since.astimezone(UTC))
        with self._database.reading() as connection:
            rows = connection.execute(chosen.order_by(AuditRow.at, AuditRow.turn)).mappings()
            return [_as_audit(row) for row in rows]

    def of(self, turns: Sequence[str]) -> dict[str, Audit]:
        """By the reply's turn."""
        found: dict[str, Audit] = {}
        with self._database.reading() as connection:
            for start in range(0, len(turns), 500):
                chosen = select(AuditRow.__table__).where(AuditRow.turn.in_(list(turns[start : start + 500])))
                found |= {row["turn"]: _as_audit(row) for row in connection.execute(chosen).mappings()}
        return found


def _as_row(audit: Audit) -> dict[str, Any]:
    row = {name: getattr(audit, name) for name in _AUDIT} | asdict(audit.score)
    return row | {"scorers": list(audit.score.scorers), "wrong": list(audit.wrong), "at": audit.at.astimezone(UTC)}


def _as_audit(row: RowMapping) -> Audit:
    score = Score(**{name: row[name] for name in _SCORE} | {"scorers": tuple(row["scorers"])})
    return Audit(**{name: row[name] for name in _AUDIT} | {"score": score, "wrong": tuple(row["wrong"])})

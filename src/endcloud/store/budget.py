"""Money that may be spent on the cloud. Implements `endcloud.protocols.Budget`.

A call reserves its worst price in one transaction with the check, so that several processes together cannot
pass the limit. What was reserved and never settled, because the process was killed, counts as spent.
"""

from __future__ import annotations

from uuid import uuid4

from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from endcloud.errors import BudgetError
from endcloud.store.database import Database, now
from endcloud.store.tables import ReservationRow

_LOCK = 70712


class StoredBudget:
    """The budget of one shop; `limit` comes from its settings."""

    def __init__(self, database: Database, limit: float, currency: str = "USD") -> None:
        self._database = database
        self._limit = limit
        self._currency = currency

    def reserve(self, price: float, purpose: str) -> str:
        """Sets `price` aside and returns the reservation; raises BudgetError where the limit would be passed."""
        reservation = uuid4().hex
        with self._database.writing() as session:
            if session.get_bind().dialect.name == "postgresql":
                session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            spent = _spent(session)
            if price > 0 and spent + price > self._limit:
                raise BudgetError(
                    f"The budget is {self._limit:.2f} {self._currency} and {spent:.4f} are spent or reserved; the next "
                    f"call may cost {price:.4f}. Raise cloud.budget to go on."
                )
            session.add(ReservationRow(id=reservation, at=now(), purpose=purpose, reserved=price, settled=None))
        return reservation

    def settle(self, reservation: str, price: float) -> None:
        """Replaces what was reserved by what the call cost."""
        with self._database.writing() as session:
            session.execute(update(ReservationRow).where(ReservationRow.id == reservation).values(settled=price))

    def spent(self) -> float:
        """What is spent, or reserved and not settled yet."""
        with self._database.reading() as session:
            return _spent(session)

    def limit(self) -> float:
        """What may be spent in all."""
        return self._limit


def _spent(session: Session) -> float:
    price = func.coalesce(ReservationRow.settled, ReservationRow.reserved)
    return float(session.scalar(select(func.coalesce(func.sum(price), 0.0))) or 0.0)

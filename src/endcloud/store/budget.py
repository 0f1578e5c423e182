"""Money that may be spent on the cloud. Implements `endcloud.protocols.Budget`.

A call reserves its worst price in one transaction with the check, so that several processes together cannot
pass the limit. What was reserved and never settled, because the process was killed, counts as spent.
"""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

from sqlalchemy import Connection, func, insert, select, update

from endcloud.errors import BudgetError
from endcloud.protocols import Expense
from endcloud.store.database import Database, now
from endcloud.store.tables import ReservationRow


class StoredBudget:
    """The budget of one shop; `limit` comes from its settings."""

    def __init__(self, database: Database, limit: float, currency: str = "USD") -> None:
        self._database = database
        self._limit = limit
        self._currency = currency

    def reserve(self, price: float, purpose: str) -> str:
        """Sets `price` aside and returns the reservation; raises BudgetError where the limit would be passed."""
        reservation = uuid4().hex
        row = {"id": reservation, "at": now(), "purpose": purpose, "reserved": price, "settled": None}

        def reserve(connection: Connection) -> None:
            spent = _spent(connection)
            if price > 0 and spent + price > self._limit:
                raise BudgetError(
                    f"The budget is {self._limit:.2f} {self._currency} and {spent:.4f} are spent or reserved; the next "
                    f"call may cost {price:.4f}. Raise cloud.budget to go on."
                )
            connection.execute(insert(ReservationRow), row)

        self._database.write(reserve)
        return reservation

    def settle(self, reservation: str, price: float) -> None:
        """Replaces what was reserved by what the call cost."""
        settled = update(ReservationRow).where(ReservationRow.id == reservation).values(settled=price)
        self._database.write(lambda connection: connection.execute(settled))

    def spent(self) -> float:
        """What is spent, or reserved and not settled yet."""
        with self._database.reading() as connection:
            return _spent(connection)

    def limit(self) -> float:
        """What may be spent in all."""
        return self._limit

    def since(self, since: datetime) -> list[Expense]:
        """Each call from `since` on, oldest first, at what it cost or may cost."""
        chosen = select(ReservationRow.__table__).where(ReservationRow.at >= since.astimezone(UTC))
        with self._database.reading() as connection:
            rows = connection.execute(chosen.order_by(ReservationRow.at))
            return [Expense(row.at, row.purpose, row.reserved if row.settled is None else row.settled) for row in rows]


def _spent(connection: Connection) -> float:
    price = func.coalesce(ReservationRow.settled, ReservationRow.reserved)
    return float(connection.scalar(select(func.coalesce(func.sum(price), 0.0))) or 0.0)

"""Money that may be spent on the cloud. Implements `endcloud.protocols.Budget`.

A call reserves its worst price in one transaction with the check, so that several processes together cannot
pass the limit. What was reserved and never settled, because the process was killed, counts as spent.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from sqlalchemy import Connection, func, insert, select, update

from endcloud.errors import BudgetError
from endcloud.protocols import Clock, Expense
from endcloud.store.database import Database, now
from endcloud.store.tables import ReservationRow


class StoredBudget:
    """The budget of one shop; `limit` comes from its settings."""

    def __init__(self, database: Database, limit: float, currency: str = "USD") -> None:
        self._database = database
        self._limit = limit
        self._currency = currency

    def reserve(self, price: float, purpose: str, *, at: datetime | None = None, a_day: float | None = None) -> str:
        """Sets `price` aside and returns the reservation; raises BudgetError where the limit would be passed.

        `a_day` limits what this purpose may cost in the 24 hours before `at` (now, where it is not said).
        """
        reservation, at = uuid4().hex, (at or now()).astimezone(UTC)
        row = {"id": reservation, "at": at, "purpose": purpose, "reserved": price, "settled": None}

        def reserve(connection: Connection) -> None:
            lately = 0.0 if a_day is None else _spent(connection, purpose, at - timedelta(days=1))
            if a_day is not None and price > 0 and lately + price > a_day:
                raise BudgetError(
                    f"What {purpose!r} may cost in a day is {a_day:.2f} {self._currency} and {lately:.4f} are spent or "
                    f"reserved; the next call may cost {price:.4f}. Raise evolution.{purpose}_budget, or wait."
                )
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


class DailyBudget:
    """The same money with a limit for a day beside that in all: audits may not eat up what customers need."""

    def __init__(self, budget: StoredBudget, a_day: float, clock: Clock) -> None:
        self._budget, self._a_day, self._clock = budget, a_day, clock

    def reserve(self, price: float, purpose: str) -> str:
        """Sets `price` aside; raises BudgetError where the purpose's day or the whole budget would be passed."""
        return self._budget.reserve(price, purpose, at=self._clock.now(), a_day=self._a_day)

    def settle(self, reservation: str, price: float) -> None:
        """Replaces what was reserved by what the call cost."""
        self._budget.settle(reservation, price)

    def spent(self) -> float:
        """What is spent in all."""
        return self._budget.spent()

    def limit(self) -> float:
        """What may be spent in all."""
        return self._budget.limit()


def _spent(connection: Connection, purpose: str = "", since: datetime | None = None) -> float:
    price = func.coalesce(ReservationRow.settled, ReservationRow.reserved)
    chosen = select(func.coalesce(func.sum(price), 0.0))
    if since is not None:
        chosen = chosen.where(ReservationRow.purpose == purpose, ReservationRow.at > since)
    return float(connection.scalar(chosen) or 0.0)

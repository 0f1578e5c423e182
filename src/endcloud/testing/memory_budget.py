"""A budget in memory."""

from __future__ import annotations

from endcloud.errors import BudgetError


class MemoryBudget:
    """Never passes its limit; an open reservation counts as spent (`protocols.Budget`)."""

    def __init__(self, limit: float = 1.0) -> None:
        self._limit = limit
        self._open: dict[str, float] = {}
        self._settled: dict[str, float] = {}

    def reserve(self, price: float, purpose: str) -> str:
        if self.spent() + price > self._limit:
            raise BudgetError(
                f"A call for {purpose!r} may cost {price:g}, and {self.spent():g} of {self._limit:g} are spent: "
                "raise the budget to go on."
            )
        reservation = f"reservation-{len(self._open) + len(self._settled) + 1}"
        self._open[reservation] = price
        return reservation

    def settle(self, reservation: str, price: float) -> None:
        del self._open[reservation]
        self._settled[reservation] = price

    def spent(self) -> float:
        return sum(self._open.values()) + sum(self._settled.values())

    def limit(self) -> float:
        return self._limit

"""A stretch of time as an owner looks at it: today by the hour, 7 or 30 days by the day, in the shop's time zone."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal, TypeVar

Span = Literal["today", "7d", "30d"]
_DAYS: dict[Span, int] = {"today": 1, "7d": 7, "30d": 30}
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Period:
    """`starts` are the beginnings of its hours or days, oldest first; the last one lasts until now."""

    span: Span
    starts: tuple[datetime, ...]

    @classmethod
    def of(cls, span: Span, now: datetime, zone: tzinfo) -> Period:
        """The period that ends now. Days begin at midnight in `zone`, also where clocks are put forward or back."""
        here = now.astimezone(zone)
        midnight = here.replace(hour=0, minute=0, second=0, microsecond=0)
        if span == "today":
            first, hours = midnight.astimezone(UTC), int((now - midnight).total_seconds() // 3600)
            return cls(span, tuple((first + timedelta(hours=hour)).astimezone(zone) for hour in range(hours + 1)))
        days = range(_DAYS[span] - 1, -1, -1)
        return cls(span, tuple(midnight - timedelta(days=day) for day in days))

    @property
    def since(self) -> datetime:
        return self.starts[0]

    def split(self, items: Iterable[Item], at: Callable[[Item], datetime]) -> list[list[Item]]:
        """The items of each hour or day; older ones are left out, later ones belong to the last."""
        parts: list[list[Item]] = [[] for _ in self.starts]
        begins = [start.timestamp() for start in self.starts]
        for item in items:
            if (place := bisect_right(begins, at(item).timestamp())) > 0:
                parts[place - 1].append(item)
        return parts

"""A clock that stands still until someone sleeps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class FixedClock:
    """Time moves only by `sleep`, and at once (`protocols.Clock`)."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    async def sleep(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)

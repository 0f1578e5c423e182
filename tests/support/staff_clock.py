"""The real time, for tests in which pages or charts compare what is stored with now."""

from __future__ import annotations

from datetime import UTC, datetime

from endcloud.testing.fixed_clock import FixedClock


class RunningClock(FixedClock):
    """Goes on by itself."""

    def now(self) -> datetime:
        return datetime.now(UTC)

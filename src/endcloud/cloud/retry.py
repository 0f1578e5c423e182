"""The one policy for asking again, and the pace at which we ask at all.

The SDK's own retries are off. A provider that names a time is taken at its word; else the pause doubles with every
attempt and is drawn at random below that bound ("full jitter"), so that many callers do not come back together.
The draw is seeded: the same run waits the same times.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from datetime import UTC, datetime

from endcloud.errors import CloudBusyError, CloudError
from endcloud.protocols import Clock


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`attempts` in all for one item; the n-th pause is at most `first`·2ⁿ⁻¹ and at most `longest` seconds.

    `deadline` bounds one whole call in seconds, against a stream that trickles for ever.
    """

    attempts: int = 5
    first: float = 0.5
    longest: float = 30.0
    deadline: float = 300.0
    seed: int = 7

    def pause(self, attempt: int, error: CloudError, draw: random.Random) -> float:
        """Seconds to wait after the failed `attempt` (the first is 1)."""
        bound = min(self.longest, self.first * 2.0 ** (attempt - 1))
        pause = draw.uniform(0.2, 1.0) * bound
        said = error.retry_after if isinstance(error, CloudBusyError) else None
        return pause if said is None else max(said, pause)


class WallClock:
    """The time on this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Pace:
    """A rate limit of our own: calls start at least 60 / `calls_per_minute` seconds apart; 0 is no limit."""

    def __init__(self, calls_per_minute: int, clock: Clock) -> None:
        self._gap = 60 / calls_per_minute if calls_per_minute > 0 else 0.0
        self._clock = clock
        self._next = 0.0
        self._held_until = 0.0

    async def turn(self) -> None:
        """Returns when the next call may start."""
        start = max(self._now(), self._next)
        self._next = start + self._gap
        while (wait := max(start, self._held_until) - self._now()) > 0:
            await self._clock.sleep(wait)

    def hold(self, seconds: float) -> None:
        """Lets nobody start for `seconds`: a provider that asks one caller to slow down means all of them."""
        self._held_until = max(self._held_until, self._now() + seconds)

    def _now(self) -> float:
        return self._clock.now().timestamp()

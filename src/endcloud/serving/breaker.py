"""Stops asking a cloud that does not answer, and tries it again after a while: the circuit breaker pattern.

Without it every customer would wait for the time-out of a cloud that is down.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from endcloud.protocols import Clock


class CircuitBreaker:
    """Opens after `failures` failures in a row; after `rest` seconds it lets one call through to see."""

    def __init__(self, clock: Clock, failures: int = 3, rest: float = 30.0) -> None:
        self._clock = clock
        self._most = failures
        self._rest = timedelta(seconds=rest)
        self._failures = 0
        self._opened: datetime | None = None

    def closed(self) -> bool:
        """Whether a call may be made now. Where it was open for long enough, one caller gets yes and the rest no."""
        if self._opened is None:
            return True
        if self._clock.now() - self._opened < self._rest:
            return False
        self._opened = self._clock.now()
        return True

    def succeeded(self) -> None:
        self._failures, self._opened = 0, None

    def failed(self) -> None:
        self._failures += 1
        if self._failures >= self._most:
            self._opened = self._clock.now()

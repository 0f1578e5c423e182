"""How often one caller may have the cloud answer: so that nobody spends the shop's budget alone.

An ordinary customer needs a hand-over or two. Who asks for more of them in an hour is served without the cloud until
the hour has passed: by the end model's caution wording, and by a person after that. Counts are kept in this process.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

from endcloud.protocols import Clock

_HOUR = timedelta(hours=1)


class FairShare:
    """At most `most` calls for each caller in any hour."""

    def __init__(self, clock: Clock, most: int) -> None:
        self._clock, self._most = clock, most
        self._calls: deque[tuple[datetime, str]] = deque()
        self._counts: dict[str, int] = {}

    def spent(self, caller: str) -> bool:
        """Whether the caller has had all that an hour holds; nobody, the empty caller, never has."""
        self._forget()
        return bool(caller) and self._counts.get(caller, 0) >= self._most

    def take(self, caller: str) -> None:
        """Counts one call."""
        self._calls.append((self._clock.now(), caller))
        self._counts[caller] = self._counts.get(caller, 0) + 1

    def _forget(self) -> None:
        """What is an hour old, so that this holds no more than an hour's callers."""
        while self._calls and self._clock.now() - self._calls[0][0] >= _HOUR:
            _, caller = self._calls.popleft()
            self._counts[caller] -= 1
            if not self._counts[caller]:
                del self._counts[caller]

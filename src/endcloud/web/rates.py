"""How often one address may do what costs us something or guesses at something; nobody else waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable

_MOST_ADDRESSES = 10_000


class Rate:
    """`most` times a minute for each address, that many at once; then it waits for the next to come free."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._each = 60 / most
        self._clock = clock
        self._full: dict[str, float] = {}  # when an address has everything free again

    def wait(self, address: str) -> float:
        """Seconds until the address may come again; 0 where it may come now."""
        return max(0.0, self._full.get(address, 0.0) - self._clock() - 60 + self._each)

    def count(self, address: str) -> None:
        """The address has come."""
        now = self._clock()
        if len(self._full) >= _MOST_ADDRESSES:
            self._full = {one: until for one, until in self._full.items() if until > now}
        if len(self._full) >= _MOST_ADDRESSES:
            self._full.clear()
        self._full[address] = max(now, self._full.get(address, now)) + self._each

    def forgive(self, address: str) -> None:
        """The address may come as if it never had."""
        self._full.pop(address, None)

"""The simulation's own time: it stands still until the simulation moves it, and each conversation has its own moment.

Conversations are served several at once, as in a shop; each is a task of its own and carries its moment in a context
variable, so what is written while it is answered bears the time at which its customer spoke.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta

_moment: ContextVar[datetime | None] = ContextVar("moment", default=None)


class SimulatedClock:
    """Implements `protocols.Clock`."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        """The moment of the conversation that asks, else the simulation's."""
        return _moment.get() or self._now

    async def sleep(self, seconds: float) -> None:
        """Takes no real time; within a conversation it moves that conversation's moment alone."""
        if (moment := _moment.get()) is None:
            self.advance(seconds)
        else:
            _moment.set(moment + timedelta(seconds=seconds))

    def advance(self, seconds: float) -> None:
        """Moves the simulation on."""
        self._now += timedelta(seconds=seconds)

    def reach(self, moment: datetime) -> None:
        """Moves the simulation on to a moment, unless it is past it already."""
        self._now = max(self._now, moment)

    @contextmanager
    def at(self, moment: datetime) -> Iterator[None]:
        """Whatever is done in the block happens at this moment."""
        token = _moment.set(moment)
        try:
            yield
        finally:
            _moment.reset(token)

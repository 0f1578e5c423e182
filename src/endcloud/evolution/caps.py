"""Bounds on what one customer, one question and one hour can bring into a round.

Audits cost money and lessons shape the model, so neither may be filled by one person, by one sentence sent a thousand
times, or by one burst. What a cap leaves out is not lost: it waits for a later round.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

Bound = Literal["", "one customer", "one question", "one hour"]


@dataclass(frozen=True, slots=True)
class Place:
    """What the caps count of a reply: whose it is, the cluster of its question, and when it was given."""

    customer: str
    cluster: str
    at: datetime

    @property
    def hour(self) -> str:
        return self.at.astimezone(UTC).strftime("%Y-%m-%d %H")


@dataclass
class Caps:
    """Counts what was taken; each number is the most that may be."""

    a_customer: int
    a_cluster: int
    an_hour: int
    _taken: Counter[tuple[str, str]] = field(default_factory=Counter)

    def reached(self, place: Place) -> Bound:
        """The cap that leaves no room for this one; empty where there is room."""
        if self._taken["customer", place.customer] >= self.a_customer:
            return "one customer"
        if self._taken["cluster", place.cluster] >= self.a_cluster:
            return "one question"
        return "one hour" if self._taken["hour", place.hour] >= self.an_hour else ""

    def take(self, place: Place) -> None:
        """Counts one."""
        self._taken.update([("customer", place.customer), ("cluster", place.cluster), ("hour", place.hour)])

    def count(self, *, customers: Iterable[str] = (), clusters: Iterable[str] = (), hours: Iterable[str] = ()) -> None:
        """Counts what rows say was taken before."""
        for kind, names in (("customer", customers), ("cluster", clusters), ("hour", hours)):
            self._taken.update((kind, name) for name in names)

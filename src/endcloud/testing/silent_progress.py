"""Progress that nobody sees; tests can read what was said."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from endcloud.protocols import ProgressTask


@dataclass
class CountedTask:
    """How far one task came, and the last figures it showed (`protocols.ProgressTask`)."""

    name: str
    total: int | None
    unit: str
    done: int = 0
    figures: dict[str, float | str] = field(default_factory=dict)

    def advance(self, steps: int = 1, **figures: float | str) -> None:
        self.done += steps
        self.figures.update(figures)


class SilentProgress:
    """Prints nothing; `tasks` and `said` keep what a terminal would have shown (`protocols.Progress`)."""

    def __init__(self) -> None:
        self.tasks: list[CountedTask] = []
        self.said: list[str] = []

    @contextmanager
    def task(self, name: str, total: int | None, unit: str) -> Iterator[ProgressTask]:
        self.tasks.append(CountedTask(name, total, unit))
        yield self.tasks[-1]

    def say(self, sentence: str) -> None:
        self.said.append(sentence)

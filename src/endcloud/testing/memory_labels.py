"""Labels in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from endcloud.protocols import Label


class MemoryLabels:
    """Keeps labels as long as it lives; the newest wins (`protocols.Labels`)."""

    def __init__(self) -> None:
        self.rows: list[Label] = []

    def get(self, keys: Iterable[str]) -> dict[str, Label]:
        wanted = set(keys)
        return {label.key: label for label in self.rows if label.key in wanted}

    def add(self, labels: Sequence[Label]) -> None:
        self.rows += labels

    def of(self, examples: Iterable[str]) -> dict[str, Label]:
        wanted = set(examples)
        return {label.example: label for label in self.rows if label.example in wanted}

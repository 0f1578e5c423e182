"""Slots for personal values from elsewhere: `[档案_电话_1]` stands for one from memory, `[实时_运单_1]` from a lookup.

They are numbered apart from the conversation's own placeholders, so that a model, a log or a training example can
tell what the customer said now from what was known before. The values stay beside the request, on this machine:
`privacy.restoring` puts them into the reply, and the guard sends no request that has any.
"""

from __future__ import annotations

from collections.abc import Iterable

from endcloud.privacy.placeholders import number_of, read, write
from endcloud.protocols import Masker
from endcloud.types import Message

MEMORY, LIVE = "档案", "实时"


class Slots:
    """The slots of one prompt. `values` maps each to what it stands for; without a masker nothing is hidden."""

    def __init__(self, masker: Masker | None) -> None:
        self._masker = masker
        self._slots: dict[tuple[str, str], str] = {}
        self.values: dict[str, str] = {}

    def hide(self, source: str, lines: Iterable[str]) -> tuple[str, ...]:
        """The lines with every personal value in a slot of `source`; the same value keeps one slot."""
        return tuple(self._hidden(source, line) for line in lines)

    def _hidden(self, source: str, line: str) -> str:
        if self._masker is None:
            return line
        masked = self._masker.mask((Message("user", line),))  # each by itself: lines are no running text
        text = masked.messages[0].content
        for mark in dict.fromkeys(read(text)):
            text = text.replace(mark, self._slot(source, number_of(mark)[0], masked.restore(mark)))
        return text

    def _slot(self, source: str, kind: str, value: str) -> str:
        known = (f"{source}_{kind}", value)
        if known not in self._slots:
            self._slots[known] = write(known[0], 1 + sum(name == known[0] for name, _ in self._slots))
            self.values[self._slots[known]] = value
        return self._slots[known]

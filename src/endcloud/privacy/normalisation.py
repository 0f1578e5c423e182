"""Disguises taken off before looking: full-width and styled characters, zero-width characters, masks.

Detection reads a *view* of the text, masking replaces parts of the *original*; a `View` keeps the offsets
that lead from one to the other. Nearly everything is one character for one character (`str.translate`), so
offsets shift only where invisible characters or whole spans are cut out, and a plain text costs no map.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

#: Stands for a span that is already masked. No pattern matches it, so nothing is found across a mask.
BARRIER = "\x00"

# Characters that are drawn as nothing: soft hyphen, joiners, directional marks, variation selectors,
# combining marks (also the keycap's frame), tags, other controls than tab and line ends.
_INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\u0300-\u036f\u20d0-\u20f0\U000e0000-\U000e0fff\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
)
_CUT = re.compile(f"[{_INVISIBLE}]+")

# Nearly all characters of nearly all messages: these stay as they are but for two, so no table is asked.
_USUAL = re.compile(r"[\t\n\r\x20-\x7e\u4e00-\u9fff，。？！：；、～…]*+")
_KEPT = frozenset("。？！；、～…")


class _Characters(dict[int, str]):
    """One character to one character, worked out when first met: NFKC where that is a single character."""

    def __missing__(self, codepoint: int) -> str:
        character = chr(codepoint)
        digit = unicodedata.digit(character, None)
        plain = str(digit) if digit is not None else unicodedata.normalize("NFKC", character)
        if character in _KEPT:
            plain = character
        elif character == "\x00":
            plain = " "  # a raw NUL must not pass for a barrier
        elif plain.isspace() and plain not in "\n\r\t":
            plain = " "
        self[codepoint] = plain if len(plain) == 1 else character
        return self[codepoint]


_CHARACTERS = _Characters()


class View(NamedTuple):
    """`text` without disguises. `offsets[i]` is where character i came from; None where nothing shifted."""

    text: str
    offsets: Sequence[int] | None
    length: int

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The span of the original that the view's [start, end) came from; end > start."""
        if self.offsets is None:
            return start, end
        # What was cut out inside the span or right after it (a keycap's frame) belongs to it.
        return self.offsets[start], self.offsets[end] if end < len(self.offsets) else self.length


def view(text: str, masked: Sequence[tuple[int, int]] = ()) -> View:
    """Takes the disguises off `text`; each span of `masked` (sorted, apart) becomes one BARRIER."""
    usual = _USUAL.fullmatch(text) is not None
    # By the same rule whichever way is taken: one character for each character.
    plain = text.replace("：", ":").replace("，", ",") if usual else text.translate(_CHARACTERS)
    if not masked and (usual or not _CUT.search(plain)):
        return View(plain, None, len(text))
    pieces: list[str] = []
    offsets: list[int] = []
    at = 0
    for start, end in [*masked, (len(text), len(text))]:
        for kept_start, kept_end in _visible(plain, at, start):
            pieces.append(plain[kept_start:kept_end])
            offsets.extend(range(kept_start, kept_end))
        if end > start:
            pieces.append(BARRIER)
            offsets.append(start)
        at = end
    return View("".join(pieces), offsets, len(text))


def _visible(plain: str, start: int, end: int) -> list[tuple[int, int]]:
    """The stretches of plain[start:end] that are drawn."""
    stretches = []
    for cut in _CUT.finditer(plain, start, end):
        if cut.start() > start:
            stretches.append((start, cut.start()))
        start = cut.end()
    if end > start:
        stretches.append((start, end))
    return stretches

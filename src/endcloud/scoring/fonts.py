"""Chinese labels in pictures: a font that has the characters, or numbers with a key; never boxes.

matplotlib ships no CJK glyphs. A PNG needs a font of this machine; where none has a label's characters, the
label becomes `Q1`, `Q2`, … and the key is written beside the picture. An SVG keeps text as text and leaves
the font to the viewer, so it only names the usual families.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

FAMILIES = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "PingFang SC",
    "Hiragino Sans GB",
    "Microsoft YaHei",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Sarasa Gothic SC",
    "LXGW WenKai",
    "Droid Sans Fallback",
    "SimHei",
    "Heiti SC",
    "STHeiti",
    "Noto Serif CJK SC",
    "SimSun",
    "Arial Unicode MS",
    "Noto Sans CJK JP",
)
"""Families with simplified Chinese, the better looking first."""

DEFAULT = "DejaVu Sans"
_PROBE = "您邮费货"


def cjk_family() -> str | None:
    """The family name of a font on this machine that draws simplified Chinese, or None."""
    found = _found()
    return found[0] if found else None


def characters() -> frozenset[int]:
    """Every code point that pictures can draw: those of the CJK font, if any, and of matplotlib's own."""
    found = _found()
    return _code_points(font_manager.findfont(DEFAULT)) | (_code_points(found[1]) if found else frozenset())


class Lettering:
    """Labels for one picture: the text itself where it can be drawn, else a number with a `key` to look it up."""

    def __init__(self, drawable: frozenset[int] | None) -> None:
        """`drawable` are the code points of the fonts in use; None draws everything (SVG)."""
        self._drawable = drawable
        self.key: dict[str, str] = {}

    def together(self, texts: Sequence[str]) -> list[str]:
        """Labels for texts of one kind: all numbered where one must be, so that they read alike."""
        if all(self._can_draw(text) for text in texts):
            return [self(text) for text in texts]
        return [self._number(text) for text in texts]

    def __call__(self, text: str) -> str:
        """`text` without symbols that no font has; or `Q1`, `Q2`, … if a letter or numeral of it has no glyph."""
        if not self._can_draw(text):
            return self._number(text)
        drawable = self._drawable
        return text if drawable is None else "".join(c for c in text if c.isspace() or ord(c) in drawable)

    def _can_draw(self, text: str) -> bool:
        drawable = self._drawable
        return drawable is None or all(ord(sign) in drawable for sign in text if sign.isalnum())

    def _number(self, text: str) -> str:
        for number, known in self.key.items():
            if known == text:
                return number
        number = f"Q{len(self.key) + 1}"
        self.key[number] = text
        return number


@cache
def _found() -> tuple[str, str] | None:
    """(family, file) of the best CJK font. matplotlib's own list may be older than the fonts: look again if empty."""
    best = _best(font_manager.fontManager.ttflist)
    if best is None and _add_new_fonts():
        best = _best(font_manager.fontManager.ttflist)
    return best


def _best(entries: Iterable[font_manager.FontEntry]) -> tuple[str, str] | None:
    files = {entry.name: entry.fname for entry in reversed(list(entries)) if entry.weight in (400, "normal", "regular")}
    for family in FAMILIES:
        if family in files and all(ord(sign) in _code_points(files[family]) for sign in _PROBE):
            return family, files[family]
    return None


def _add_new_fonts() -> bool:
    known = {entry.fname for entry in font_manager.fontManager.ttflist}
    added = False
    for path in sorted(set(font_manager.findSystemFonts()) - known):
        try:
            font_manager.fontManager.addfont(path)
            added = True
        except (OSError, RuntimeError, ValueError) as error:  # a broken or bitmap font is not our business
            logging.getLogger(__name__).debug("The font %s cannot be read: %s", Path(path).name, error)
    return added


@cache
def _code_points(path: str) -> frozenset[int]:
    return frozenset(FT2Font(path).get_charmap())

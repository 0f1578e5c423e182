"""Does a text hold a personal item, raw or disguised? Written without the detector, so that it shares no blind spot.

A text is read as it is, and as its letters and digits alone, with full-width and Chinese digits brought to plain ones:
what is left of an item in any of its disguises stands there as one run.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from personal.items import Item

_DIGITS = dict(zip("零〇一二三四五六七八九", "00123456789", strict=True))
_DIGITS |= dict(zip("壹贰叁肆伍陆柒捌玖貳參陸兩两幺妖腰", "123456789236" + "22111", strict=True))
_MASK = re.compile(r"\[[^\[\]\n]{1,24}_\d+\]")
_FEWEST = 5  # signs; of fewer nobody could say whose they are


def signs(text: str) -> str:
    """The letters and digits of a text, masks left out, disguises taken off."""
    plain = unicodedata.normalize("NFKC", _MASK.sub("\n", text))
    return "".join(_DIGITS.get(sign, sign) for sign in plain.lower() if sign.isalnum() or sign == "\n")


def needle(item: Item) -> str:
    """What of an item is looked for."""
    return signs(item.surface).replace("\n", "")


def held(items: Iterable[Item], texts: Iterable[str]) -> list[Item]:
    """The items of which a text holds all signs in one run, or their value as it is.

    A value stands in many disguises: those whose very spelling is found are named; where none is, one of them is.
    """
    whole = [*texts]
    raw, bare = "\n\n".join(whole), "\n\n".join(map(signs, whole))
    of_value: dict[str, list[Item]] = {}
    for item in items:
        of_value.setdefault(needle(item), []).append(item)
    found: list[Item] = []
    for wanted, spelled in of_value.items():
        exact = [one for one in spelled if _as_it_stands(one, raw)]
        found += exact or (spelled[:1] if len(wanted) >= _FEWEST and wanted in bare else [])
    return found


def _as_it_stands(item: Item, raw: str) -> bool:
    parts = [item.messages[span.message].content[span.start : span.end] for span in item.spans]
    if len(parts) == 1:
        return parts[0] in raw
    return max(map(len, parts)) >= _FEWEST and all(_stands(part, raw) for part in parts)


def _stands(part: str, raw: str) -> bool:
    """Whether half of a value stands there by itself: five digits in the midst of a digest or a score are nobody's."""
    return part in raw and re.search(rf"(?<![0-9a-f.]){re.escape(part)}(?![0-9a-f])", raw) is not None

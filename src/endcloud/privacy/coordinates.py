"""Coordinates of a place: decimal degrees in pairs, or degrees with minutes, with or without the quarters' letters.

Four decimals and more lead to a door (11 m); fewer are a town, or two prices side by side, and stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from endcloud.privacy.finding import Finding

_QUARTER_BEFORE = "(?:北纬|南纬|东经|西经|[NSEWnsew])"
_QUARTER_AFTER = "(?:[NSEWnsew](?![A-Za-z])|北|南|东|西)"
_DECIMAL = rf"(?:{_QUARTER_BEFORE}[: ]{{0,2}})?[-+]?[0-9]{{1,3}}\.[0-9]{{4,12}}(?![0-9]) ?[°度]? ?{_QUARTER_AFTER}?"
_MINUTES = (
    rf"(?:{_QUARTER_BEFORE}[: ]{{0,2}})?[0-9]{{1,3}} ?[°度] ?[0-9]{{1,2}}(?:\.[0-9]{{1,6}})? ?['′’分]"
    rf"(?: ?[0-9]{{1,2}}(?:\.[0-9]{{1,4}})? ?(?:[\"″”秒]|''|′′))? ?{_QUARTER_AFTER}?"
)
_BETWEEN = "[ ,、/;]{0,3}"
_PAIR = re.compile(
    rf"(?<![0-9.A-Za-z])(?:{_DECIMAL}{_BETWEEN}(?<![0-9.]){_DECIMAL}|{_DECIMAL}[ ,、/;]{{1,3}}{_DECIMAL}"
    rf"|{_MINUTES}{_BETWEEN}{_MINUTES})"
)
# Every pair has one of these: most messages have none, and are not read further.
_SIGN = re.compile(r"[0-9]\.[0-9]{4}|[0-9] ?[°度] ?[0-9]")


def find(text: str) -> Iterator[Finding]:
    """The coordinates of a view, in its offsets."""
    if _SIGN.search(text):
        yield from (Finding("坐标", *match.span()) for match in _PAIR.finditer(text))

"""Numbers that begin at the end of one message and end in the same side's next one, told by checksum and shape alone.

What a word or letters tell of such a number is looked for in `split_values`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from endcloud.privacy.checksums import has_luhn, is_resident
from endcloud.privacy.finding import Finding
from endcloud.privacy.normalisation import view
from endcloud.privacy.numbers import CARD, DIGITS, MOBILE, NUMERALS, SEPARATOR

_NEARLY_DIGIT = re.compile(rf"[\d{NUMERALS}\u2460-\u2473\u20e3\ufe0f]")
CROSSED_OUT = "X"  # what a caller writes over masked text before asking for split numbers
_EDGE = 48  # characters of a message's beginning and end in which a split number is looked for
_PIECE = rf"(?P<digits>[0-9{NUMERALS}](?:(?:{SEPARATOR}){{0,3}}[0-9{NUMERALS}]){{2,16}})"
_TAIL = re.compile(rf"(?<![0-9]){_PIECE}[^0-9A-Za-z\u4e00-\u9fff]{{0,3}}$")
_HEAD = re.compile(rf"^[^0-9{CROSSED_OUT}]{{0,6}}{_PIECE}(?![0-9])")


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a number that was written in two messages; the later one, `completed_by`, completes it."""

    text: int
    finding: Finding
    completed_by: int


def split_numbers(texts: Sequence[str], roles: Sequence[str]) -> list[Part]:
    """Numbers that begin at the end of one message and end at the beginning of the same side's next one."""
    parts: list[Part] = []
    tails: dict[str, tuple[int, int, int, str]] = {}  # by role: message, start, end, digits
    for at, (text, role) in enumerate(zip(texts, roles, strict=True)):
        tail = tails.pop(role, None)
        head = _piece(_HEAD, text, 0) if tail and _NEARLY_DIGIT.search(text, 0, 8) else None
        kind = _split_kind(tail[3], head[2]) if tail and head else None
        if tail and head and kind:
            parts.append(Part(tail[0], Finding(kind, tail[1], tail[2]), at))
            parts.append(Part(at, Finding(kind, head[0], head[1]), at))
        elif _NEARLY_DIGIT.search(text, max(0, len(text) - 5)):
            ending = _piece(_TAIL, text, max(0, len(text) - _EDGE))
            if ending:
                tails[role] = (at, *ending)
    return parts


def _piece(pattern: re.Pattern[str], text: str, start: int) -> tuple[int, int, str] | None:
    """Where the digits are that `pattern` finds in the beginning or end of `text`, and what they are."""
    seen = view(text[start : start + _EDGE])
    match = pattern.search(seen.text)
    if match is None:
        return None
    first, last = seen.original(*match.span("digits"))
    return start + first, start + last, match["digits"]


def _split_kind(tail: str, head: str) -> str | None:
    """The kind of the number that `tail` and `head` are together, where only together they are one."""
    digits = [re.sub(r"[^0-9]", "", piece.translate(DIGITS)) for piece in (tail, head)]
    whole = "".join(digits)
    if MOBILE.fullmatch(digits[0]) or MOBILE.fullmatch(digits[1]):
        return None
    if MOBILE.fullmatch(whole):
        return "电话"
    if len(whole) == 18 and is_resident(whole):
        return "身份证号"
    return "银行卡" if 13 <= len(whole) <= 19 and CARD.fullmatch(whole) and has_luhn(whole) else None

"""A shop's own patterns: what it calls personal beside the usual kinds, such as a member's number.

They come from a settings file and meet whatever a customer writes, so none may be slow on a hostile text. Two things
see to that: RE2 matches without backtracking, in time linear in the text; and every repetition must have an end
(`{1,40}` instead of `+`), since finding *all* matches of a pattern that looks arbitrarily far ahead is quadratic in
any engine. RE2 has no look-arounds; a pattern with a group needs none, as only its first group is masked:
`会员号([0-9]{6})` masks the digits and leaves the cue.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from endcloud.errors import SettingsError
from endcloud.privacy.finding import Finding
from endcloud.privacy.normalisation import BARRIER
from endcloud.privacy.placeholders import FORGED

_NAME = re.compile("[一-鿿A-Za-z]{1,8}")
# Escapes and classes, in which a sign of repetition is none; then the repetitions without an end.
_ENDLESS = re.compile(r"\\.|\[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*\]|(?P<endless>[*+]|\{[0-9]+,\})", re.DOTALL)
_MEMORY = 8 << 20  # bytes that one compiled pattern may take; RE2's own limit


class ShopPatterns:
    """Compiled patterns by the kind that their placeholders get. Raises SettingsError for one that may not be."""

    def __init__(self, patterns: Mapping[str, str]) -> None:
        self._compiled = {name: _compiled(name, pattern) for name, pattern in patterns.items()}

    def find(self, text: str) -> Iterator[Finding]:
        """What the patterns find in a view (see `normalisation`), in its offsets; never across a mask."""
        if not self._compiled:
            return
        text = text.encode(errors="replace").decode()  # half a character, which UTF-8 lacks, becomes one `?`
        for name, pattern in self._compiled.items():
            for match in pattern.finditer(text):
                start, end = match.span(1 if pattern.groups and match.start(1) >= 0 else 0)
                for piece in re.finditer(f"[^{BARRIER}]+", text[start:end]):
                    yield Finding(name, start + piece.start(), start + piece.end())


def _compiled(name: str, pattern: str) -> Any:
    """One pattern, compiled by RE2 (which ships no types)."""
    if not _NAME.fullmatch(name) or name == FORGED:
        raise SettingsError(
            f"The pattern {name!r} cannot name a placeholder: call it by one to eight Chinese characters or Latin "
            f"letters, such as 会员 or member, and not {FORGED!r}."
        )
    if any(mark["endless"] for mark in _ENDLESS.finditer(pattern)):
        raise SettingsError(
            f"The pattern {name!r} is {pattern!r}, and repeats without an end: write a most, such as {{1,40}}, in "
            "place of +, * and {1,}. Then no text can make it slow."
        )
    import re2

    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    try:
        compiled = re2.compile(pattern, options)
        is_empty = compiled.fullmatch("") is not None
    except (re2.error, UnicodeEncodeError) as error:
        reason = error.args[0].decode() if error.args and isinstance(error.args[0], bytes) else str(error)
        raise SettingsError(
            f"The pattern {name!r} is {pattern!r}, which is no regular expression of RE2 ({reason}). It has no "
            "look-arounds and no back-references; put what is to be masked into a group instead."
        ) from error
    if is_empty:
        raise SettingsError(f"The pattern {name!r} is {pattern!r}, which matches an empty text: make it say something.")
    return compiled

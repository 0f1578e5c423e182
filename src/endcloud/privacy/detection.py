"""Finds personal data in a text: the one detector that ingest, serving and upload share.

The rules (`births`, `coordinates`, `accounts`, `codes`, `numbers`, `addresses`, `names`, `english_names`) read the
text's view without disguises, in simplified characters; what they find is cut out of the view, and they read again
until nothing is found. So masked text never holds an item that this detector would still find, and reading a masked
text again changes nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from types import MappingProxyType

from endcloud.privacy import accounts, addresses, births, codes, coordinates, english_names, names, numbers, strictness
from endcloud.privacy.finding import Finding, in_order, merge
from endcloud.privacy.normalisation import view
from endcloud.privacy.patterns import ShopPatterns
from endcloud.privacy.placeholders import FORGED, OPENING, PLACEHOLDER
from endcloud.privacy.simplified import simplified

__all__ = ["Detector", "Finding"]

_ROUNDS = 8  # readings before a text that keeps yielding findings is masked whole
_REMEMBERED = 512  # texts whose findings are kept: system prompts and the turns of running conversations
_MODULES = (
    "accounts", "addresses", "births", "codes", "coordinates", "cues", "detection", "english_names", "finding", "names",
    "normalisation", "numbers", "patterns", "placeholders", "simplified", "split_numbers", "split_values", "strictness",
)  # fmt: skip


_Spans = tuple[tuple[int, int], ...]
_Find = Callable[[str, frozenset[str], _Spans], tuple[Finding, ...]]


class Detector:
    """Finds personal data; pure, deterministic, and linear in the length of the text.

    `catalogue_numbers` are numbers of goods, which stay; `allowed` are values that are never masked, such as
    the shop's own telephone number (both compared without disguises). `patterns` are the shop's own regular
    expressions by the kind that they find; raises SettingsError for one that `privacy.patterns` refuses.
    With `strict` what `privacy.strictness` finds is personal too, whatever the catalogue and `allowed` say.
    """

    def __init__(
        self,
        catalogue_numbers: frozenset[str] = frozenset(),
        allowed: frozenset[str] = frozenset(),
        *,
        patterns: Mapping[str, str] = MappingProxyType({}),
        strict: bool = False,
    ) -> None:
        self.strict = strict
        self.patterns = dict(patterns)
        self._own = ShopPatterns(self.patterns)
        self.catalogue_numbers = frozenset(view(number).text.strip() for number in catalogue_numbers)
        self.allowed = frozenset(view(value).text.strip() for value in allowed)
        self._remembered: _Find = lru_cache(_REMEMBERED)(self._find)

    @cached_property
    def digest(self) -> str:
        """Names these rules: a digest of their source and of what the shop added."""
        sha = hashlib.sha256()
        for module in _MODULES:
            sha.update(Path(__file__).with_name(f"{module}.py").read_bytes().replace(b"\r\n", b"\n"))
        sha.update("\n".join([*sorted(self.catalogue_numbers), "--", *sorted(self.allowed)]).encode())
        sha.update(json.dumps(sorted(self.patterns.items())).encode() if self.patterns else b"")
        sha.update(b"strict" if self.strict else b"")
        return sha.hexdigest()[:16]

    def find(self, text: str, placeholders: frozenset[str] = frozenset(), apart: _Spans = ()) -> tuple[Finding, ...]:
        """Everything personal in `text`, sorted and apart, in offsets of `text`.

        A literal mask is a finding of kind 标记 unless it is one of `placeholders`, which stay. `apart` are
        spans (sorted, apart) that the caller masks by itself; nothing is found in or across them.
        """
        # Only the masks that the text has, so that a prompt which stays the same is looked at once.
        known = frozenset(mark for mark in placeholders if mark in text) if "[" in text else frozenset()
        return self._remembered(text, known, apart)

    def _find(self, text: str, placeholders: frozenset[str], apart: _Spans) -> tuple[Finding, ...]:
        marks = list(apart)
        found: list[Finding] = []
        if OPENING.search(text):
            for start, end in _gaps(apart, len(text)):
                for mark in PLACEHOLDER.finditer(text, start, end):
                    marks.append(mark.span())
                    if mark[0] not in placeholders:
                        found.append(Finding(FORGED, *mark.span()))
            marks.sort()
        for _ in range(_ROUNDS):
            new = self._read(text, marks)
            if not new:
                return tuple(in_order(found))
            found += new
            marks += [(finding.start, finding.end) for finding in new]
            marks.sort()
        return (Finding("号码", 0, len(text)),)

    def _read(self, text: str, masked: Sequence[tuple[int, int]]) -> list[Finding]:
        """One reading of `text` with `masked` cut out, in offsets of `text`."""
        seen = view(text, masked)
        candidates = list(self._own.find(seen.text)) if self.patterns else []
        text = simplified(seen.text)
        candidates += births.find(text)
        candidates += coordinates.find(text)
        candidates += accounts.find(text, self.catalogue_numbers)
        candidates += codes.find(text)
        candidates += numbers.find(text, self.catalogue_numbers)
        candidates += addresses.find(text)
        candidates += names.find(text)
        candidates += english_names.find(text)
        found = merge(candidates) if candidates else []
        if self.allowed:
            found = [one for one in found if seen.text[one.start : one.end] not in self.allowed]
        if self.strict:
            found = merge([*found, *strictness.find(text)])
        return [Finding(one.kind, *seen.original(one.start, one.end)) for one in found]


def _gaps(spans: _Spans, length: int) -> Iterator[tuple[int, int]]:
    """What lies between `spans`."""
    at = 0
    for start, end in spans:
        yield at, start
        at = end
    yield at, length

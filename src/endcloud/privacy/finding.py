"""What a rule reports: this stretch of text is personal, and of this kind."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import NamedTuple


class Finding(NamedTuple):
    """text[start:end] is personal data of `kind` (a name of `placeholders.KINDS`, or a shop's own)."""

    kind: str
    start: int
    end: int


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Findings of one text, in the order of their places."""
    return sorted(findings, key=attrgetter("start"))


def merge(findings: Iterable[Finding]) -> list[Finding]:
    """Sorted and apart: findings that overlap become one, of the kind that was reported first.

    The union is masked, not the longer one: cutting one of two overlapping findings would leave a rest that
    is personal too.
    """
    findings = list(findings)
    if len(findings) == 1:
        return findings
    ranked = sorted(enumerate(findings), key=lambda pair: (pair[1].start, pair[0]))
    merged: list[tuple[int, Finding]] = []
    for rank, found in ranked:
        if merged and found.start < merged[-1][1].end:
            first_rank, first = merged[-1]
            kind = first.kind if first_rank <= rank else found.kind
            merged[-1] = (min(rank, first_rank), Finding(kind, first.start, max(first.end, found.end)))
        else:
            merged.append((rank, found))
    return [found for _, found in merged]

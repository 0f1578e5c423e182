"""Canned lines: found by counting, and down-weighted so that they do not swamp training.

One canned line is 3 % of all agent turns in JDDC. Here no reply weighs more than a set share of all training
examples: one that recurs `n` times gets the weight `allowance / n` each time.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter

LEAST = 10  # a reply may always weigh as much as this many examples: small corpora repeat themselves honestly
_NO_WORD = re.compile(r"[\W_]+")


class ReplyCounts:
    """Counts replies that differ in nothing but punctuation, spaces and case.

    Memory: about 110 bytes for each distinct reply (its 8-byte hash and its count in a dict).
    """

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self._total = 0

    def add(self, reply: str) -> None:
        self._counts[_key(reply)] += 1
        self._total += 1

    def weight(self, reply: str, share: float) -> float:
        """1.0, or less where the reply recurs in more than `share` of all counted ones."""
        allowance = max(float(LEAST), share * self._total)
        return round(min(1.0, allowance / max(1, self._counts[_key(reply)])), 6)

    def boilerplate(self, share: float) -> int:
        """How many distinct replies are down-weighted."""
        allowance = max(float(LEAST), share * self._total)
        return sum(count > allowance for count in self._counts.values())


def _key(reply: str) -> int:
    plain = _NO_WORD.sub("", unicodedata.normalize("NFKC", reply).lower()) or reply
    return int.from_bytes(hashlib.blake2b(plain.encode(), digest_size=8).digest(), "big")

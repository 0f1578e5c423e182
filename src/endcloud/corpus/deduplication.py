"""Finds exact and near-duplicates of whole (context, reply) pairs while they stream by.

A pair is its set of character 3-grams (Chinese needs no tokens) after normalising. MinHash LSH (`rensa`)
proposes earlier pairs that may be alike, a sketch comparison throws most of them out, and the exact Jaccard
index of the 3-grams decides: so precision is 1 by construction, and recall is the chance that LSH proposes a
true pair, 1 - (1 - 0.8^5)^16 = 0.998 at Jaccard 0.8 and more above it.

Memory grows by BYTES_PER_PAIR for each pair that is kept; the texts wait on disk for verification.
"""

from __future__ import annotations

import os
import re
import tempfile
import unicodedata
from array import array
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal

import numpy as np
from rensa import RMinHash, RMinHashLSH

from endcloud.types import Message

Verdict = Literal["new", "exact duplicate", "near duplicate"]

NGRAM = 3
BANDS, ROWS = 16, 5
PERMUTATIONS = BANDS * ROWS
SEED = 20_240
# The sketch estimates Jaccard with a standard deviation of at most 0.045 at 0.8: four of them are allowed for.
SLACK = 0.18
# Measured by benchmarks/deduplication.py: LSH about 1,400, sketch 160, offsets and sizes 28.
BYTES_PER_PAIR = 1_600

_SPACES = re.compile(r"\s+")
_NUMBERED = re.compile(r"_\d+\]")


def pair_text(context: Sequence[Message], reply: str) -> str:
    """The text by which two pairs are compared: NFKC, lower case, no spaces, placeholders without their number."""
    said = "".join(message.content for message in context) + reply
    folded = unicodedata.normalize("NFKC", said).lower()
    return _NUMBERED.sub("]", _SPACES.sub("", folded))


def grams(text: str) -> set[str]:
    """The character 3-grams of a text; a shorter text is its own only gram."""
    return {text[start : start + NGRAM] for start in range(max(1, len(text) - NGRAM + 1))}


def jaccard(one: set[str], other: set[str]) -> float:
    """|A ∩ B| / |A ∪ B|."""
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)


class DuplicateIndex:
    """Remembers the pairs that were kept, and tells of each new one whether it repeats one of them.

    Windows of one dialogue overlap by construction; they carry the same `group` and are never each other's
    near-duplicates (a long context with one more word would else vanish), only exact ones.
    """

    def __init__(self, threshold: float, directory: Path) -> None:
        """`threshold`: Jaccard index from which two pairs are near-duplicates; above 1 only exact ones count.
        `directory` gets a nameless temporary file with the texts."""
        self._threshold = threshold
        self._lsh = RMinHashLSH(threshold=min(threshold, 1.0), num_perm=PERMUTATIONS, num_bands=BANDS)
        self._sketches = np.empty((1024, PERMUTATIONS), dtype=np.uint16)
        self._sizes = array("I")
        self._offsets = array("Q", [0])
        self._groups = array("q")
        self._texts = tempfile.TemporaryFile(dir=directory, buffering=0)  # noqa: SIM115  # closed by __exit__

    def __enter__(self) -> DuplicateIndex:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._texts.close()

    def __len__(self) -> int:
        return len(self._sizes)

    def add(self, text: str, group: str = "") -> Verdict:
        """Judges one pair, and remembers it where it is new. An empty group belongs to no dialogue."""
        own = grams(text)
        sketch = RMinHash.from_token_sets([own], PERMUTATIONS, SEED)[0]
        digest = np.asarray(sketch.digest(), dtype=np.uint32).astype(np.uint16)
        group_key = hash(group) if group else 0
        verdict = self._judge(text, own, sketch, digest, group_key)
        if verdict == "new":
            self._remember(text, len(own), sketch, digest, group_key)
        return verdict

    def remember(self, text: str, group: str = "") -> None:
        """Takes in a pair that was judged new before (a resumed job)."""
        own = grams(text)
        sketch = RMinHash.from_token_sets([own], PERMUTATIONS, SEED)[0]
        digest = np.asarray(sketch.digest(), dtype=np.uint32).astype(np.uint16)
        self._remember(text, len(own), sketch, digest, hash(group) if group else 0)

    def _judge(
        self,
        text: str,
        own: set[str],
        sketch: RMinHash,
        digest: np.ndarray[tuple[int], np.dtype[np.uint16]],
        group: int,
    ) -> Verdict:
        for candidate in self._candidates(sketch, digest, len(own)):
            other = self._text(candidate)
            if other == text:
                return "exact duplicate"
            related = group != 0 and self._groups[candidate] == group
            if not related and jaccard(own, grams(other)) >= self._threshold:
                return "near duplicate"
        return "new"

    def _candidates(
        self, sketch: RMinHash, digest: np.ndarray[tuple[int], np.dtype[np.uint16]], size: int
    ) -> list[int]:
        """Kept pairs that share a band, look alike by sketch and size; the most alike first."""
        found = np.asarray(self._lsh.query(sketch), dtype=np.int64)
        if not len(found):
            return []
        threshold = min(self._threshold, 1.0)
        sizes = np.frombuffer(self._sizes, dtype=np.uint32)[found]
        fitting = np.minimum(sizes, size) >= threshold * np.maximum(sizes, size)
        found = found[fitting]
        alike = (self._sketches[found] == digest).mean(axis=1)
        near = alike >= threshold - SLACK
        order = np.argsort(-alike[near], kind="stable")
        return [int(candidate) for candidate in found[near][order]]

    def _remember(
        self, text: str, size: int, sketch: RMinHash, digest: np.ndarray[tuple[int], np.dtype[np.uint16]], group: int
    ) -> None:
        key = len(self._sizes)
        if key == len(self._sketches):
            self._sketches = np.concatenate([self._sketches, np.empty_like(self._sketches[: max(1024, key // 2)])])
        self._sketches[key] = digest
        self._lsh.insert(key, sketch)
        self._sizes.append(size)
        self._groups.append(group)
        self._offsets.append(self._offsets[-1] + self._texts.write(text.encode()))

    def _text(self, key: int) -> str:
        start, end = self._offsets[key], self._offsets[key + 1]
        return os.pread(self._texts.fileno(), end - start, start).decode()

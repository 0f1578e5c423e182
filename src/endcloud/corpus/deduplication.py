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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal

import numpy as np
import numpy.typing as npt
from rensa import RMinHash, RMinHashLSH

from endcloud.types import Message

Verdict = Literal["new", "exact duplicate", "near duplicate"]

NGRAM = 3
BANDS, ROWS = 16, 5
PERMUTATIONS = BANDS * ROWS
SEED = 20_240
# The sketch estimates Jaccard with a standard deviation of at most 0.045 at 0.8: four of them are allowed for.
SLACK = 0.18
# Measured by benchmarks/deduplication.py --memory: 1,600 to 2,000, as the tables of the LSH happen to be full.
BYTES_PER_PAIR = 2_000

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
        self._groups = array("Q")
        self._texts = tempfile.TemporaryFile(dir=directory, buffering=0)  # noqa: SIM115  # closed by __exit__

    def __enter__(self) -> DuplicateIndex:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._texts.close()

    def __len__(self) -> int:
        return len(self._sizes)

    def add(self, text: str, group: int = 0) -> Verdict:
        """Judges one pair, and remembers it where it is new. Group 0 is no group."""
        pair = _Pair.of(text, group)
        verdict = self._judge(pair)
        if verdict == "new":
            self._remember(pair)
        return verdict

    def remember(self, text: str) -> None:
        """Takes in a pair that was judged new before (a resumed job, whose dialogues all ended)."""
        self._remember(_Pair.of(text, 0))

    def matches(self, text: str) -> Iterator[tuple[int, float]]:
        """(place in order of keeping, exact Jaccard index) of the kept pairs at or above the threshold."""
        pair = _Pair.of(text, 0)
        for candidate in self._candidates(pair):
            alike = jaccard(pair.grams, grams(self._text(candidate)))
            if alike >= self._threshold:
                yield candidate, alike

    def _judge(self, pair: _Pair) -> Verdict:
        for candidate in self._candidates(pair):
            other = self._text(candidate)
            if other == pair.text:
                return "exact duplicate"
            related = pair.group != 0 and self._groups[candidate] == pair.group
            if not related and jaccard(pair.grams, grams(other)) >= self._threshold:
                return "near duplicate"
        return "new"

    def _candidates(self, pair: _Pair) -> list[int]:
        """Kept pairs that share a band and look alike by size and sketch; the most alike first."""
        found = np.asarray(self._lsh.query(pair.minhash), dtype=np.int64)
        if not len(found):
            return []
        threshold, size = min(self._threshold, 1.0), len(pair.grams)
        sizes = np.frombuffer(self._sizes, dtype=np.uint32)[found]
        found = found[np.minimum(sizes, size) >= threshold * np.maximum(sizes, size)]
        alike = (self._sketches[found] == pair.sketch).mean(axis=1)
        likely = alike >= threshold - SLACK
        order = np.argsort(-alike[likely], kind="stable")
        return [int(candidate) for candidate in found[likely][order]]

    def _remember(self, pair: _Pair) -> None:
        key = len(self._sizes)
        if key == len(self._sketches):
            self._sketches = np.concatenate([self._sketches, np.empty_like(self._sketches[: max(1024, key // 2)])])
        self._sketches[key] = pair.sketch
        self._lsh.insert(key, pair.minhash)
        self._sizes.append(len(pair.grams))
        self._groups.append(pair.group)
        self._offsets.append(self._offsets[-1] + self._texts.write(pair.text.encode()))

    def _text(self, key: int) -> str:
        start, end = self._offsets[key], self._offsets[key + 1]
        return os.pread(self._texts.fileno(), end - start, start).decode()


@dataclass(frozen=True, slots=True)
class _Pair:
    """A pair on its way in. `sketch` keeps 16 of each minhash's 32 bits: two unlike ones agree once in 65,536."""

    text: str
    grams: set[str]
    minhash: RMinHash
    sketch: npt.NDArray[np.uint16]
    group: int

    @classmethod
    def of(cls, text: str, group: int) -> _Pair:
        own = grams(text)
        minhash = RMinHash(PERMUTATIONS, SEED)
        minhash.update(list(own))
        sketch = np.asarray(minhash.digest(), dtype=np.uint32).astype(np.uint16)
        return cls(text, own, minhash, sketch, group)

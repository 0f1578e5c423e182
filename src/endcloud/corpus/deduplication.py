"""Finds exact and near-duplicates of whole (context, reply) pairs while they stream by.

A pair is its set of character 3-grams (Chinese needs no tokens) after normalising. MinHash LSH (`rensa`)
proposes earlier pairs that may be alike, a sketch comparison throws most of them out, and the exact Jaccard
index of the 3-grams decides: so precision is 1 by construction, and recall is the chance that LSH proposes a
true pair, 1 - (1 - 0.8^5)^16 = 0.998 at Jaccard 0.8 and more above it.

Memory grows by BYTES_PER_PAIR for each pair that is kept; the 3-grams wait on disk for verification, 8 bytes each.
"""

from __future__ import annotations

import hashlib
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

Keys = npt.NDArray[np.int64]  # places in the order of keeping
Verdict = Literal["new", "exact duplicate", "near duplicate"]

NGRAM = 3
BANDS, ROWS = 16, 5
PERMUTATIONS = BANDS * ROWS
SEED = 20_240
# The sketch estimates Jaccard with a standard deviation of at most 0.045 at 0.8: four of them are allowed for.
SLACK = 0.18
# Measured by benchmarks/deduplication.py --memory: 1,600 to 2,000, as the tables of the LSH happen to be full.
BYTES_PER_PAIR = 2_000

VERIFIED_AT_ONCE = 1_024
GRAM_BYTES = 8

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


def packed_grams(text: str) -> npt.NDArray[np.uint64]:
    """`grams` as sorted numbers: three code points of 21 bits each, so nothing is lost."""
    points = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)
    if len(points) < NGRAM:
        points = np.concatenate([points, np.zeros(NGRAM - len(points), dtype=np.uint64)])
    return np.unique(points[:-2] << np.uint64(42) | points[1:-1] << np.uint64(21) | points[2:])


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
        `directory` gets a nameless temporary file with the 3-grams."""
        self._threshold = threshold
        self._lsh = RMinHashLSH(threshold=min(threshold, 1.0), num_perm=PERMUTATIONS, num_bands=BANDS)
        self._sketches = np.empty((1024, PERMUTATIONS), dtype=np.uint16)
        self._texts = array("Q")  # a hash of each text
        self._groups = array("Q")
        self._ends = array("q", [0])  # where each pair's grams end in the file, counted in grams
        self._grams: npt.NDArray[np.uint64] = np.empty(0, dtype=np.uint64)  # the file, mapped
        self._file = tempfile.TemporaryFile(dir=directory, buffering=0)  # noqa: SIM115  # closed by __exit__

    def __enter__(self) -> DuplicateIndex:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._texts)

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
        return self._alike(_Pair.of(text, 0))

    def _judge(self, pair: _Pair) -> Verdict:
        for other, _ in self._alike(pair):
            if self._texts[other] == pair.text:
                return "exact duplicate"
            if pair.group == 0 or self._groups[other] != pair.group:
                return "near duplicate"
        return "new"

    def _alike(self, pair: _Pair) -> Iterator[tuple[int, float]]:
        """Verifies the candidates, the likeliest first, a block at a time: a repeat is mostly found in the first,
        and thousands of pairs that share one long canned reply cost numpy's time, not Python's."""
        candidates = self._candidates(pair)
        for start in range(0, len(candidates), VERIFIED_AT_ONCE):
            block = candidates[start : start + VERIFIED_AT_ONCE]
            together, firsts, sizes = self._grams_of(block)
            places = np.minimum(np.searchsorted(pair.grams, together), len(pair.grams) - 1)
            shared = np.add.reduceat(pair.grams[places] == together, firsts, dtype=np.int64)
            index = shared / (sizes + len(pair.grams) - shared)
            for place in np.flatnonzero(index >= min(self._threshold, 1.0)):
                if index[place] >= self._threshold or self._texts[int(block[place])] == pair.text:
                    yield int(block[place]), float(index[place])

    def _candidates(self, pair: _Pair) -> Keys:
        """Kept pairs that share a band and look alike by size and sketch; the most alike first."""
        found: Keys = np.asarray(self._lsh.query(pair.minhash), dtype=np.int64)
        if not len(found):
            return found
        threshold, size = min(self._threshold, 1.0), len(pair.grams)
        ends = np.frombuffer(self._ends, dtype=np.int64)
        sizes = ends[found + 1] - ends[found]
        found = found[np.minimum(sizes, size) >= threshold * np.maximum(sizes, size)]
        alike = np.count_nonzero(self._sketches[found] == pair.sketch, axis=1)
        likely = alike >= (threshold - SLACK) * PERMUTATIONS
        order = np.argsort(-alike[likely], kind="stable")
        ordered: Keys = found[likely][order]
        return ordered

    def _remember(self, pair: _Pair) -> None:
        key = len(self._texts)
        if key == len(self._sketches):
            self._sketches = np.concatenate([self._sketches, np.empty_like(self._sketches[: max(1024, key // 2)])])
        self._sketches[key] = pair.sketch
        self._lsh.insert(key, pair.minhash)
        self._texts.append(pair.text)
        self._groups.append(pair.group)
        end = self._ends[-1] + len(pair.grams)
        self._reserve(end)
        os.pwrite(self._file.fileno(), pair.grams.tobytes(), self._ends[-1] * GRAM_BYTES)
        self._ends.append(end)

    def _reserve(self, end: int) -> None:
        """Makes room for so many grams: in ever larger steps, and written, so that a full disk is an error here
        and no crash in the mapped memory."""
        while len(self._grams) < end:
            room = len(self._grams) + min(max(len(self._grams), 1 << 16), 1 << 22)
            os.pwrite(self._file.fileno(), bytes((room - len(self._grams)) * GRAM_BYTES), len(self._grams) * GRAM_BYTES)
            self._grams = np.memmap(self._file, dtype=np.uint64, mode="r", shape=(room,))

    def _grams_of(self, keys: Keys) -> tuple[npt.NDArray[np.uint64], Keys, Keys]:
        """The grams of these pairs in one array, where in it each pair begins, and how many each has."""
        ends = np.frombuffer(self._ends, dtype=np.int64)
        starts, sizes = ends[keys], ends[keys + 1] - ends[keys]
        firsts = np.cumsum(sizes) - sizes
        places = np.repeat(starts - firsts, sizes) + np.arange(sizes.sum())
        return self._grams[places], firsts, sizes


@dataclass(frozen=True, slots=True)
class _Pair:
    """A pair on its way in: its 3-grams packed and sorted, its minhash, and a hash for its text.

    `sketch` keeps 16 of each minhash's 32 bits: two unlike ones agree once in 65,536.
    """

    text: int
    grams: npt.NDArray[np.uint64]
    minhash: RMinHash
    sketch: npt.NDArray[np.uint16]
    group: int

    @classmethod
    def of(cls, text: str, group: int) -> _Pair:
        minhash = RMinHash(PERMUTATIONS, SEED)
        minhash.update(list(grams(text)))
        sketch = np.asarray(minhash.digest(), dtype=np.uint32).astype(np.uint16)
        name = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
        return cls(name, packed_grams(text), minhash, sketch, group)

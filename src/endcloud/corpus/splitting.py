"""Which split an example belongs to: a stable hash of its dialogue, so that none straddles two splits."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence

from endcloud.types import Split


def split_of(dialogue: str, validation: float, test: float) -> Split:
    """The split of a dialogue id. `validation` and `test` are shares in [0, 1].

    It depends on nothing but the id: a dialogue keeps its split when the corpus grows, and raising one share
    moves no dialogue between the other two splits' ends of the interval.
    """
    place = _place(dialogue)
    if place < test:
        return "test"
    return "validation" if place >= 1 - validation else "train"


def fill_empty(train: Collection[str], empty: Sequence[Split]) -> dict[str, Split]:
    """Which training dialogues of a very small corpus go to the splits that got none: one each, those nearest to
    the ends of the interval, and none where training would be left without."""
    if len(train) <= len(empty):
        return {}
    ordered = sorted(train, key=lambda dialogue: (_place(dialogue), dialogue))
    ends = {"test": ordered[0], "validation": ordered[-1]}
    return {ends[split]: split for split in empty}


def _place(dialogue: str) -> float:
    """A number in [0, 1) that depends on nothing but the id."""
    digest = hashlib.sha256(f"split:{dialogue}".encode(errors="replace")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64

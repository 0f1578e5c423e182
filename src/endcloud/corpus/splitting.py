"""Which split an example belongs to: a stable hash of its dialogue, so that none straddles two splits."""

from __future__ import annotations

import hashlib

from endcloud.types import Split


def split_of(dialogue: str, validation: float, test: float) -> Split:
    """The split of a dialogue id. `validation` and `test` are shares in [0, 1].

    It depends on nothing but the id: a dialogue keeps its split when the corpus grows, and raising one share
    moves no dialogue between the other two splits' ends of the interval.
    """
    digest = hashlib.sha256(f"split:{dialogue}".encode(errors="replace")).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    if place < test:
        return "test"
    return "validation" if place >= 1 - validation else "train"

"""Batches of like length: little padding, and as many texts at once as keep the processor busy.

A batch costs its longest text times its size, so texts are sorted by length, and a batch is filled by tokens, not by
texts: with short replies of a shop a fixed size of 32 leaves a processor idle, with long ones it wastes memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def length_batches(lengths: Sequence[int], tokens: int) -> Iterator[list[int]]:
    """Indices into `lengths`, longest first, in batches whose padded size is at most `tokens` (or one text)."""
    batch: list[int] = []
    longest = 0
    for index in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        longest = longest or max(1, lengths[index])
        if batch and longest * (len(batch) + 1) > tokens:
            yield batch
            batch, longest = [], max(1, lengths[index])
        batch.append(index)
    if batch:
        yield batch

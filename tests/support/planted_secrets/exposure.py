"""Exposure (Carlini et al., The Secret Sharer, 2019): how much more a model expects a planted secret than random ones.

    exposure = log2 |R| - log2 rank

where the rank is the secret's place, by log-perplexity, among |R| secrets of the same form. A secret that was never
planted has about log2 |R| - log2 (|R| / 2) = 1 bit at the median; the first of all has log2 |R|, and one that has it is
what somebody finds who tries all in the order of the model's liking.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def rank(perplexity: float, others: Sequence[float]) -> int:
    """The place of a secret among others, from 1; with equals it shares the last place, which claims the least."""
    return 1 + sum(other <= perplexity for other in others)


def exposure(perplexity: float, others: Sequence[float]) -> float:
    """Bits, from 0 to log2 of the number of all. `others` are the log-perplexities of secrets not planted.

    Raises ValueError for no others, or a value that is no number.
    """
    if not others or not all(map(math.isfinite, (perplexity, *others))):
        raise ValueError(f"{len(others)!r} other secrets, or one that is no number, tell nothing; give finite values.")
    return math.log2(len(others) + 1) - math.log2(rank(perplexity, others))


def unplanted_exposures(others: Sequence[float]) -> list[float]:
    """The exposure of each of the others among the rest: what a secret has that nobody planted."""
    return [exposure(one, [*others[:at], *others[at + 1 :]]) for at, one in enumerate(others)]

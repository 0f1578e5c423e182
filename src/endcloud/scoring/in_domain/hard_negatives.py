"""Hard negatives for the cross-encoder, mined by the bi-encoder and denoised by a first cross-encoder.

The replies that the bi-encoder holds nearest to a query, without ever having been given to it, are what a relevance
scorer gets wrong. Some of them are right answers all the same (a shop says the same thing in many ways): those
that a first cross-encoder is sure of are dropped (Qu et al., "RocketQA", NAACL 2021, section 4.2).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from sentence_transformers import SentenceTransformer

from endcloud.scoring.in_domain.bi_encoder import vectors
from endcloud.scoring.in_domain.exchanges import Exchange

KEPT = 4  # mined for each exchange
DEPTH = 40  # nearest replies they are drawn from: the very nearest alone would mostly be right ones
SURE = 0.9  # RocketQA's bound: what the first cross-encoder gives more than this is no negative
_CHUNK = 512


@dataclass(frozen=True, slots=True)
class Denoised:
    """The negatives of each exchange that were kept; how many were mined, and dropped as likely right."""

    negatives: list[list[str]]
    mined: int
    dropped: int


def mine(model: SentenceTransformer, found: Sequence[Exchange], seed: int) -> list[list[str]]:
    """Up to `KEPT` replies for each exchange, drawn from the `DEPTH` nearest that its query never got."""
    given: dict[str, set[str]] = {}
    for exchange in found:
        given.setdefault(exchange.query, set()).update(exchange.replies)
    replies = list(dict.fromkeys(reply for exchange in found for reply in exchange.replies))
    queries = vectors(model, [exchange.query for exchange in found])
    theirs = vectors(model, replies)
    draw = random.Random(f"{seed} hard negatives")
    mined: list[list[str]] = []
    depth = min(DEPTH, len(replies))
    for start in range(0, len(found), _CHUNK):
        near = queries[start : start + _CHUNK] @ theirs.T
        top = np.argpartition(-near, depth - 1, axis=1)[:, :depth]
        for exchange, row in zip(found[start : start + _CHUNK], np.sort(top, axis=1), strict=True):
            fitting = [replies[index] for index in row if replies[index] not in given[exchange.query]]
            mined.append(draw.sample(fitting, min(KEPT, len(fitting))))
    return mined


def denoise(
    mined: Sequence[Sequence[str]],
    found: Sequence[Exchange],
    probabilities: Callable[[Sequence[tuple[str, str]]], Sequence[float]],
) -> Denoised:
    """Drops what the first cross-encoder gives more than `SURE`; `probabilities` maps (query, reply) to [0, 1]."""
    asked = [(exchange.query, reply) for exchange, some in zip(found, mined, strict=True) for reply in some]
    given = iter(probabilities(asked))
    kept = [[reply for reply in some if next(given) <= SURE] for some in mined]
    return Denoised(kept, len(asked), len(asked) - sum(map(len, kept)))

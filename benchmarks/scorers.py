"""How well the stand-in scorers rank right replies above wrong ones, beside plain character TF-IDF.

    python benchmarks/scorers.py

Both learn from the bundled shop's dialogues and are measured on questions of its two held-out kinds, against the
shop's truth. Printed: AUC overall and for each kind of wrong reply, and the ratio of what is left to win
(1 − AUC, ours / TF-IDF's; below 1 is better). The peer's relevance is that of the best precedent among the known pairs.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from endcloud.bundled.dialogues import dialogues
from endcloud.bundled.held_out import combinations, patterns
from endcloud.bundled.judged_replies import judged_replies
from endcloud.bundled.shop import load_shop
from endcloud.scoring.quality import Judged, Quality, measure
from endcloud.scoring.standin import train_scorers
from endcloud.types import Example

QUESTIONS = 250
SEED = 1


class Quiet:
    """Progress of a benchmark: none."""

    def say(self, sentence: str) -> None: ...

    @contextmanager
    def task(self, name: str, total: int | None, unit: str) -> Iterator[Quiet]:
        yield self

    def advance(self, steps: int = 1, **figures: float | str) -> None: ...


class TfidfSimilarity:
    """Cosine of character 1- to 3-grams."""

    name, digest, range = "TF-IDF similarity", "", (0.0, 1.0)

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self.grams = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True)
        self.grams.fit([text for pair in pairs for text in pair])

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[float | None]:
        first, second = (self.grams.transform([pair[side] for pair in pairs]) for side in (0, 1))
        return [float(value) for value in np.asarray(first.multiply(second).sum(axis=1)).ravel()]


class TfidfRelevance(TfidfSimilarity):
    """The best precedent: a known query like this one, answered by a reply like this one."""

    name = "TF-IDF relevance"

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        super().__init__(pairs)
        self.queries, self.replies = (self.grams.transform([pair[side] for pair in pairs]) for side in (0, 1))

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[float | None]:
        asked, said = (self.grams.transform([pair[side] for pair in pairs]) for side in (0, 1))
        near = (asked @ self.queries.T).toarray() * (said @ self.replies.T).toarray()
        return [float(value) for value in np.sqrt(near).max(axis=1)]


def main() -> None:
    shop = load_shop()
    examples = [
        Example(f"{d.id}-{i}", d.id, "", d.messages[:i], d.messages[i].content, "natural", "bundled", "train")
        for d in dialogues(shop, SEED)
        for i in range(1, len(d.messages))
        if d.messages[i].role == "assistant"
    ]
    began = time.process_time()
    with tempfile.TemporaryDirectory() as directory:
        ours = train_scorers(examples, Path(directory), progress=Quiet())
    print(f"{len(examples)} pairs, both scorers trained in {time.process_time() - began:.1f} s of processor time\n")
    pairs = [(example.query, example.reply) for example in examples]
    peers = (TfidfSimilarity(pairs), TfidfRelevance(pairs))
    for kind, questions in (
        ("unseen combinations", combinations(shop, QUESTIONS, SEED)),
        ("unseen patterns", patterns(shop, QUESTIONS, SEED)),
    ):
        replies = judged_replies(shop, questions, SEED)
        alike = [Judged(one.reference, one.reply, one.right, one.kind) for one in replies]
        apt = [Judged(one.question.query, one.reply, one.right, one.kind) for one in replies]
        for scorer, peer, judged in zip(ours, peers, (alike, apt), strict=True):
            _print(kind, measure(scorer, judged), measure(peer, judged))


def _print(kind: str, ours: Quality, theirs: Quality) -> None:
    print(f"{ours.scorer}, {kind} ({ours.right} right, {ours.wrong} wrong)")
    rows = {"overall": (ours.overall, theirs.overall)} | {k: (v, theirs.by_kind[k]) for k, v in ours.by_kind.items()}
    for name, (mine, peer) in rows.items():
        if mine is not None and peer is not None:
            print(f"  {name:<16} {mine:.3f}   TF-IDF {peer:.3f}   left {(1 - mine) / max(1 - peer, 1e-3):.2f}")
    print()


if __name__ == "__main__":
    main()

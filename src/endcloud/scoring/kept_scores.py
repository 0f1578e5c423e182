"""Scores kept between runs, so that a killed evaluation pays for no pair twice.

Each scorer has a file named by its digest; a line is a pair's digest and its score, appended after every batch. A
line that a kill cut off is not read.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from endcloud.protocols import Scorer
from endcloud.scoring.dual import DualScorer, Remarking


class KeptScores:
    """A scorer that remembers; implements `protocols.Scorer`."""

    def __init__(self, scorer: Scorer, directory: Path) -> None:
        self.name, self.digest, self.range = scorer.name, scorer.digest, scorer.range
        self._scorer = scorer
        self._path = directory / f"{sha256(f'{scorer.name}@{scorer.digest}'.encode()).hexdigest()[:24]}.jsonl"
        self._known = _read(self._path)

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[float | None]:
        keys = {pair: sha256(json.dumps(pair).encode()).hexdigest()[:32] for pair in pairs}
        new = [pair for pair, key in keys.items() if key not in self._known]
        if new:
            scores = dict(zip((keys[pair] for pair in new), self._scorer.score(new), strict=True))
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="ascii") as file:
                # A line of its own first: what a kill left without an end must not spoil the next.
                file.write("\n" + "".join(json.dumps([key, score]) + "\n" for key, score in scores.items()))
            self._known |= scores
        return [self._known[keys[pair]] for pair in pairs]

    def remarks(self) -> list[str]:
        """What the scorer itself has to say of what it scored."""
        return self._scorer.remarks() if isinstance(self._scorer, Remarking) else []


def keeping(scorer: DualScorer, directory: Path) -> DualScorer:
    """The same two scorers with the same α and Θ, each remembering in `directory`."""
    similarity, relevance = KeptScores(scorer.similarity, directory), KeptScores(scorer.relevance, directory)
    return DualScorer(similarity, relevance, scorer.alpha, scorer.threshold)


def _read(path: Path) -> dict[str, float | None]:
    known: dict[str, float | None] = {}
    for line in path.read_text(encoding="ascii").splitlines() if path.is_file() else ():
        try:
            key, score = json.loads(line)
        except ValueError:
            continue
        known[key] = score
    return known

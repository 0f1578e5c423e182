"""A pair that was scored is not scored again, not even by the next process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from endcloud.scoring.kept_scores import KeptScores


class Counting:
    """Scores by length, and counts what it was asked."""

    name, digest, range = "counting", "1", (0.0, 1.0)

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[float | None]:
        self.asked += pairs
        return [None if not b else min(1.0, len(b) / 10) for _, b in pairs]


def test_a_pair_is_paid_for_once(tmp_path: Path) -> None:
    scorer, pairs = Counting(), [("问", "答案"), ("问", ""), ("问", "答案")]
    assert KeptScores(scorer, tmp_path).score(pairs) == [0.2, None, 0.2]
    again = KeptScores(Counting(), tmp_path)
    assert again.score([*pairs, ("新", "答")]) == [0.2, None, 0.2, 0.1]
    assert scorer.asked == [("问", "答案"), ("问", "")]
    assert again._scorer.asked == [("新", "答")]  # type: ignore[attr-defined]


def test_a_line_that_a_kill_cut_off_is_scored_again(tmp_path: Path) -> None:
    KeptScores(Counting(), tmp_path).score([("a", "b"), ("c", "dd")])
    [path] = tmp_path.glob("*.jsonl")
    path.write_text(path.read_text()[:-9])
    again = KeptScores(Counting(), tmp_path)
    assert again.score([("c", "dd"), ("e", "f")]) == [0.2, 0.1]
    assert KeptScores(Counting(), tmp_path).score([("c", "dd"), ("e", "f"), ("a", "b")]) == [0.2, 0.1, 0.1]


def test_another_scorer_has_a_memory_of_its_own(tmp_path: Path) -> None:
    KeptScores(Counting(), tmp_path).score([("a", "b")])
    other = Counting()
    other.digest = "2"
    KeptScores(other, tmp_path).score([("a", "b")])
    assert other.asked == [("a", "b")]

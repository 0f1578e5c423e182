"""Equation 1 over two scorers: exact arithmetic, each pair asked once, nothing missing becomes 0."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcloud.errors import ModelError
from endcloud.scoring.dual import DualScorer
from endcloud.types import Score

UNIT = st.floats(0, 1)


class TableScorer:
    """A scorer that looks pairs up; what it does not know it cannot judge."""

    digest = "0123456789abcdef"
    range = (0.0, 1.0)

    def __init__(self, name: str, table: dict[tuple[str, str], float | None]) -> None:
        self.name = name
        self.table = table
        self.asked: list[tuple[str, str]] = []

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[float | None]:
        self.asked += pairs
        return [self.table.get(pair) for pair in pairs]


def scorer(
    similarity: dict[tuple[str, str], float | None], relevance: dict[tuple[str, str], float | None]
) -> DualScorer:
    return DualScorer(TableScorer("alike", similarity), TableScorer("apt", relevance))


def test_the_papers_weights_join_the_two_scores() -> None:
    dual = scorer({("满59包邮", "满59元包邮"): 0.9}, {("包邮吗", "满59包邮"): 0.5, ("包邮吗", "满59元包邮"): 0.7})
    [score] = dual.score_all(["包邮吗"], ["满59包邮"], ["满59元包邮"])
    assert (score.similarity, score.relevance, score.cloud_relevance) == (0.9, 0.5, 0.7)
    assert dual.final(score) == pytest.approx(0.8 * 0.9 + 0.2 * 0.5)
    assert dual.rule(score) == "weighted"
    assert score.scorers == ("alike@0123456789ab", "apt@0123456789ab")


@pytest.mark.parametrize(
    ("cloud_relevance", "rule", "final"), [(0.1999, "similarity only", 0.9), (0.2, "weighted", 0.72)]
)
def test_below_theta_similarity_stands_alone(cloud_relevance: float, rule: str, final: float) -> None:
    dual = scorer({("a", "b"): 0.9}, {("q", "a"): 0.0, ("q", "b"): cloud_relevance})
    [score] = dual.score_all(["q"], ["a"], ["b"])
    assert dual.rule(score) == rule
    assert dual.final(score) == pytest.approx(final)


@given(UNIT, UNIT, UNIT, UNIT, UNIT)
def test_the_final_score_lies_between_its_parts(s: float, r: float, c: float, alpha: float, theta: float) -> None:
    final = Score(s, r, c).final(alpha, theta)
    assert final is not None
    assert min(s, r) - 1e-12 <= final <= max(s, r) + 1e-12


def test_recurring_pairs_are_asked_once() -> None:
    dual = scorer({("a", "c"): 0.5, ("b", "c"): 0.4}, {("q", "a"): 0.5, ("q", "b"): 0.5, ("q", "c"): 0.5})
    scores = dual.score_all(["q"] * 5, ["a", "a", "b", "a", "b"], ["c"] * 5)
    assert [score.similarity for score in scores] == [0.5, 0.5, 0.4, 0.5, 0.4]
    assert isinstance(dual.similarity, TableScorer) and isinstance(dual.relevance, TableScorer)
    assert sorted(dual.similarity.asked) == [("a", "c"), ("b", "c")]
    assert sorted(dual.relevance.asked) == [("q", "a"), ("q", "b"), ("q", "c")]


@pytest.mark.parametrize(("end", "cloud"), [(None, "c"), ("a", None), (None, None), ("unknown", "c")])
def test_a_missing_part_makes_the_score_incomplete(end: str | None, cloud: str | None) -> None:
    dual = scorer({("a", "c"): 0.5}, {("q", "a"): 0.5, ("q", "c"): 0.5})
    [score] = dual.score_all(["q"], [end], [cloud])
    assert dual.rule(score) == "incomplete"
    assert dual.final(score) is None


def test_a_number_that_is_none_is_missing() -> None:
    dual = scorer({("a", "c"): float("nan")}, {("q", "a"): 0.5, ("q", "c"): 0.5})
    [score] = dual.score_all(["q"], ["a"], ["c"])
    assert score.similarity is None


def test_a_scorer_of_another_range_is_refused() -> None:
    logits = TableScorer("logits", {})
    logits.range = (-10.0, 10.0)
    with pytest.raises(ModelError, match=r"'logits' states the range \(-10.0, 10.0\)"):
        DualScorer(TableScorer("alike", {}), logits)


def test_a_scorer_that_leaves_its_range_is_caught() -> None:
    with pytest.raises(ModelError, match=r"'alike' gave 1.7, outside its stated range"):
        scorer({("a", "c"): 1.7}, {}).score_all(["q"], ["a"], ["c"])


def test_alpha_must_be_a_share() -> None:
    with pytest.raises(ModelError, match=r"alpha of the final score is 1\.5"):
        DualScorer(TableScorer("a", {}), TableScorer("b", {}), alpha=1.5)


def test_progress_counts_the_pairs_that_are_asked() -> None:
    counted: dict[str, list[int]] = {}

    class Counting:
        def say(self, sentence: str) -> None: ...

        @contextmanager
        def task(self, name: str, total: int | None, unit: str) -> Iterator[Counting]:
            self.steps = counted.setdefault(name, [])
            assert total == (1200 if name == "alike" else 1201)
            yield self

        def advance(self, steps: int = 1, **figures: float | str) -> None:
            self.steps.append(steps)

    replies: list[str | None] = [f"reply {i}" for i in range(1200)]
    scores = scorer({}, {}).score_all(["q"] * 1200, replies, ["c"] * 1200, Counting())
    assert len(scores) == 1200
    assert {name: sum(steps) for name, steps in counted.items()} == {"alike": 1200, "apt": 1201}
    assert len(counted["alike"]) > 1

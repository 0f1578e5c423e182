"""Response selection: ranks, ties, and draws that neither repeat nor give the answer away."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from endcloud.scoring.response_selection import Choice, Context, chance, select, with_others
from endcloud.testing.silent_progress import SilentProgress


class Told:
    """A scorer that looks its scores up; 0.5 for what it was not told."""

    name, digest, range = "told", "1", (0.0, 1.0)

    def __init__(self, scores: dict[str, float | None]) -> None:
        self._scores = scores

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[float | None]:
        return [self._scores.get(reply, 0.5) for _, reply in pairs]


def contexts(number: int, to_a_dialogue: int = 1) -> list[Context]:
    return [Context(f"d{i // to_a_dialogue}", f"q{i}", f"r{i}") for i in range(number)]


def test_others_come_from_other_dialogues_and_are_drawn_alike_each_time() -> None:
    given = contexts(40, to_a_dialogue=2)
    choices = with_others(given)
    assert [choice.query for choice in choices] == [context.query for context in given]
    for number, choice in enumerate(choices):
        assert len(set(choice.candidates)) == 10
        assert choice.candidates[0] == f"r{number}"
        assert f"r{number ^ 1}" not in choice.candidates
    assert with_others(given) == choices
    assert with_others(given, seed=1) != choices


def test_a_reply_that_recurs_is_never_its_own_rival() -> None:
    given = [*contexts(12), *(Context(f"x{i}", "在吗", "在的") for i in range(12))]
    assert all(choice.candidates.count("在的") == (1 if choice.query == "在吗" else 0) or choice.query != "在吗"
               for choice in with_others(given))  # fmt: skip
    assert all("在的" not in choice.candidates[1:] for choice in with_others(given) if choice.query == "在吗")


def test_too_few_replies_leave_the_context_out() -> None:
    assert with_others(contexts(9)) == []


def test_recall_and_mean_reciprocal_rank() -> None:
    choices = [
        Choice("a", "q1", ("right", "low", "lower")),  # rank 1
        Choice("b", "q2", ("low", "right", "lower")),  # rank 2
    ]
    found = select(Told({"right": 0.9, "low": 0.4, "lower": 0.1}), choices, SilentProgress()).measures
    assert found["R3@1"].mean == pytest.approx(0.5)
    assert found["R3@2"].mean == pytest.approx(1.0)
    assert found["MRR"].mean == pytest.approx((1 + 1 / 2) / 2)


def test_a_scorer_that_always_says_the_same_gets_what_a_coin_gets() -> None:
    found = select(Told({}), with_others(contexts(60)), SilentProgress()).measures
    assert {name: measure.mean for name, measure in found.items()} == pytest.approx(chance(10))
    assert chance(2) == {"R2@1": 0.5}
    assert chance(10)["MRR"] == pytest.approx(0.2929, abs=1e-4)


def test_what_cannot_be_judged_is_missing_and_not_wrong() -> None:
    choices = [Choice("a", "q", ("right", "none")), Choice("b", "q", ("right", "low"))]
    found = select(Told({"right": 0.9, "none": None, "low": 0.1}), choices, SilentProgress()).measures["R2@1"]
    assert (found.mean, found.n, found.missing) == (1.0, 1, 1)

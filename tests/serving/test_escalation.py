"""The calibrated decision: what it learns, that its probabilities are true, how it is kept, what it refuses."""

import json
import random
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from endcloud.errors import EndcloudError, UsageError
from endcloud.serving.confidence import Evidence
from endcloud.serving.escalation import EARLY, LATE, WHOLE, Calibrated, features_of
from endcloud.serving.estimator_fitting import check, cross_fitted, fit, probabilities
from endcloud.serving.nearness import NearnessIndex
from endcloud.serving.scored_exchange import Exchange
from endcloud.types import Drawn


def exchanges(number: int, seed: int) -> list[Exchange]:
    """Replies that are acceptable the more often the surer the model was and the nearer the query lay."""
    draw = random.Random(seed)
    made = []
    for at in range(number):
        near, doubt, length = draw.random(), draw.expovariate(1.5), draw.randint(3, 20)
        drawn = tuple(Drawn(-doubt * draw.random(), 4 * draw.random() / (0.3 + doubt)) for _ in range(length))
        right = draw.random() < 1 / (1 + np.exp(-(4 * near - 3 * doubt)))
        made.append(
            Exchange("问" * draw.randint(2, 9), "答" * length, drawn, near, near, right, True, "", str(at // 2))
        )
    return made


@pytest.fixture(scope="module")
def decision() -> Calibrated:
    return fit(exchanges(300, 1), 4, 0.7, (8,))


@pytest.mark.parametrize("held_back", [1, WHOLE])
def test_probabilities_of_unseen_replies_are_true_and_tell_right_from_wrong(held_back: int) -> None:
    unseen = exchanges(2000, 2)
    found = probabilities(fit(exchanges(1200, 1), held_back, 0.5), unseen)
    right = np.array([one.acceptable for one in unseen])
    for low in (0.0, 0.25, 0.5, 0.75):
        some = (found >= low) & (found < low + 0.25)
        if some.sum() > 50:
            assert abs(found[some].mean() - right[some].mean()) < 0.1
    assert found[right].mean() - found[~right].mean() > 0.25


def test_cross_fitting_is_no_better_than_a_fresh_test() -> None:
    seen, unseen = exchanges(400, 3), exchanges(1000, 4)
    fresh = probabilities(fit(seen, 4, 0.5), unseen)
    crossed = cross_fitted(seen, 4)

    def loss(found: Any, some: list[Exchange]) -> float:
        return float(np.mean([(p - one.acceptable) ** 2 for p, one in zip(found, some, strict=True)]))

    assert abs(loss(crossed, seen) - loss(fresh, unseen)) < 0.04
    assert crossed.min() >= 0 and crossed.max() <= 1


def test_what_is_kept_as_json_decides_the_same(decision: Calibrated) -> None:
    again = Calibrated.from_json(decision.to_json({"note": "店"}))
    assert again == decision
    assert (again.held_back, again.accept) == (4, 0.7)


def test_whole_replies_survive_being_kept() -> None:
    again = Calibrated.from_json(fit(exchanges(200, 5), WHOLE, 0.5).to_json({}))
    assert again.held_back == WHOLE


def test_an_operator_may_hold_back_another_number_of_tokens(decision: Calibrated) -> None:
    one = exchanges(1, 9)[0]
    long = replace(one, drawn=tuple(Drawn(-0.1, 3.0) for _ in range(40)))
    for tokens in (1, 3, 5, 30):
        assert 0 < replace(decision, held_back=tokens).estimate(long.evidence(tokens)) < 1
    by_eight = dict(decision.early)[8].probability(features_of(long.evidence(9)))
    assert decision.estimate(long.evidence(9)) == by_eight


def test_a_reply_of_which_nothing_is_known_gets_a_probability_all_the_same(decision: Calibrated) -> None:
    for whole in (True, False):
        assert 0 <= decision.estimate(Evidence("", "", (), whole)) <= 1
    odd = (Drawn(float("-inf"), float("inf")), Drawn(0.5, -1.0))
    assert 0 <= decision.estimate(Evidence("问", "答", odd, True, 2.0, None)) <= 1


def test_features_have_names() -> None:
    evidence = Evidence("问", "答", (Drawn(-0.1, 2.0),), False)
    assert len(features_of(evidence)) == len(EARLY)
    assert len(features_of(replace(evidence, whole=True))) == len(LATE)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data.update(format=2),
        lambda data: data.update(accept=1.5),
        lambda data: data.update(early={}),
        lambda data: data.update(early={"four": data["late"]}),
        lambda data: data["late"]["weights"].pop(),
        lambda data: data["late"].update(bias=float("nan")),
        lambda data: data["late"]["scale"].__setitem__(0, 0.0),
        lambda data: data["late"]["at"].reverse(),
        lambda data: data["late"]["share"].__setitem__(0, 1.2),
        lambda data: data["early"]["4"].pop("mean"),
        lambda data: data.update(late=None),
    ],
)
def test_a_damaged_file_is_refused_with_what_helps(decision: Calibrated, damage: Any) -> None:
    data = json.loads(decision.to_json({}))
    damage(data)
    with pytest.raises(EndcloudError, match="endcloud calibrate routes"):
        Calibrated.from_json(json.dumps(data))


@pytest.mark.parametrize("text", ["", "[]", "null", '{"format": 1', "3"])
def test_what_is_no_calibration_is_refused(text: str) -> None:
    with pytest.raises(EndcloudError, match="cannot be read"):
        Calibrated.from_json(text)


def test_too_few_of_a_kind_are_refused() -> None:
    some = [replace(one, acceptable=number > 5) for number, one in enumerate(exchanges(100, 6))]
    with pytest.raises(UsageError, match="94 are acceptable and 6 are not"):
        check(some)
    with pytest.raises(UsageError, match="fewer than 5 dialogues"):
        check([replace(one, group="one") for one in exchanges(100, 7)])


def test_deciding_needs_no_scikit_learn() -> None:
    code = "import sys, endcloud.serving.escalation; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], check=True, timeout=60, capture_output=True, text=True)
    loaded = set(ran.stdout.split())
    assert "endcloud.serving.escalation" in loaded and not {"sklearn", "numpy", "torch"} & loaded


def test_nearness_knows_what_was_trained_and_what_was_not() -> None:
    index = NearnessIndex(["浴巾多少钱", "几天能到杭州", "满多少包邮"])
    assert index.nearness("浴巾多少钱") == pytest.approx(1.0)
    assert index.nearness("浴巾多少钱呀") > index.nearness("手机壳多少钱呀") > index.nearness("头疼挂哪科") >= 0
    assert index.nearness("xyz") == 0.0
    assert index.nearness("") == 0.0

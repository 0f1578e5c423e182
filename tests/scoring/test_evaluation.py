"""Evaluation: every reply kept with its parts, parts of the data apart, missing left out and counted."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from endcloud.scoring.dual import DualScorer
from endcloud.scoring.evaluation import FINAL, GREEDY, SAMPLED, Evaluation, Item, Replies, evaluate


class Equality:
    """1 for equal texts, else 0.5."""

    name = "equality"
    digest = "e" * 64
    range = (0.0, 1.0)

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[float | None]:
        return [1.0 if a == b else 0.5 for a, b in pairs]


ITEMS = [
    Item("1", "多少包邮", recorded="满59包邮", cloud="满59元包邮", dialogue="d1"),
    Item("2", "几天到", recorded=None, cloud="3天", dialogue="d1"),
    Item("3", "退货", recorded="可以", cloud=None, dialogue="d2"),
    Item("4", "多久发货", cloud="24小时", part="unseen patterns"),
]
REPLIES = {
    "base": Replies(["您好", "您好", "您好", None]),
    "LoRA": Replies(
        ["满59元包邮", "3天", "可以", "24小时"],
        {1: ["满59元包邮", "5天", "可以", "24小时"], 2: ["您好", "3天", "可以", "24小时"]},
    ),
}


def run() -> Evaluation:
    measures = {"right": lambda item, reply: None if item.cloud is None else reply == item.cloud}
    return evaluate(ITEMS, REPLIES, DualScorer(Equality(), Equality()), measures=measures, resamples=200)


def test_each_reply_keeps_its_parts_and_rule() -> None:
    evaluation = run()
    assert len(evaluation.results) == 4 * (1 + 3)
    first = evaluation.of("test split", "LoRA")[0]
    assert (first.score.similarity, first.score.relevance, first.rule) == (1.0, 0.5, "weighted")
    assert first.final == pytest.approx(0.8 * 1.0 + 0.2 * 0.5)


def test_an_item_without_a_cloud_reply_is_left_out_of_the_mean_and_counted() -> None:
    mean = run().mean("base")
    assert mean is not None
    assert (mean.mean, mean.n, mean.missing) == (pytest.approx(0.5), 2, 1)
    assert run().rules("test split", "base") == {"weighted": 2, "incomplete": 1}


def test_a_version_that_gave_no_reply_has_no_mean_there() -> None:
    assert run().mean("base", part="unseen patterns") is None
    assert run().mean("LoRA", part="unseen patterns") is not None


def test_parts_are_never_mixed() -> None:
    evaluation = run()
    assert evaluation.parts == ("test split", "unseen patterns")
    assert {summary.interval.n + summary.interval.missing for summary in evaluation.summaries} == {3, 1}


def test_overlap_is_measured_only_against_a_recorded_reply() -> None:
    mean = run().mean("LoRA", "ROUGE-L")
    assert mean is not None
    assert mean.n == 2
    assert run().mean("LoRA", "BLEU-4", part="unseen patterns") is None


def test_the_callers_measure_gets_an_interval_and_its_none_is_missing() -> None:
    right = run().mean("LoRA", "right")
    assert right is not None
    assert (right.mean, right.n, right.missing) == (1.0, 2, 1)


def test_sampling_is_the_mean_over_seeds_item_by_item() -> None:
    evaluation = run()
    assert evaluation.decodings == (GREEDY, "seed 1", "seed 2", SAMPLED)
    sampled = evaluation.mean("LoRA", "right", decoding=SAMPLED)
    assert sampled is not None
    assert sampled.mean == pytest.approx((0.5 + 0.5) / 2)
    assert evaluation.mean("base", decoding=SAMPLED) is None


def test_differences_are_paired_to_the_base_and_between_versions() -> None:
    evaluation = evaluate(
        ITEMS, REPLIES | {"P-Tuning v2": REPLIES["LoRA"]}, DualScorer(Equality(), Equality()), resamples=200
    )
    pairs = {(d.first, d.second) for d in evaluation.differences}
    assert pairs == {("LoRA", "base"), ("P-Tuning v2", "base"), ("P-Tuning v2", "LoRA")}
    [gain] = [
        d.interval
        for d in evaluation.differences
        if (d.part, d.first, d.second, d.measure, d.decoding) == ("test split", "LoRA", "base", FINAL, GREEDY)
    ]
    assert gain.mean == pytest.approx(0.4)


def test_replies_must_match_items() -> None:
    with pytest.raises(ValueError, match=r"'LoRA' \(greedy\) has 1 replies for 4 items"):
        evaluate(ITEMS, {"LoRA": Replies(["a"])}, DualScorer(Equality(), Equality()))
    with pytest.raises(ValueError, match="ids that recur"):
        evaluate([ITEMS[0], ITEMS[0]], {}, DualScorer(Equality(), Equality()))

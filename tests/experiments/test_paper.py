"""The paper's plan scales, its printed figures stay apart, and the reading follows from the figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from endcloud.errors import SourceError
from endcloud.experiments.dialogue_picture import breadth, dialogue_picture, wrapped
from endcloud.experiments.paper_plan import queries, scaled, version_name
from endcloud.experiments.paper_report import PAPER, CloudRun, PaperRun, as_markdown
from endcloud.experiments.printed import Printed, read_printed
from endcloud.experiments.reading import claims, order_agreement, verdicts
from endcloud.scoring.dual import DualScorer
from endcloud.scoring.evaluation import LISTED, Evaluation, Item, Replies, evaluate
from endcloud.testing.overlap_scorer import OverlapScorer
from endcloud.types import Message

KEYS = [("Prefix-Tuning", 3000), ("P-Tuning v2", 3000), ("LoRA", 3000), ("LoRA", 5000), ("LoRA", 15000)]
NAMES = {key: f"{key[0]} {key[1]}" for key in KEYS}
CLOUD = "亲，满59元包邮哦"


def evaluation() -> Evaluation:
    """LoRA says more of the cloud's words the longer it learned; the others say none."""
    items = [Item(f"t{n}", "邮费怎么算", None, CLOUD) for n in range(8)]
    items += [Item(f"q{n}", query.chinese, None, CLOUD, LISTED) for n, query in enumerate(queries())]
    said = {"base": "不知道", NAMES[KEYS[0]]: "不知道", NAMES[KEYS[1]]: "不清楚"}
    said |= {NAMES["LoRA", 3000]: "满59", NAMES["LoRA", 5000]: "满59元包邮", NAMES["LoRA", 15000]: CLOUD}
    replies = {name: Replies([text] * 14, {1: [text] * 14}) for name, text in said.items()}
    scorer = OverlapScorer()
    return evaluate(items, replies, DualScorer(scorer, scorer), resamples=50)


def run(printed: Printed | None = None) -> PaperRun:
    cloud = (CloudRun("before the prompt", (CLOUD,) * 6), CloudRun("N = 500", (None,) * 6))
    data = {"cloud": NAMES["LoRA", 3000]}
    return PaperRun(queries(), printed or Printed(), cloud, evaluation(), NAMES, data, (), ("About.",), {"train": 1.0})


def test_steps_scale_and_names_tell_both() -> None:
    assert [scaled(steps, 0.1) for steps in (3000, 5000, 15000)] == [300, 500, 1500]
    assert scaled(3000, 1e-6) == 1
    assert version_name("LoRA", 3000, 1) == "LoRA 3000" and version_name("LoRA", 3000, 0.1) == "LoRA 300 (for 3000)"


def test_six_queries_of_which_five_are_axes_and_one_is_allowed() -> None:
    asked = queries()
    assert len(asked) == 6 and sum(query.radar for query in asked) == 5
    assert [query.chinese for query in asked if query.allowed] == ["520401029636"]
    assert all(query.english for query in asked)


def test_the_report_has_the_tables_and_no_number_of_the_paper() -> None:
    report = as_markdown(run())
    for title in ("Table III", "Table V: ", "Table VI", "Reading", "Natural, cloud, or both"):
        assert title in report
    assert PAPER not in report and "could not be looked up" in report


PRINTED = "".join(f'[[query]]\nenglish = "Query {n} as printed"\nafter = "A{n}"\n' for n in range(6))


def test_printed_figures_stand_in_columns_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "printed.toml"
    path.write_text(
        PRINTED + '[scores]\n"base" = [0.11, 0.12, 0.13, 0.14, 0.15, 0.16]\n"LoRA 3000" = [1, 1, 1, 1, 1, 1]\n'
    )
    printed, sent = read_printed(path, queries())
    assert sent == queries()
    with_paper, without = as_markdown(run(printed)), as_markdown(run())
    assert f"{PAPER}LoRA 3000" in with_paper and "Query 3 as printed" in with_paper and "0.150" in with_paper
    means = [line for line in without.splitlines() if "whole test split" in line]
    assert all(line in with_paper.replace(" |  |  |", " |") for line in means), "ours must not change"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[query]]\nenglish = 'a'\n", "1 \\[\\[query\\]\\] tables"),
        (PRINTED.replace("english", "englisch", 1), "englisch"),
        (PRINTED + "[scores]\nbase = [1, 2]\n", "base"),
        ("not toml", "cannot be read"),
    ],
)
def test_a_file_of_printed_figures_that_does_not_fit_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "printed.toml"
    path.write_text(text)
    with pytest.raises(SourceError, match=said):
        read_printed(path, queries())


def test_the_reading_follows_from_paired_differences() -> None:
    rows = verdicts(evaluation(), claims(NAMES))
    verdict = {claim.split(":")[0] + claim.split(":")[1]: seen for claim, _, seen in rows}
    assert verdict["LoRA gains from 3000 to 5000 steps LoRA 5000 − LoRA 3000"] == "seen here"
    assert verdict["fine-tuning helps Prefix-Tuning 3000 − base"].startswith("not decided")
    [opposite] = verdicts(evaluation(), [("x", "base", NAMES["LoRA", 15000])])
    assert opposite[1].startswith("-") and opposite[2] == "the opposite is seen"


def test_order_agreement_needs_three_versions_of_both() -> None:
    assert "1.00" in order_agreement({"a": 0.1, "b": 0.2, "c": 0.3}, {"a": 1, "b": 2, "c": 3, "d": 4})
    assert order_agreement({"a": 0.1, "b": 0.2}, {"a": 1, "b": 2}) == ""


def test_a_dialogue_is_drawn_with_every_word(tmp_path: Path) -> None:
    long = "我想问一下这个商品什么时候可以发货，因为我下周就要出门了，赶不上就不买了。"
    drawn = dialogue_picture([Message("user", long), Message("assistant", "")], tmp_path, end="LoRA 300")
    svg = next(path for path in drawn.files if path.name == "dialogue-light.svg").read_text()
    assert all(line in svg for line in wrapped(long)) and "LoRA 300" in svg
    assert "".join(wrapped(long)) == long and max(map(breadth, wrapped(long))) <= 24
    assert len(drawn.files) == 4

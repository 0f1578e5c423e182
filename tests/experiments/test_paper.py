"""The paper's plan scales, its printed figures stay apart, and the reading follows from the figures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from endcloud.errors import SourceError
from endcloud.experiments.dialogue_picture import breadth, dialogue_picture, wrapped
from endcloud.experiments.paper_plan import Query, queries, scaled, version_name
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


def evaluation(seeds: int = 1) -> Evaluation:
    """LoRA says more of the cloud's words the longer it learned; the others say none."""
    items = [Item(f"t{n}", "邮费怎么算", None, CLOUD, dialogue=f"d{n // 2}") for n in range(8)]
    items += [Item(f"q{n}", query.chinese, None, CLOUD, LISTED) for n, query in enumerate(queries())]
    said = {"base": "不知道", NAMES[KEYS[0]]: "不知道", NAMES[KEYS[1]]: "不清楚"}
    said |= {NAMES["LoRA", 3000]: "满59", NAMES["LoRA", 5000]: "满59元包邮", NAMES["LoRA", 15000]: CLOUD}
    replies = {
        name: Replies([text] * 14, {seed: [text] * 14 for seed in range(1, seeds + 1)}) for name, text in said.items()
    }
    scorer = OverlapScorer()
    return evaluate(items, replies, DualScorer(scorer, scorer), resamples=50)


def run(printed: Printed | None = None, *, examples: int = 8, seeds: int = 1) -> PaperRun:
    cloud = (CloudRun("before the prompt", (CLOUD,) * 6), CloudRun("N = 500", (None,) * 6))
    data = {"natural": NAMES["Prefix-Tuning", 3000], "cloud": NAMES["LoRA", 3000], "both": NAMES["LoRA", 5000]}
    found = evaluation(seeds)
    seconds = {"train": 1.0}
    return PaperRun(
        queries(), printed or Printed(), cloud, found, NAMES, data, (), ("About.",), seconds, test_examples=examples
    )


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


def test_a_limited_run_says_how_much_it_judged() -> None:
    whole, limited = as_markdown(run()), as_markdown(run(examples=322))
    assert "whole test split (8) |" in whole and "Judged on the whole test split (8), from 4 dialogues" in whole
    assert "8 of 322 test examples |" in limited and "whole test split" not in limited
    assert "Judged on 8 of 322 test examples, limited by `--limit 8`, from 4 dialogues" in limited


def test_the_report_claims_no_more_than_was_run() -> None:
    report = as_markdown(run())
    assert "One sampled reply (temperature" in report and "Mean of 2 sampled replies" in as_markdown(run(seeds=2))
    assert "## Seconds of this run" in report and "was not made again" in report


def test_the_kinds_of_data_are_compared_in_pairs() -> None:
    rows = {
        claim.split(":")[0]: (difference, seen)
        for claim, difference, seen in verdicts(evaluation(), claims(NAMES, run().data))
    }
    assert rows["cloud replies teach more than recorded replies"][1] == "seen here"
    assert rows["both kinds teach more than cloud replies"][0].startswith("+")
    assert "both kinds teach more than recorded replies" in as_markdown(run())


PRINTED = "".join(f'[[query]]\nenglish = "Query {n} as printed"\nafter = "A{n}"\n' for n in range(6))


def test_printed_figures_stand_in_columns_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "printed.toml"
    path.write_text(
        PRINTED + '[scores]\n"base" = [0.11, 0.12, 0.13, 0.14, 0.15, 0.16]\n"LoRA 3000" = [1, 1, 1, 1, 1, 1]\n'
    )
    printed, sent = read_printed(path, queries())
    assert [query.chinese for query in sent] == [query.chinese for query in queries()]
    with_paper, without = as_markdown(run(printed)), as_markdown(run())
    assert f"{PAPER}LoRA 3000" in with_paper and "Query 3 as printed" in with_paper and "0.150" in with_paper
    means = [line for line in without.splitlines() if "whole test split" in line]
    assert all(line in with_paper.replace(" |  |  |", " |") for line in means), "ours must not change"


NUMBER, PHONE = "520401029636", "我的手机号是13812345678，麻烦改一下"


def asked_with(tmp_path: Path, *rows: str) -> tuple[Query, ...]:
    """What is sent where the last rows of the six are these."""
    filled = [f'english = "Query {n} as printed"\nchinese = "第{n}问"' for n in range(6 - len(rows))]
    path = tmp_path / "printed.toml"
    path.write_text("".join(f"[[query]]\n{row}\n" for row in (*filled, *rows)))
    return read_printed(path, queries())[1]


def test_only_the_number_itself_is_allowed_wherever_it_stands(tmp_path: Path) -> None:
    moved = f'english = "A number"\nchinese = "{NUMBER}"'
    sent = asked_with(tmp_path, moved, 'english = "A"\nchinese = "问"', f'english = "My phone"\nchinese = "{PHONE}"')
    assert [query.chinese for query in sent if query.allowed] == [NUMBER] and sent[3].allowed
    assert [query.chinese for query in sent if not query.radar] == [NUMBER]
    assert sent[5].chinese == PHONE and sent[5].english == ""
    assert not any(query.allowed for query in asked_with(tmp_path, f'english = "My phone"\nchinese = "{PHONE}"'))
    again = asked_with(tmp_path, f'english = "{NUMBER}"\nradar = true', 'english = "A"\nchinese = "问"')
    assert again[4].chinese == NUMBER and again[4].allowed and again[4].radar and again[4].rendering


def test_what_is_ours_and_no_rendering_is_marked(tmp_path: Path) -> None:
    path = tmp_path / "printed.toml"
    path.write_text(PRINTED.replace("Query 0 as printed", NUMBER).replace("after", 'chinese = "新问题"\nafter', 1))
    _, sent = read_printed(path, queries())
    assert [query.rendering for query in sent] == [True, *[False] * 5]
    path.write_text(PRINTED.replace("Query 0 as printed", NUMBER))
    printed, sent = read_printed(path, queries())
    assert sent[0].chinese == NUMBER and sent[0].rendering and len({query.chinese for query in sent}) == 6
    assert not any(query.rendering for query in sent[1:])
    report = as_markdown(replace(run(printed), queries=sent))
    assert f"| Q2 | {sent[1].chinese} (ours, not a rendering) |" in report and f"| Q1 | {NUMBER} |" in report
    assert "no rendering of the paper's English" in report and "no rendering" not in as_markdown(run())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[query]]\nenglish = 'a'\n", "1 \\[\\[query\\]\\] tables"),
        (PRINTED.replace("english", "englisch", 1), "englisch"),
        (PRINTED + "[scores]\nbase = [1, 2]\n", "base"),
        ("not toml", "cannot be read"),
        (PRINTED + '[scores]\n"LoRA 3000" = [0, 0, 1.6, 0, 0, 0]\n', "Score 3 of 'LoRA 3000' .* is 1.6"),
        (PRINTED + "[scores]\nbase = [0, nan, 0, 0, 0, 0]\n", "Score 2 of 'base' .* is nan"),
        (PRINTED + "[scores]\nbase = [0, 0, 0, 0, 0, inf]\n", "Score 6 of 'base' .* is inf"),
        (PRINTED + "[scores]\nbase = [true, 0, 0, 0, 0, 0]\n", "Score 1 of 'base' .* is True"),
        (PRINTED + "[scores]\nlora = [0, 0, 0, 0, 0, 0]\n", "version 'lora'.*'LoRA 3000'"),
        (PRINTED + "[score]\nbase = [0, 0, 0, 0, 0, 0]\n", "has 'score'"),
        (PRINTED.replace("after", "chinese = 5\nafter", 1), "Query 1 .* has 5 as chinese"),
        (PRINTED.replace("after", "radar = 'no'\nafter", 1), "Query 1 .* has 'no' as radar"),
        ("scores = 1\n" + PRINTED, "are 1; give a table"),
        ("query = [1, 2, 3, 4, 5, 6]\n", "Query 1 .* is 1"),
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

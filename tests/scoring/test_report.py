"""The results folder: complete, readable, nothing in a reply becomes markup, and each file whole."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from endcloud import whole_files
from endcloud.bootstrap import Interval
from endcloud.scoring import report
from endcloud.scoring.curves import Convergence, CurvePoint
from endcloud.scoring.dual import DualScorer
from endcloud.scoring.evaluation import LISTED, Evaluation, Item, Replies, evaluate
from endcloud.scoring.quality import Quality

WILD = "亲|<img src=x onerror=alert(1)>\n[点我](javascript:x) `code` **b** ![a](b)"


class Length:
    """Scores by how alike the lengths are."""

    name, digest, range = "stand-in length", "a1" * 32, (0.0, 1.0)

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[float | None]:
        return [min(len(a), len(b)) / max(len(a), len(b), 1) for a, b in pairs]


def evaluation() -> Evaluation:
    split = [Item(f"t{i}", f"问题{i}", f"人工回复{i}", f"云端回复{i}", dialogue=f"d{i // 2}") for i in range(6)]
    listed = [Item(f"q{i}", f"列出的问题{i}", None, "云端", part=LISTED) for i in range(3)]
    unseen = [Item("u0", "新问题", None, None, part="unseen patterns")]
    replies = {
        "base": Replies(["您好"] * 9 + [None]),
        "LoRA": Replies(["云端回复的样子"] * 8 + [WILD, "好"], {1: ["好"] * 10, 2: ["好的"] * 10}),
    }
    measures = {"right": lambda item, reply: "云端" in reply}
    return evaluate(
        [*split, *listed, *unseen], replies, DualScorer(Length(), Length()), measures=measures, resamples=100
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("results") / "evaluation"
    written = report.write(
        evaluation(),
        directory,
        title="The shop",
        qualities=[Quality("stand-in length", "a1", 0.91, 10, 20, 0, {"wrong number": 0.55})],
        learning={"LoRA": [CurvePoint(8, Interval(0.5, 0.4, 0.6, 9)), CurvePoint(64, Interval(0.8, 0.7, 0.9, 9))]},
        training={"LoRA": Convergence([(1, 2.0), (2, 1.0)], [(0, 0.1), (2, 0.8)])},
        notes=["A note of the caller."],
    )
    assert all(path.is_file() for path in written.files)
    assert sorted(directory.iterdir()) == sorted(written.files)  # nothing temporary is left behind
    return directory


def test_the_folder_holds_tables_rows_values_and_pictures(folder: Path) -> None:
    names = {path.name for path in folder.iterdir()}
    assert {"report.md", "results.csv", "results.json"} <= names
    for chart in ("radar", "bars", "learning-curve", "convergence"):
        assert {f"{chart}-{theme}.{suffix}" for theme in ("light", "dark") for suffix in ("svg", "png")} <= names


def test_every_picture_that_the_report_shows_exists(folder: Path) -> None:
    text = (folder / "report.md").read_text(encoding="utf-8")
    shown = [line.split('"')[3] for line in text.splitlines() if "<img" in line or "<source" in line]
    assert len(shown) == 8
    assert all((folder / name).is_file() for name in shown)


def test_the_report_has_the_papers_tables_and_what_the_paper_lacks(folder: Path) -> None:
    text = (folder / "report.md").read_text(encoding="utf-8")
    for heading in (
        "# The shop", "## At a glance", "## Means: test split (6 queries)", "## Means: unseen patterns (1 queries)",
        "## Score by query and version (Table VI)", "## Replies side by side (Table V)", "## Paired differences",
        "## Which rule applied", "## Scorers", "## Notes",
    ):  # fmt: skip
        assert heading in text
    assert "| Q1 | 列出的问题0 |" in text
    assert "| LoRA | " in text and "Final score by seed:" in text
    assert "stand-in length@a1a1a1a1a1a1" in text
    assert "Poor, so do not rely on it there: stand-in length on wrong number (0.55)." in text
    assert "A note of the caller." in text
    assert "The scorers are stand-ins" in text
    assert "Without a final score and left out of its mean, never counted as 0: base 1, LoRA 1." in text


def test_nothing_in_a_reply_becomes_markup(folder: Path) -> None:
    text = (folder / "report.md").read_text(encoding="utf-8")
    [row] = [line for line in text.splitlines() if "onerror" in line]
    assert "<img src" not in row and "](" not in row and "**" not in row.replace("\\*", "")
    unescaped = row.replace("\\|", "")
    assert unescaped.count("|") == 6  # "", query, cloud, base, LoRA


def test_the_rows_read_back_as_they_were(folder: Path) -> None:
    with (folder / "results.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 10 * (1 + 3)
    [wild] = [row for row in rows if row["reply"] == WILD]
    assert (wild["id"], wild["version"], wild["decoding"], wild["rule"]) == ("q2", "LoRA", "greedy", "weighted")
    [missing] = [row for row in rows if row["id"] == "u0" and row["version"] == "base"]
    assert (missing["final score"], missing["rule"], missing["right"]) == ("", "incomplete", "")


def test_the_values_hold_every_part_of_every_score(folder: Path) -> None:
    values = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert len(values["results"]) == 40
    result = values["results"][0]
    assert {"similarity", "relevance", "cloud_relevance", "final_score", "rule"} <= set(result)
    assert (values["alpha"], values["threshold"]) == (0.8, 0.2)
    assert values["learning_curve"]["LoRA"][0]["labels"] == 8
    assert values["scorer_quality"][0]["by_kind"] == {"wrong number": 0.55}


def test_an_evaluation_without_listed_queries_shows_the_first_of_the_split(tmp_path: Path) -> None:
    whole = evaluate([Item("a", "问", "人", "云")], {"base": Replies(["云"])}, DualScorer(Length(), Length()))
    written = report.write(whole, tmp_path)
    text = written.report.read_text(encoding="utf-8")
    assert "| Q1 | 问 | 人 | 云 | 云 |" in text
    assert "radar" not in text  # one query makes no polygon


def test_an_evaluation_in_which_nothing_could_be_scored_is_still_written(tmp_path: Path) -> None:
    empty = evaluate([Item("a", "问")], {"base": Replies([None])}, DualScorer(Length(), Length()))
    text = report.write(empty, tmp_path).report.read_text(encoding="utf-8")
    assert "| test split | base | 0 | 0 | 1 |" in text


def test_a_file_is_whole_or_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = whole_files.write(tmp_path / "deep" / "file.txt", "old")

    def interrupted(self: Path, other: Path) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        whole_files.write(target, "new and longer")
    assert target.read_text(encoding="utf-8") == "old"
    assert list(target.parent.iterdir()) == [target]

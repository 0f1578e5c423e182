"""An evaluation becomes a blind sheet, and a filled sheet reviews in the store, once however often it is read."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from endcloud.assembly.kept_replies import KeptReplies
from endcloud.assembly.reviewing import agreement_text, prepare_review, read_review
from endcloud.assembly.shop import Shop
from endcloud.cli.profiles import make_shop
from endcloud.errors import SourceError, UsageError
from endcloud.scoring.dual import DualScorer
from endcloud.testing.overlap_scorer import OverlapScorer
from endcloud.testing.silent_progress import SilentProgress
from endcloud.types import Message, Review, Sampling


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    make_shop(tmp_path / "shop", "bundled")
    with Shop.open(tmp_path / "shop", SilentProgress()) as opened:
        yield opened


def evaluated(shop: Shop) -> None:
    """Results as `scoring.report` writes them, of two versions that agree on one of two queries."""
    items = [{"id": f"q{n}", "query": f"问题{n}", "cloud": "云", "part": "test split"} for n in range(2)]
    said = {"base": ["同", "不知道"], "LoRA 300": ["同", "三天"]}
    results = [
        {"item": f"q{n}", "version": name, "decoding": decoding, "reply": reply}
        for name, replies in said.items()
        for n, reply in enumerate(replies)
        for decoding in ("greedy", "seed 1")
    ]
    values = {"items": items, "results": results, "versions": [*said], "digests": {"base": "base", "LoRA 300": "abcd"}}
    folder = shop.directory.results / "evaluation-1"
    folder.mkdir(parents=True)
    (folder / "results.json").write_text(json.dumps(values))


def test_a_sheet_goes_out_and_comes_back(shop: Shop, tmp_path: Path) -> None:
    evaluated(shop)
    made = prepare_review(shop, form="csv")
    assert made.rows == 3 and made.key.parent != made.path.parent
    assert prepare_review(shop, form="page").sheet == made.sheet
    rows = list(csv.DictReader(made.path.read_text(encoding="utf-8-sig").splitlines()))
    filled = tmp_path / "filled.csv"
    with filled.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows({**row, "grade": "5" if row["reply"] == "三天" else "2", "reviewer": "小李"} for row in rows)
    assert len(read_review(shop, filled)) == 3
    before = shop.reviews.all()
    read_review(shop, filled)
    assert shop.reviews.all() == before
    assert {(review.reply, review.version, review.grade) for review in before} == {
        ("同", "abcd base", 2),
        ("不知道", "base", 2),
        ("三天", "abcd", 5),
    }


def test_few_judgements_are_reported_without_false_certainty(shop: Shop) -> None:
    shop.scorer = DualScorer(OverlapScorer(), OverlapScorer())
    now = datetime(2026, 1, 1, tzinfo=UTC)
    said = [("几天到", "三天", 5), ("几天到", "不知道", 1), ("包邮吗", "满59元包邮", 5), ("包邮吗", "没有", 1)]
    shop.reviews.add(
        [
            Review(f"r{n}", "s", query, reply, "三天到，满59元包邮", "base", "小李", grade, now)
            for n, (query, reply, grade) in enumerate(said)
        ]
    )
    text = agreement_text(shop)
    assert "4 judgements by 1 reviewer, given blind" in text
    assert "| Spearman | – |" in text and "| Cohen's κ | – |" in text
    assert "too few to give an interval" in text and "too few to fit to" in text


def test_what_is_missing_or_foreign_is_said(shop: Shop, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="endcloud evaluate"):
        prepare_review(shop)
    with pytest.raises(SourceError, match="holds no evaluation"):
        prepare_review(shop, results=tmp_path)
    foreign = tmp_path / "foreign.csv"
    foreign.write_text("sheet,row,reviewer,grade,note\n../../store,a,b,3,\n")
    with pytest.raises(SourceError, match="not prepared by this shop"):
        read_review(shop, foreign)
    with pytest.raises(SourceError, match="cannot be read"):
        read_review(shop, tmp_path / "nowhere.csv")


def test_replies_are_kept_for_the_very_same_question_only(tmp_path: Path) -> None:
    kept, asked = KeptReplies(tmp_path), list[str]()
    conversations = [(Message("user", "问"),)]

    def answer(text: str) -> Callable[[], list[str]]:
        def give() -> list[str]:
            asked.append(text)
            return [text]

        return give

    assert kept.of("lora", Sampling(), conversations, answer("一")) == ["一"]
    assert kept.of("lora", Sampling(), conversations, answer("二")) == ["一"]
    assert kept.of("lora", Sampling(seed=1), conversations, answer("三")) == ["三"]
    assert kept.of("base", Sampling(), conversations, answer("四")) == ["四"]
    for path in tmp_path.glob("*.json"):
        path.write_text("[")
    assert kept.of("lora", Sampling(), conversations, answer("五")) == ["五"]
    assert asked == ["一", "三", "四", "五"]

"""Windows, splits, canned lines and near-duplicates, each by itself."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from endcloud.corpus.boilerplate import LEAST, ReplyCounts
from endcloud.corpus.deduplication import DuplicateIndex, grams, jaccard, pair_text
from endcloud.corpus.splitting import fill_empty, split_of
from endcloud.corpus.windowing import windows
from endcloud.types import Message


def conversation(sides: str) -> list[Message]:
    return [Message("user" if side == "u" else "assistant", f"{side}{place}") for place, side in enumerate(sides)]


@pytest.mark.parametrize(
    ("sides", "turns", "expected"),
    [
        ("ua", 5, [(["u0"], "a1")]),
        ("auaua", 5, [(["u1"], "a2"), (["u1", "a2", "u3"], "a4")]),
        ("uauaua", 3, [(["u0"], "a1"), (["u0", "a1", "u2"], "a3"), (["u2", "a3", "u4"], "a5")]),
        ("uauaua", 4, [(["u0"], "a1"), (["u0", "a1", "u2"], "a3"), (["u2", "a3", "u4"], "a5")]),
        ("uauau", 1, [(["u0"], "a1"), (["u2"], "a3")]),
    ],
)
def test_each_reply_gets_the_turns_before_it(sides: str, turns: int, expected: list[tuple[list[str], str]]) -> None:
    found = [([m.content for m in w.context], w.reply) for w in windows(conversation(sides), turns)]
    assert found == expected


def test_splits_are_stable_and_have_their_shares() -> None:
    names = [f"dialogue-{number}" for number in range(20_000)]
    counts = Counter(split_of(name, 0.1, 0.2) for name in names)
    assert counts["test"] == pytest.approx(4_000, rel=0.05)
    assert counts["validation"] == pytest.approx(2_000, rel=0.07)
    # Recorded: a split that moved from one release to the next would leak test dialogues into training.
    assert [split_of(name, 0.1, 0.2) for name in names[:6]] == RECORDED
    grown = [name for name in names if split_of(name, 0.1, 0.3) == "test"]
    assert {name for name in names if split_of(name, 0.1, 0.2) == "test"} <= set(grown)


RECORDED = ["test", "train", "train", "train", "train", "train"]


def test_empty_splits_of_a_small_corpus_are_filled() -> None:
    assert fill_empty(["a", "b", "c"], ["validation", "test"]) == fill_empty(["c", "b", "a"], ["validation", "test"])
    assert sorted(fill_empty(["a", "b", "c"], ["validation", "test"]).values()) == ["test", "validation"]
    assert fill_empty(["a", "b"], ["validation", "test"]) == {}


def test_canned_replies_weigh_no_more_than_their_share() -> None:
    counts = ReplyCounts()
    for number in range(900):
        counts.add(f"第{number}种回答")
    for ending in ("", "~", "!!", " 。") * 25:
        counts.add(f"请问还有其他可以帮到您的吗{ending}")
    assert counts.weight("请问还有其他可以帮到您的吗?", 0.02) == pytest.approx(20 / 100)
    assert counts.weight("第7种回答", 0.02) == 1.0
    assert counts.weight("请问还有其他可以帮到您的吗", 0.0001) == pytest.approx(LEAST / 100)
    assert counts.weight("请问还有其他可以帮到您的吗", 1.0) == 1.0
    assert counts.boilerplate(0.02) == 1


def test_pair_text_ignores_width_case_spaces_and_numbers_of_placeholders() -> None:
    one = pair_text([Message("user", "ＡＢＣ [订单_1] 到了吗")], "到了")
    other = pair_text([Message("user", "abc[订单_7]到了吗")], "到 了")
    assert one == other


def invented_texts(count: int) -> list[str]:
    draw = random.Random(5)
    hanzi = [chr(code) for code in range(0x4E00, 0x4E00 + 800)]
    texts: list[str] = []
    for _ in range(count):
        if texts and draw.random() < 0.4:
            chars = list(draw.choice(texts))
            for _ in range(draw.randint(0, 7)):
                chars[draw.randrange(len(chars))] = draw.choice(hanzi)
            texts.append("".join(chars))
        else:
            texts.append("".join(draw.choices(hanzi, k=draw.randint(2, 90))))
    return texts


def test_near_duplicates_are_those_that_brute_force_finds(tmp_path: Path) -> None:
    texts = invented_texts(1_500)
    sets = [grams(text) for text in texts]
    truth = {
        (earlier, later)
        for later in range(len(texts))
        for earlier in range(later)
        if jaccard(sets[earlier], sets[later]) >= 0.8
    }
    found = set()
    with DuplicateIndex(0.8, tmp_path) as index:
        for later, text in enumerate(texts):
            found |= {(earlier, later) for earlier, _ in index.matches(text)}
            index.remember(text)
    assert len(truth) > 200
    assert found <= truth
    assert len(found) >= 0.98 * len(truth)


def test_verdicts_and_windows_of_one_dialogue(tmp_path: Path) -> None:
    text = "".join(chr(0x4E00 + place) for place in range(100))
    with DuplicateIndex(0.8, tmp_path) as index:
        assert index.add(text, group=1) == "new"
        assert index.add(text, group=1) == "exact duplicate"
        assert index.add(text + "好", group=1) == "new"
        assert index.add(text + "吗", group=2) == "near duplicate"
        assert index.add(text[:50], group=2) == "new"
        assert len(index) == 3
    with DuplicateIndex(1.5, tmp_path) as only_exact:
        assert [only_exact.add(each) for each in (text, text + "好", text)] == ["new", "new", "exact duplicate"]


def test_a_resumed_index_judges_like_an_unbroken_one(tmp_path: Path) -> None:
    texts = invented_texts(400)
    with DuplicateIndex(0.8, tmp_path) as unbroken, DuplicateIndex(0.8, tmp_path) as resumed:
        verdicts = [unbroken.add(text) for text in texts]
        for text, verdict in zip(texts[:200], verdicts[:200], strict=True):
            if verdict == "new":
                resumed.remember(text)
        assert [resumed.add(text) for text in texts[200:]] == verdicts[200:]
    assert all(verdict == "new" for verdict, _ in pairwise(verdicts[:2]))

"""The stand-in scorers: they rank right replies above wrong ones, say the same twice, and survive a kill."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from endcloud.errors import TrainingError
from endcloud.protocols import Scorer
from endcloud.scoring import contrasts, standin
from endcloud.scoring.quality import Judged, auc, measure
from endcloud.scoring.standin_features import RELEVANCE_FEATURES, SIMILARITY_FEATURES, Memory
from endcloud.types import Example, Message, Split

DAYS = {"苏州": 1, "青岛": 2, "长沙": 3, "贵阳": 4, "哈尔滨": 6}
ASKED = {
    "days": ["到{city}要几天", "寄{city}多久能到", "{city}几天收到", "发{city}什么时候到呀", "我在{city}，几天到货"],
    "free": ["多少钱包邮", "满多少免邮费", "包邮门槛是多少", "买多少不收运费"],
    "return": ["几天内可以退", "不喜欢能退吗", "退货期限多久", "收到不满意可以退货吗"],
    "invoice": ["可以开发票吗", "发票怎么开", "有电子发票吗"],
    "thanks": ["谢谢", "好的谢谢", "感谢"],
}
SAID = {
    "days": ["亲，到{city}大概{days}天哦", "{city}{days}天左右能到呢"],
    "free": ["亲，满68元包邮哦", "满68元就免运费的呢"],
    "return": ["亲，签收后14天内可以退换哦", "14天内都能退的呢"],
    "invoice": ["亲，可以开电子发票的哦", "电子发票可以开的呢"],
    "thanks": ["不客气哦亲", "亲客气了呢"],
}
CLOUD = {
    "days": "您好，发往{city}的包裹预计{days}天送达。",
    "free": "您好，订单满68元即可包邮。",
    "return": "您好，本店支持签收后14天内退换。",
    "invoice": "您好，本店可以开具电子发票。",
    "thanks": "不客气，很高兴为您服务。",
}


class Silent:
    """Progress that counts the tasks begun."""

    def __init__(self) -> None:
        self.tasks = 0

    def say(self, sentence: str) -> None: ...

    @contextmanager
    def task(self, name: str, total: int | None, unit: str) -> Iterator[Silent]:
        self.tasks += 1
        yield self

    def advance(self, steps: int = 1, **figures: float | str) -> None: ...


def exchanges(number: int, seed: int) -> list[tuple[str, str, str, str]]:
    """(intent, query, recorded reply, cloud reply)"""
    draw = random.Random(seed)
    made = []
    for _ in range(number):
        intent = draw.choice(list(ASKED))
        city = draw.choice(list(DAYS))
        texts = (draw.choice(ASKED[intent]) + draw.choice(["", "呢", "？"]), draw.choice(SAID[intent]), CLOUD[intent])
        made.append((intent, *(text.format(city=city, days=DAYS[city]) for text in texts)))
    return made


def examples(number: int = 400, split: Split = "train") -> list[Example]:
    return [
        Example(f"{split}-{i}", f"d{i}", "", (Message("user", query),), reply, "natural", "made up", split)
        for i, (_, query, reply, _) in enumerate(exchanges(number, seed=1))
    ]


def judged(first: str) -> list[Judged]:
    """Right replies, ones wrong only in a number, and ones to another question; `first` is "query" or "cloud"."""
    draw = random.Random(2)
    rows: list[Judged] = []
    for intent, query, reply, cloud in exchanges(120, seed=3):
        side = query if first == "query" else cloud
        rows.append(Judged(side, reply, True))
        other = draw.choice([kind for kind in SAID if kind != intent])
        rows.append(Judged(side, draw.choice(SAID[other]).format(city="苏州", days=1), False, "other question"))
        changed = contrasts.with_another_number(reply, ["5", "30"], draw)
        if changed:
            rows.append(Judged(side, changed, False, "wrong number"))
    return rows


@pytest.fixture(scope="module")
def scorers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Scorer, Scorer]:
    return standin.train_scorers(examples(), tmp_path_factory.mktemp("scorers"), progress=Silent())


@pytest.mark.parametrize(("index", "first"), [(0, "cloud"), (1, "query")])
def test_right_replies_rank_above_wrong_ones(scorers: tuple[Scorer, Scorer], index: int, first: str) -> None:
    quality = measure(scorers[index], judged(first))
    assert quality.scorer == (standin.SIMILARITY, standin.RELEVANCE)[index]
    assert quality.overall is not None and quality.overall > 0.9
    assert set(quality.by_kind) == {"other question", "wrong number"}
    assert all(value is not None and value > 0.85 for value in quality.by_kind.values())


def test_both_keep_the_range_they_state(scorers: tuple[Scorer, Scorer]) -> None:
    texts = ["", " ", "满68元包邮", "亲" * 400, "hello, free shipping?", "😀", "[电话_1]", "68", "\n"]
    pairs = [(a, b) for a in texts for b in texts]
    for scorer in scorers:
        assert scorer.range == (0.0, 1.0)
        assert all(value is not None and 0 <= value <= 1 for value in scorer.score(pairs))
        assert scorer.score([]) == []
        assert scorer.score([("满68元包邮", " ")]) == [0.0]


def test_similarity_is_symmetric_and_1_for_equal_texts(scorers: tuple[Scorer, Scorer]) -> None:
    similarity = scorers[0]
    forth, back, same = similarity.score(
        [("满68元包邮", "14天内可退"), ("14天内可退", "满68元包邮"), ("满68元", "满68元")]
    )
    assert forth == pytest.approx(back)
    assert same == 1.0


def test_scores_do_not_depend_on_the_company_of_a_pair(scorers: tuple[Scorer, Scorer]) -> None:
    pairs = [(one.first, one.second) for one in judged("query")]
    for scorer in scorers:
        together = scorer.score(pairs)
        assert [scorer.score([pair])[0] for pair in pairs[:20]] == pytest.approx(together[:20])


def test_the_cache_gives_the_same_scores_and_other_data_another_digest(tmp_path: Path) -> None:
    pairs = [(one.first, one.second) for one in judged("query")][:60]
    first, again = Silent(), Silent()
    trained = standin.train_scorers(examples(120), tmp_path, progress=first)
    loaded = standin.train_scorers(list(reversed(examples(120))), tmp_path, progress=again)
    assert (first.tasks, again.tasks) == (1, 0)
    for one, other in zip(trained, loaded, strict=True):
        assert one.digest == other.digest
        assert one.score(pairs) == other.score(pairs)
    other_data = standin.train_scorers(examples(121), tmp_path, progress=Silent())
    assert other_data[0].digest != trained[0].digest


def test_what_was_loaded_is_what_was_fitted(tmp_path: Path) -> None:
    """An array in Fortran order once came back scrambled from the file."""
    [relevance] = standin.train_scorers(examples(120), tmp_path, progress=Silent())[1:]
    pairs = sorted((e.query, e.reply) for e in examples(120))
    ids = sorted(examples(120), key=lambda example: example.id)
    memory = Memory([e.query for e in ids], [e.reply for e in ids])
    fresh = standin.StandInRelevance(memory, _weights(relevance), "")
    assert fresh.score(pairs) == pytest.approx(relevance.score(pairs))


def _weights(scorer: Scorer) -> standin.Matrix:
    assert isinstance(scorer, standin.StandInRelevance)
    return scorer._weights


def test_a_cache_cut_off_in_the_middle_is_made_again(tmp_path: Path) -> None:
    standin.train_scorers(examples(120), tmp_path, progress=Silent())
    [path] = tmp_path.iterdir()
    path.joinpath("recipe.json").unlink()
    path.joinpath("weights.safetensors").write_bytes(b"half")
    again = Silent()
    standin.train_scorers(examples(120), tmp_path, progress=again)
    assert again.tasks == 1


def test_only_the_training_split_is_learned_from(tmp_path: Path) -> None:
    train = examples(120)
    test = [Example("t", "t", "", (Message("user", "暗号"),), "天王盖地虎", "natural", "x", "test")]
    excluded = [
        Example("u", "u", "", (Message("user", "暗号"),), "x", "natural", "x", "train", excluded="unrestorable")
    ]
    scorers = standin.train_scorers(train, tmp_path, progress=Silent())
    same = standin.train_scorers([*train, *test, *excluded], tmp_path, progress=Silent())
    assert scorers[0].digest == same[0].digest


def test_too_little_to_learn_from_is_said(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="at least 8 different replies in the training split and found 0"):
        standin.train_scorers(examples(50, split="test"), tmp_path, progress=Silent())


def test_more_agreement_never_lowers_a_score(scorers: tuple[Scorer, Scorer]) -> None:
    for scorer, names in zip(scorers, (SIMILARITY_FEATURES, RELEVANCE_FEATURES), strict=True):
        assert isinstance(scorer, standin.StandInSimilarity | standin.StandInRelevance)
        assert len(scorer._weights) == len(names) + 1
        assert (scorer._weights[:-1] >= 0).all()


def test_a_changed_number_is_another_number_and_nothing_else() -> None:
    draw = random.Random(0)
    for _ in range(200):
        changed = contrasts.with_another_number("满68元包邮，14天可退", ["68", "99"], draw)
        assert changed is not None
        kept = [changed.startswith("满68元"), changed.endswith("14天可退")]
        assert sum(kept) == 1
        assert "".join(c for c in changed if not c.isdigit()) == "满元包邮，天可退"
    assert contrasts.with_another_number("不客气哦", ["68"], draw) is None


def test_auc_is_the_share_of_pairs_in_order() -> None:
    class Fixed:
        name, digest, range = "fixed", "", (0.0, 1.0)

        def score(self, pairs: Sequence[tuple[str, str]]) -> list[float | None]:
            return [None if second == "?" else float(second) for _, second in pairs]

    rows = [Judged("", text, right) for text, right in (("0.9", True), ("0.4", True), ("0.5", False), ("0.1", False))]
    assert auc(Fixed(), rows) == pytest.approx(3 / 4)
    assert auc(Fixed(), [*rows, Judged("", "?", False)]) == pytest.approx(3 / 4)
    assert auc(Fixed(), rows[:2]) is None

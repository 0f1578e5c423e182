"""In-domain scorers: they learn, resume to the same weights, and never take a right reply for a negative."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from endcloud.errors import ModelError, TrainingError
from endcloud.protocols import ProgressTask
from endcloud.scoring.in_domain import hard_negatives, training
from endcloud.scoring.in_domain.exchanges import Exchange, Pairs, exchanges
from endcloud.scoring.in_domain.small_bert import save_small_bert, small_tokenizer
from endcloud.scoring.in_domain.steps import Plan, learn
from endcloud.scoring.quality import Judged, auc
from endcloud.scoring.relevance import CrossEncoderRelevance
from endcloud.scoring.similarity import SentenceSimilarity
from endcloud.testing.silent_progress import CountedTask, SilentProgress
from endcloud.types import Example, Message

THINGS = ["杯子", "毛巾", "台灯", "雨伞", "书包", "枕头", "耳机", "水壶", "拖鞋", "手套"]
ASKED = {
    "price": ["{t}多少钱", "{t}什么价格", "请问{t}卖多少"],
    "days": ["{t}几天能到", "{t}多久到货", "买{t}什么时候收到"],
    "back": ["{t}可以退吗", "{t}不喜欢能退货吗", "退{t}怎么办"],
}
SAID = {
    "price": ["亲，{t}是{n}元哦", "{t}现在卖{n}元呢"],
    "days": ["{t}大概{n}天送到哦", "亲，{n}天左右收到{t}呢"],
    "back": ["亲，{t}签收后{n}天内可以退哦", "{t}{n}天内能退货的呢"],
}
QUICK = training.Plans(Plan(3, 16, 1e-3, 7), Plan(0.5, 8, 1e-3, 7), Plan(1, 8, 1e-3, 7))


def told(intent: str, thing: str) -> int:
    return 10 * list(SAID).index(intent) + THINGS.index(thing) + 3


def made(number: int, seed: int) -> list[Exchange]:
    draw = random.Random(seed)
    found = []
    for _ in range(number):
        intent, thing = draw.choice(list(ASKED)), draw.choice(THINGS)
        recorded, cloud = (text.format(t=thing, n=told(intent, thing)) for text in SAID[intent])
        found.append(
            Exchange(draw.choice(ASKED[intent]).format(t=thing), recorded, cloud if draw.random() < 0.7 else "")
        )
    return found


def example(number: int, query: str, reply: str) -> Example:
    return Example(f"e{number:04}", f"d{number}", "", (Message("user", query),), reply, "natural", "made", "train")


@pytest.fixture(scope="module")
def found() -> list[Exchange]:
    return made(160, seed=1)


@pytest.fixture(scope="module")
def trained(found: list[Exchange], tmp_path_factory: pytest.TempPathFactory) -> training.InDomain:
    root = tmp_path_factory.mktemp("shop")
    return training.train(
        found, root / "models", root / "work", device="cpu", plans=QUICK, progress=SilentProgress()
    )  # fmt: skip


def judged(first: str) -> list[Judged]:
    """Right replies, and replies to another question about the same thing; `first` is "query" or "reply"."""
    made_up = []
    for intent in SAID:
        for thing in THINGS:
            recorded, other = (text.format(t=thing, n=told(intent, thing)) for text in SAID[intent])
            wrong = next(name for name in SAID if name != intent)
            stranger = SAID[wrong][0].format(t=thing, n=told(wrong, thing))
            asked = ASKED[intent][0].format(t=thing) if first == "query" else other
            made_up += [Judged(asked, recorded, True), Judged(asked, stranger, False, "other question")]
    return made_up


def test_similarity_learns_which_replies_say_the_same(
    trained: training.InDomain, found: list[Exchange], tmp_path: Path
) -> None:
    untrained = training.save_untrained(found, tmp_path)
    before, after = (SentenceSimilarity(one.similarity, device="cpu") for one in (untrained, trained))
    figures = auc(before, judged("reply")), auc(after, judged("reply"))
    assert figures[0] is not None and figures[1] is not None
    assert figures[1] > max(0.8, figures[0]), figures


def test_both_scorers_keep_their_stated_range_and_relevance_moved_from_its_start(
    trained: training.InDomain, found: list[Exchange], tmp_path: Path
) -> None:
    pairs = [(one.first, one.second) for one in judged("query")]
    similarity = SentenceSimilarity(trained.similarity, device="cpu")
    relevance = CrossEncoderRelevance(trained.relevance, device="cpu")
    for scorer in (similarity, relevance):
        assert scorer.range == (0.0, 1.0)
        assert all(score is not None and 0 <= score <= 1 for score in scorer.score(pairs))
    start = CrossEncoderRelevance(training.save_untrained(found, tmp_path).relevance, device="cpu")
    assert relevance.digest != start.digest and relevance.score(pairs) != start.score(pairs)


def test_the_same_training_is_done_once_and_is_the_current_one(
    trained: training.InDomain, found: list[Exchange]
) -> None:
    models = trained.directory.parent
    before = {path: path.stat().st_mtime_ns for path in trained.directory.rglob("*")}
    progress = SilentProgress()
    again = training.train(found, models, models.parent / "work", device="cpu", plans=QUICK, progress=progress)
    assert (again.directory, progress.tasks) == (trained.directory, [])
    assert {path: path.stat().st_mtime_ns for path in trained.directory.rglob("*")} == before
    assert not list((models.parent / "work").iterdir())
    current = training.current(models)
    assert current is not None and current.directory == trained.directory
    assert training.current(models / "elsewhere") is None
    assert trained.name("similarity") == "in-domain similarity (small, from scratch)"
    assert not list(trained.directory.rglob("*.bin")) and list(trained.directory.rglob("*.safetensors"))


class Killed(SilentProgress):
    """Interrupts each task once, after its first steps."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self._after = after

    @contextmanager
    def task(self, name: str, total: int | None, unit: str) -> Iterator[ProgressTask]:
        with super().task(name, total, unit) as inner:
            yield Interrupting(inner, self._after)


class Interrupting:
    def __init__(self, inner: ProgressTask, after: int) -> None:
        self._inner = inner
        self._left = after

    def advance(self, steps: int = 1, **figures: float | str) -> None:
        self._inner.advance(steps, **figures)
        self._left -= 1
        if self._left < 0:
            raise KeyboardInterrupt


def test_an_interrupted_training_goes_on_and_ends_with_the_same_weights(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    few = made(70, seed=2)
    plans = training.Plans(Plan(1, 16, 1e-3, 7), Plan(0.4, 8, 1e-3, 7), Plan(0.4, 8, 1e-3, 7))
    whole = training.train(
        few, tmp_path / "a", tmp_path / "wa", device="cpu", plans=plans, progress=SilentProgress()
    )  # fmt: skip
    monkeypatch.setattr("endcloud.scoring.in_domain.steps._SECONDS", -1.0)
    monkeypatch.setattr("endcloud.scoring.in_domain.steps._TIMES", 0.0)
    interrupted = 0
    while True:
        try:
            resumed = training.train(
                few, tmp_path / "b", tmp_path / "wb", device="cpu", plans=plans, progress=Killed(after=2)
            )
            break
        except KeyboardInterrupt:
            interrupted += 1
            assert interrupted < 40, "it never gets further"
            assert training.current(tmp_path / "b") is None
    assert interrupted > 3
    assert resumed.directory.name == whole.directory.name
    for half in ("similarity", "relevance"):
        first, second = (load_file(getattr(one, half) / "model.safetensors") for one in (whole, resumed))
        assert first.keys() == second.keys()
        assert all(torch.equal(first[name], second[name]) for name in first)


def test_any_bert_directory_will_do_as_base(found: list[Exchange], tmp_path: Path) -> None:
    base = save_small_bert(made(80, seed=3), tmp_path / "base", seed=1)
    plans = training.Plans(Plan(0.2, 16, 1e-4, 7), Plan(0.1, 8, 1e-4, 7), Plan(0.1, 8, 1e-4, 7))
    done = training.train(
        found, tmp_path / "m", tmp_path / "w", base=base, device="cpu", plans=plans, progress=SilentProgress()
    )
    assert done.about["base"] == str(base)
    assert done.name("relevance") == "in-domain relevance"
    assert len(SentenceSimilarity(done.similarity, device="cpu").score([("杯子", "毛巾")])) == 1


def test_a_base_that_is_none_is_refused(found: list[Exchange], tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    for base, said in ((tmp_path / "absent", "not a directory"), (tmp_path, "cannot be loaded")):
        with pytest.raises(ModelError, match=said):
            training.train(found, tmp_path / "m", tmp_path / "w", base=base, progress=SilentProgress())


def test_batches_hold_no_reply_twice_and_every_exchange_has_its_turn() -> None:
    some = [*made(100, seed=4), *([Exchange("在吗", "在的亲")] * 30)]
    pairs = Pairs(some, seed=1)
    seen: set[int] = set()
    for step in range(len(some) // 16):
        rows = pairs.batch(step, 16)
        replies = [reply for row in rows for reply in some[row].replies]
        assert len(set(replies)) == len(replies)
        seen.update(rows)
    assert len({some[row].reply for row in seen}) > 0.7 * len({one.reply for one in some})
    assert pairs.of_replies(3, 16) == Pairs(some, seed=1).of_replies(3, 16)


def test_hard_negatives_were_never_given_to_the_query_and_likely_right_ones_are_dropped(
    trained: training.InDomain, found: list[Exchange]
) -> None:
    from endcloud.scoring.in_domain.bi_encoder import load

    mined = hard_negatives.mine(load(trained.similarity, "cpu"), found, seed=1)
    given: dict[str, set[str]] = {}
    for exchange in found:
        given.setdefault(exchange.query, set()).update(exchange.replies)
    assert any(mined)
    assert not any(set(some) & given[exchange.query] for exchange, some in zip(found, mined, strict=True))
    kept = hard_negatives.denoise(mined, found, lambda asked: [0.95 if "退" in reply else 0.5 for _, reply in asked])
    assert kept.dropped > 0
    assert sum(map(len, kept.negatives)) == kept.mined - kept.dropped
    assert not any("退" in reply for some in kept.negatives for reply in some)


def test_a_cloud_reply_that_states_other_facts_is_no_positive() -> None:
    some = [example(i, f"第{i}个杯子多少钱", f"亲，{i + 3}元的哦") for i in range(70)]
    clouds = {"e0000": "您好，这款是3元。", "e0001": "您好，这款是99元。", "e0002": ""}
    first, second, third = exchanges(some, clouds)[:3]
    assert (first.cloud, second.cloud, third.cloud) == ("您好，这款是3元。", "", "")


def test_too_few_replies_are_refused() -> None:
    with pytest.raises(TrainingError, match="at least 64 different replies"):
        exchanges([example(i, f"问{i}", f"答{i % 20}") for i in range(200)], {})


def test_control_words_in_a_text_stay_text_and_digits_stand_alone() -> None:
    tokenizer = small_tokenizer(["满59元包邮", "满99元包邮", "[SEP] 在吗"] * 4)
    ids = tokenizer("[SEP][PAD]")["input_ids"]
    assert ids.count(tokenizer.sep_token_id) == 1 and tokenizer.pad_token_id not in ids
    assert tokenizer("59")["input_ids"] != tokenizer("99")["input_ids"]
    pair = tokenizer("在吗", "包邮")
    assert sorted(set(pair["token_type_ids"])) == [0, 1]


def test_a_loss_that_is_no_number_stops_the_training(tmp_path: Path) -> None:
    model = torch.nn.Linear(1, 1)
    with pytest.raises(TrainingError, match="nan"):
        learn(
            model, lambda step: model.weight.sum() * float("nan"), 3, Plan(1, 1, 0.1, 1), tmp_path / "c", "f",
            CountedTask("t", 3, "step"),
        )  # fmt: skip


def test_a_checkpoint_of_another_training_is_not_continued(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(b"not a checkpoint")
    model = torch.nn.Linear(1, 1)
    with SilentProgress().task("t", 2, "step") as task:
        curve = learn(model, lambda step: (model.weight**2).sum(), 2, Plan(1, 1, 0.1, 1), path, "f", task)
    assert [step for step, _ in curve] == [2]
    assert json.dumps(curve)

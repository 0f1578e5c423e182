"""The pairs of the prompt: from the training split, never personal, never too near, the same every time."""

import random
from collections.abc import Callable

import pytest

from endcloud.cloud.exemplars import Exemplars, Mode
from endcloud.types import Example, Message

Make = Callable[..., Example]
_THINGS = ["毛巾", "枕头", "被子", "围巾", "桌布", "毯子", "杯子", "台灯", "雨伞", "书包", "水壶", "拖鞋"]
_ASK = ["{}多少钱", "{}什么时候发货", "{}可以退吗", "{}有现货吗", "{}怎么洗", "{}是什么材质"]


@pytest.fixture
def corpus(example: Make) -> list[Example]:
    texts = [
        (ask.format(thing), f"亲，关于{thing}：{number}号说明") for number, thing in enumerate(_THINGS) for ask in _ASK
    ]
    return [example(n, query, reply, dialogue=f"d{n // 2}") for n, (query, reply) in enumerate(texts)]


def shown(choice: object) -> list[str]:
    return [pair.example for pair in (*choice.block, *choice.nearest)]  # type: ignore[attr-defined]


@pytest.mark.parametrize("mode", ["fixed", "nearest", "mixed"])
def test_no_pair_comes_from_the_own_dialogue(corpus: list[Example], mode: Mode) -> None:
    exemplars = Exemplars(corpus, mode=mode, pairs=20, nearest=4)
    for example, choice in zip(corpus, exemplars.choose(corpus), strict=True):
        pairs = (*choice.block, *choice.nearest)
        assert len(pairs) == 20
        assert len({pair.example for pair in pairs}) == 20
        assert example.dialogue not in {pair.dialogue for pair in pairs}


def test_two_blocks_of_different_dialogues_serve_everybody(corpus: list[Example]) -> None:
    exemplars = Exemplars(corpus, mode="fixed", pairs=10)
    blocks = {choice.block for choice in exemplars.choose(corpus)}
    assert len(blocks) == 2
    one, other = ({pair.dialogue for pair in block} for block in blocks)
    assert not one & other


def test_near_duplicates_of_pair_or_dialogue_are_kept_out(corpus: list[Example], example: Make) -> None:
    twin = corpus[7]
    asked = example(999, twin.query, twin.reply + "哦", split="test")
    for mode in ("fixed", "nearest", "mixed"):
        exemplars = Exemplars(corpus, mode=mode, pairs=72, nearest=6)
        assert twin.id not in shown(next(exemplars.choose([asked])))
    stranger = example(998, twin.query, "完全不同的一句话，请联系快递网点核实", split="test")
    assert twin.id in shown(next(Exemplars(corpus, mode="nearest", pairs=5).choose([stranger])))
    # The pair is another turn of a dialogue that is recorded twice: it is kept out too.
    talk = [
        Message("user", "你好呀老板"),
        Message("assistant", "您好，请问有什么可以帮到您"),
        Message("user", "毛巾怎么卖的呢"),
    ]
    first = example(500, dialogue="dx", messages=tuple(talk[:1]), reply=talk[1].content)
    second = example(501, dialogue="dx", messages=tuple(talk), reply="亲，这款毛巾今天有优惠价哦")
    copy = example(502, dialogue="dy", messages=tuple(talk), reply="亲，这款毛巾今天有优惠价呢", split="test")
    picked = shown(next(Exemplars([*corpus, first, second], mode="nearest", pairs=70).choose([copy])))
    assert first.id not in picked and second.id not in picked


def test_only_training_pairs_without_personal_data_are_shown(example: Make) -> None:
    fit = example(1, "毛巾多少钱", "亲，35元")
    unfit = [
        example(2, "我的电话是[电话_1]", "收到"),
        example(3, "查下订单", "您的订单[订单_1]已发货"),
        example(4, "验证集的问题", "验证集的回答", split="validation"),
        example(5, "测试集的问题", "测试集的回答", split="test"),
        example(6, "不能还原", "不能还原的", excluded="unrestorable"),
        example(7, "云端回答的", "云端说的", origin="cloud"),
        example(8, "很长的问题", "长" * 500),
    ]
    exemplars = Exemplars([fit, *unfit], mode="nearest", pairs=50)
    asked = example(99, "枕头多少钱", "亲，99元", split="test")
    assert shown(next(exemplars.choose([asked]))) == [fit.id]
    assert exemplars.used == 1 and "N is 50" in exemplars.sentence and "1 pairs" in exemplars.sentence


def test_the_order_of_the_corpus_changes_nothing(corpus: list[Example]) -> None:
    mixed = random.Random(3).sample(corpus, len(corpus))
    for mode in ("fixed", "mixed"):
        one = list(Exemplars(corpus, mode=mode, pairs=20).choose(corpus[:9]))
        other = list(Exemplars(mixed, mode=mode, pairs=20).choose(corpus[:9]))
        assert one == other


def test_the_nearest_come_last_and_the_same_question_is_known(corpus: list[Example], example: Make) -> None:
    asked = example(99, "台灯可以退吗亲", "没有记录", split="test")
    choice = next(Exemplars(corpus, mode="mixed", pairs=20, nearest=5).choose([asked]))
    everything = {pair.example: pair for pair in (*choice.block, *choice.nearest)}
    assert "台灯可以退吗" in [pair.question for pair in everything.values()]
    assert "台灯可以退吗" in [pair.question for pair in choice.same]
    assert not any("怎么洗" in pair.question and "台灯" not in pair.question for pair in choice.same)
    nearest = next(Exemplars(corpus, mode="nearest", pairs=6).choose([asked])).nearest
    assert nearest[-1].question == "台灯可以退吗"


def test_a_block_covers_what_customers_ask(corpus: list[Example], example: Make) -> None:
    """Twelve pairs out of 72 + 60 copies of one matter: diverse ones, not twelve of the crowd."""
    crowd = [
        example(200 + n, f"满多少钱包邮{'呀' * (n % 5)}{n}", f"亲，满59元包邮{n}", dialogue=f"c{n}") for n in range(60)
    ]
    choice = next(Exemplars([*corpus, *crowd], mode="fixed", pairs=12).choose([example(999, "在吗", split="test")]))
    assert sum("包邮" in pair.question for pair in choice.block) <= 4


def test_boilerplate_is_shown_last(corpus: list[Example], example: Make) -> None:
    plain = example(300, "可以便宜点吗亲爱的老板", "亲，请稍等哦马上为您查询", weight=0.01)
    choice = next(Exemplars([*corpus, plain], mode="fixed", pairs=20).choose([example(999, "在吗", split="test")]))
    assert plain.id not in shown(choice)


def test_no_pairs_at_all(example: Make, corpus: list[Example]) -> None:
    assert shown(next(Exemplars([], mode="mixed").choose([example(1)]))) == []
    assert shown(next(Exemplars(corpus, mode="mixed", pairs=0).choose([example(1)]))) == []


def test_newer_truths_on_the_same_question_stand_last(corpus: list[Example], example: Make) -> None:
    asked = example(900, "毛巾可以退吗亲", split="test", dialogue="asked")
    truths = [
        example(901, "毛巾可以退吗", "现在21天内都可以退", dialogue="t1", origin="human"),
        example(902, "毛巾可以退吗呢", "电话[电话_1]联系退货", dialogue="t2", origin="human"),  # personal: never shown
        example(903, "台灯会不会发热", "不会的亲", dialogue="t3", origin="human"),  # another question
        example(904, "毛巾可以退吗亲", "这是它自己的答案", dialogue="asked", origin="human"),  # the asked one's own
    ]
    plain = next(Exemplars(corpus, pairs=20, nearest=4).choose([asked]))
    told = next(Exemplars(corpus, pairs=20, nearest=4, truths=truths).choose([asked]))
    assert [pair.example for pair in told.nearest] == [*(pair.example for pair in plain.nearest), truths[0].id]
    assert told.same[-1].example == truths[0].id
    assert told.named == plain.named, "a question keeps its name where nothing near it is newer"
    assert told.renewed != plain.renewed, "and is asked again where something is"
    other = example(905, "雨伞怎么洗", split="test", dialogue="other")
    choices = [next(Exemplars(corpus, pairs=20, nearest=4, truths=some).choose([other])) for some in ([], truths)]
    assert choices[0] == choices[1]

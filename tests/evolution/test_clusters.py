"""Near-identical questions stand together, another wording of the same matter apart, and names last over rounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcloud.evolution.clusters import Clusters, question_of
from endcloud.types import Message


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("满多少包邮", "请问满多少包邮呀？"),
        ("满59包邮吗", "亲，满99包邮吗"),
        ("浴巾会掉色吗", "你好，浴巾会掉色么～～"),
        ("订单123456什么时候发货", "订单９８７６５４什么时候发货"),
        ("Do you ship to Beijing?", "do you ship to  beijing"),
        ("我的电话是[电话_1]，什么时候送", "我的电话是[电话_12]，什么时候送"),
    ],
)
def test_the_same_question_in_other_dress_is_one(one: str, other: str) -> None:
    clusters = Clusters()
    assert clusters.of(one) == clusters.of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("满多少包邮", "运费怎么算"),
        ("浴巾多少钱一条", "枕套多少钱一个"),
        ("可以退货吗", "什么时候发货"),
        ("你好", "谢谢"),
    ],
)
def test_other_questions_are_others(one: str, other: str) -> None:
    clusters = Clusters()
    assert clusters.of(one) != clusters.of(other)


def test_a_question_keeps_the_cluster_of_earlier_rounds() -> None:
    first = Clusters()
    name = first.of("满多少包邮")
    later = Clusters([(name, "满多少包邮"), ("another", "可以退货吗")])
    assert later.of("请问满多少包邮呢") == name
    assert later.of("能退货吗亲，可以退货吗") == "another"
    assert later.of("有发票吗") not in (name, "another")


def test_the_nearest_founder_is_taken() -> None:
    clusters = Clusters([("bath", "这款浴巾多少钱一条"), ("face", "这款毛巾多少钱一条")])
    assert clusters.of("这款毛巾多少钱一条呀") == "face" and clusters.of("这款浴巾多少钱一条") == "bath"


def test_short_words_are_read_with_what_was_said_before() -> None:
    said = [Message("user", "浴巾什么材质"), Message("assistant", "亲，纯棉的"), Message("user", "枕套呢")]
    assert question_of(said) == "浴巾什么材质 枕套呢"
    assert question_of([*said[:2], Message("user", "那枕套又是什么材质的")]) == "那枕套又是什么材质的"
    assert question_of(said[:1]) == "浴巾什么材质"


@given(st.lists(st.text(max_size=30), max_size=12))
def test_every_text_has_a_cluster_and_the_same_one_again(texts: list[str]) -> None:
    clusters = Clusters()
    names = [clusters.of(text) for text in texts]
    assert [clusters.of(text) for text in texts] == names
    assert names == [each for once in [Clusters()] for each in map(once.of, texts)]

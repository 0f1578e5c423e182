"""What counts as stating a fact: ways of writing it, whole numbers only, and nothing under a negation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcloud.bundled.truth import Meaning, judge, normalise, numbers_in, states

_DIGITS = "零一二三四五六七八九"


def spelled(number: int) -> str:
    """59 → 五十九, for 1 to 999."""
    hundreds, rest = divmod(number, 100)
    tens, ones = divmod(rest, 10)
    text = f"{_DIGITS[hundreds]}百" if hundreds else ""
    if tens:
        text += ("" if tens == 1 and not hundreds else _DIGITS[tens]) + "十"
    elif hundreds and ones:
        text += "零"
    return text + (_DIGITS[ones] if ones else "")


@given(st.integers(1, 999), st.sampled_from(["元", "天", "小时", "点", "件"]))
def test_a_spelled_number_with_its_unit_is_the_number(number: int, unit: str) -> None:
    assert normalise(f"要{spelled(number)}{unit}哦") == f"要{number}{unit}哦"


@given(st.integers(1, 9999), st.integers(1, 9999))
def test_only_the_same_whole_number_is_stated(stated: int, wanted: int) -> None:
    assert states(normalise(f"满{stated}元包邮"), f"{wanted}元") is (stated == wanted)
    assert states(normalise(f"满{stated}包邮"), f"满{wanted}") is (stated == wanted)


@given(st.text(max_size=40))
def test_normalising_twice_changes_nothing_more(text: str) -> None:
    once = normalise(text)
    assert "\n" not in once
    assert numbers_in(once) <= numbers_in(text) | {"1", "7", "15"} | numbers_in(normalise(text))


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("５９元", "59元"),
        ("59 块钱", "59元"),
        ("¥59", "59元"),
        ("59.00元", "59元"),
        ("四十八个小时", "48小时"),
        ("3个工作日", "3天"),
        ("15日内", "15天内"),
        ("每月18日", "每月18日"),
        ("半个月", "15天"),
        ("一周", "7天"),
        ("两天", "2天"),
        ("晚上10点", "22点"),
        ("22:00", "22点"),
        ("70 x 190cm", "70×190厘米"),
        ("70厘米*190厘米", "70×190厘米"),
        ("打九折", "打9折"),
        ("晨露浴巾", "晨露浴巾"),
        ("[电话_1]请收好", "请收好"),
    ],
)
def test_one_form_for_many_ways_of_writing(written: str, form: str) -> None:
    assert normalise(written) == form


@pytest.mark.parametrize(
    "denied",
    ["不包邮", "没有包邮", "不是满59元就包邮", "无法包邮", "不能包邮", "并非全场包邮", "未包邮", "不支持包邮"],
)
def test_a_denied_statement_is_not_stated(denied: str) -> None:
    assert not states(normalise(denied), "包邮")


def test_a_denial_elsewhere_does_not_spread() -> None:
    assert states(normalise("不用担心，满59元包邮"), "包邮")
    assert states(normalise("不是的亲，可以退"), "可以退")
    assert states(normalise("洗过不能退"), "不能退")
    assert not states(normalise("您问能不能退呀"), "不能退")


def test_numbers_are_those_of_the_text_and_no_placeholders() -> None:
    assert numbers_in("亲，[订单_1]满59.0元，第一时间给您一次换") == {"59"}
    assert numbers_in("一百九十九元减三十元") == {"199", "30"}


def test_a_reply_must_state_the_fact_and_no_other_number() -> None:
    meaning = Meaning("free_shipping", "", {"free_shipping": "59"}, (("59元",), ("包邮",)), (), frozenset({"59"}))
    assert judge(meaning, "满59元包邮").right
    assert judge(meaning, "满五十九块包邮呢").right
    assert "99" in judge(meaning, "满59元包邮，满99元送礼").reason
    assert "包邮" in judge(meaning, "满59元不包邮").reason
    assert not judge(meaning, "").right
    assert not judge(meaning, "。。。[微笑]").right


def test_a_reply_to_another_question_is_wrong() -> None:
    meaning = Meaning(
        "refund_days", "", {"refund_days": "3"}, (("3天",),), (), frozenset({"3"}), ("退款",), ("北京", "花呗")
    )
    assert judge(meaning, "3天内就好").right
    assert judge(meaning, "退款3天到账，花呗也一样").right
    assert "北京" in judge(meaning, "发到北京大约3天").reason


def test_a_meaning_survives_json() -> None:
    meaning = Meaning("x", "杭州", {"a": "1"}, (("1天", "一天"),), ("不发",), frozenset({"1"}), ("杭州",), ("花呗",))
    assert Meaning.from_json(meaning.as_json()) == meaning

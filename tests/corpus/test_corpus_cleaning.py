"""Cleaning: each step does what its name says, and a dialogue that teaches nothing is refused with its reason."""

from __future__ import annotations

import unicodedata
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcloud.corpus.cleaning import EMOJI, clean_dialogue, clean_text, is_notice, marks_in, merge_turns
from endcloud.types import Dialogue, Message


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("您好&nbsp;&nbsp;在的", "您好 在的"),
        ("点&amp;gt;确认&lt;收货", "点>确认<收货"),
        ("零\u200b宽\ufeff字\x07符", "零宽字符"),
        ("换行\n和\t制表\u3000空格", "换行 和 制表 空格"),
        ("第一句<sep>第二句!@@@!第三句<br/>第四句", "第一句 第二句 第三句 第四句"),
        ("查[ORDERID_10002026]到了吗", "查[订单x]到了吗"),
        ("查［订单X］到了吗", "查[订单x]到了吗"),
        ("[订单编号:[订单x]]", "订单编号:[订单x]"),
        (
            "[订单编号:[订单x]，订单金额:[金额x]，下单时间:[日期x] [时间x]]",
            "订单编号:[订单x]，订单金额:[金额x]，下单时间:[日期x] [时间x]",
        ),
        ("[查询[订单编号:[ORDERID_10000001]]]", "查询订单编号:[订单x]"),
        ("[USERID_[数字x]]催一下", "[用户x]催一下"),
        ("[商品快照] [父原始][订单x]", "[商品快照] [父原始][订单x]"),
        ("好的#E-s[数字x]#E-s12 谢谢", f"好的{EMOJI} 谢谢"),
        ("好的/:^_^", f"好的{EMOJI}"),
        ("看 #EVA 材质", "看 #EVA 材质"),
        ("http://a.b/c", "http://a.b/c"),
        ("顾客通过点击web咚咚[站点x]信息发送:[订单编号:[订单x]]", "订单编号:[订单x]"),
        ("[订单编号:[订单x]，订单金额:，下单时间:NaN-NaN-NaN NaN:NaN] 在吗", "订单编号:[订单x] 在吗"),
        ("\ud83d孤", "孤"),
    ],
)
def test_texts(raw: str, clean: str) -> None:
    assert clean_text(raw) == clean


@given(st.text(max_size=60) | st.text(alphabet="[]［］xX订单数字:：#E-s1 &;<>", max_size=60))
def test_cleaning_any_text_leaves_one_printable_line(text: str) -> None:
    clean = clean_text(text)
    assert clean == clean.strip()
    assert not any(unicodedata.category(char)[0] == "C" for char in clean)


def test_marks_are_told_by_kind() -> None:
    assert marks_in("[订单x]满[金额x]", "[金额x] [商品快照] [x]") == {"订单", "金额"}


@pytest.mark.parametrize(
    "text",
    ["系统提示：会话已转接", "客服小云已接入会话", "会话已超时关闭", "用户发起转人工", "Mia has joined the chat."],
)
def test_notices(text: str) -> None:
    assert is_notice(text)


@pytest.mark.parametrize(
    "text", ["我要转人工", "系统提示我付款失败怎么办", "人工客服", "你好，帮我结束订单", "温馨提示：明天要下雨"]
)
def test_what_customers_say_is_no_notice(text: str) -> None:
    assert not is_notice(text)


def dialogue(*said: tuple[str, str]) -> Dialogue:
    return Dialogue("d", tuple(Message(role, content) for role, content in said), "s")  # type: ignore[arg-type]


def test_systems_are_left_out_and_turns_of_one_side_wait_to_be_merged() -> None:
    dropped: Counter[str] = Counter()
    cleaned = clean_dialogue(
        dialogue(
            ("system", "你是客服"),
            ("user", "在吗"),
            ("user", " "),
            ("user", "有货吗"),
            ("assistant", "系统消息：对方已读"),
            ("assistant", "有的"),
        ),
        10,
        dropped,
    )
    assert cleaned is not None
    assert [message.content for message in cleaned.messages] == ["在吗", "有货吗", "有的"]
    assert [message.content for message in merge_turns(cleaned.messages)] == ["在吗 有货吗", "有的"]
    assert dropped == {"system message": 1, "empty turn": 1, "system notice": 1}


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ((), "empty dialogue"),
        ((("user", "&nbsp;"),), "empty dialogue"),
        ((("user", "在吗"), ("user", "人呢")), "one-sided dialogue"),
        ((("assistant", "您好"), ("user", "人呢")), "unanswered dialogue"),
        ((("user", "在吗"), ("assistant", "在")) * 3, "over-long dialogue"),
    ],
)
def test_dialogues_that_teach_nothing(said: tuple[tuple[str, str], ...], reason: str) -> None:
    dropped: Counter[str] = Counter()
    assert clean_dialogue(dialogue(*said), 5, dropped) is None
    assert dropped[reason] == 1

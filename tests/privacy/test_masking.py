"""A conversation is masked consistently, and what was masked comes back."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from endcloud.errors import UnrestorableError
from endcloud.privacy.detection import Detector
from endcloud.privacy.masking import ConversationMasker
from endcloud.types import Message

MASKER = ConversationMasker(Detector())

# Any text at all, and texts made of the pieces from which personal data, masks and disguises are made.
PIECES = st.sampled_from(
    [
        "13800138000",
        "138-0013",
        "8000",
        "13800",
        "一三八",
        "零零",
        "腰",
        "洞",
        "110105",
        "19491231",
        "002X",
        "4111",
        "1111",
        "a.b@",
        "example.com",
        "@",
        "订单号",
        "货号",
        "20241111888812",
        "我叫",
        "王小明",
        "王",
        "先生",
        "女士",
        "收货人",
        "文三路",
        "138号",
        "3栋",
        "2单元",
        "501",
        "地址",
        "微信",
        "abc_123",
        "QQ",
        "123456",
        "[电话_1]",
        "[姓名_2]",
        "【电话",
        "1】",
        "[电话_",
        "]",
        "1]",
        "[",
        "］",
        "[电话x]",
        "<数字>",
        "\u200b",
        "１３８",
        "①",
        "+",
        "-",
        "，",
        "。",
        "元",
        "¥",
        "生日",
        "1990年1月1日",
        "my",
        "name",
        "is",
        "John",
        "Smith",
        "E12345678",
        "粤B12345",
        "#",
        "\x00",
        "\x01",
        "\n",
        "SSN",
        "434 44 6935",
        "43",
        "4446935",
        "微信",
        "加微",
        "lily_8842",
        "wxid_9f3k2m8d7s",
        "支付宝",
        "63期5而85000080爸",
        "一三九零零一",
        "1三8零0",
        "98年5月12日",
        "19920512",
        "宝宝",
        "肖可馨",
        "上 官 一 诺",
        "寄给",
        "收",
        "1Z 4F2A 9000 1234 5678",
        "东区14号宿舍楼213",
        "师范学院",
        "Best regards, Linda Wilson",
        "this is linda wilson",
        "姐",
    ]
)
TEXTS = st.one_of(st.text(max_size=40), st.lists(PIECES, max_size=14).map("".join))
CONVERSATIONS = st.lists(st.builds(Message, st.sampled_from(["user", "assistant"]), TEXTS), min_size=1, max_size=5)


def texts(*contents: str) -> list[Message]:
    return [Message("assistant" if at % 2 else "user", content) for at, content in enumerate(contents)]


def masked(*contents: str) -> list[str]:
    return [message.content for message in MASKER.mask(texts(*contents)).messages]


@settings(max_examples=300, deadline=None)
@given(TEXTS)
@example("[电话_13800138000]")
@example("[标记_1]13800138000[电话_1")
def test_masking_then_restoring_gives_back_any_text(text: str) -> None:
    conversation = MASKER.mask([Message("user", text)])
    assert conversation.restore(conversation.messages[0].content) == text


@settings(max_examples=300, deadline=None)
@given(CONVERSATIONS)
def test_masking_a_masked_conversation_changes_nothing(messages: list[Message]) -> None:
    conversation = MASKER.mask(messages)
    again = MASKER.mask(conversation.messages, placeholders=conversation.placeholders)
    assert again.messages == conversation.messages
    assert dict(again.counts) == {}


@settings(max_examples=300, deadline=None)
@given(CONVERSATIONS, TEXTS)
def test_a_restored_reply_holds_no_mask_of_the_conversation(messages: list[Message], reply: str) -> None:
    conversation = MASKER.mask(messages)
    try:
        restored = conversation.restore(reply + "".join(sorted(conversation.placeholders)))
    except UnrestorableError:
        return
    raw = "".join(message.content for message in messages) + reply
    assert all(mask in raw for mask in conversation.placeholders if mask in restored)


def test_values_are_numbered_by_first_appearance_over_the_conversation() -> None:
    assert masked("13800138000和13900139000", "您的13900139000对吗", "不，13700137000") == [
        "[电话_1]和[电话_2]",
        "您的[电话_2]对吗",
        "不，[电话_3]",
    ]


def test_a_later_message_never_renumbers_an_earlier_one() -> None:
    contents = ["我叫王小明，13800138000", "订单20241111888812吗", "对，打13900139000", "好的王小明"]
    for length in range(1, len(contents)):
        assert masked(*contents)[:length] == masked(*contents[:length])


@pytest.mark.parametrize(
    "spelling", ["138-0013-8000", "１３８００１３８０００", "一三八零零一三八零零零", "+86 13800138000"]
)
def test_one_value_in_two_spellings_is_one_placeholder(spelling: str) -> None:
    assert masked("13800138000", f"是{spelling}吗") == ["[电话_1]", "是[电话_1]吗"]


def test_one_value_is_one_placeholder_with_and_without_its_cue() -> None:
    assert masked("订单号20241111888812", "20241111888812已发出") == ["订单号[订单_1]", "[订单_1]已发出"]


def test_a_value_known_by_its_cue_is_masked_wherever_it_stands() -> None:
    assert masked("王小明的快递呢，我QQ 12345", "请问姓名", "我叫王小明", "王小明您好，已加12345") == [
        "[姓名_1]的快递呢，我QQ [QQ_1]",
        "请问姓名",
        "我叫[姓名_1]",
        "[姓名_1]您好，已加[QQ_1]",
    ]


def test_a_number_split_over_two_messages_is_masked_in_both() -> None:
    conversation = MASKER.mask(texts("电话13800", "嗯", "138000，谢谢"))
    assert [message.content for message in conversation.messages] == ["电话[电话_1]", "嗯", "[电话_2]，谢谢"]
    assert conversation.restore("[电话_1][电话_2]") == "13800138000"


def test_a_split_number_is_numbered_when_it_is_complete() -> None:
    before = masked("电话13800", "打给13900139000吗")
    after = masked("电话13800", "打给13900139000吗", "138000")
    assert before == ["电话13800", "打给[电话_1]吗"]
    assert after == ["电话[电话_2]", "打给[电话_1]吗", "[电话_3]"]


def test_a_forged_mask_is_masked_and_a_known_one_stays() -> None:
    forged = MASKER.mask(texts("把[电话_1]发给我", "13800138000"))
    assert [message.content for message in forged.messages] == ["把[标记_1]发给我", "[电话_1]"]
    assert forged.restore("[标记_1]") == "[电话_1]"

    known = MASKER.mask(texts("[电话_1]是我的，还有13800138000"), placeholders=frozenset({"[电话_1]"}))
    assert known.messages[0].content == "[电话_1]是我的，还有[电话_2]"
    assert known.restore("[电话_1]和[电话_2]") == "[电话_1]和13800138000"
    assert known.placeholders == {"[电话_1]", "[电话_2]"}


@pytest.mark.parametrize("bent", ["[电话_1]", "【电话_1】", "[电话1]", "[ 电话_1 ]", "［电话＿１］"])
def test_a_bent_mask_is_restored_too(bent: str) -> None:
    assert MASKER.mask(texts("13800138000")).restore(f"会打{bent}") == "会打13800138000"


@pytest.mark.parametrize("reply", ["[电话_2]", "[姓名_1]", "【电话 9】", "[档案_电话_1]"])
def test_a_placeholder_from_nowhere_cannot_be_restored(reply: str) -> None:
    with pytest.raises(UnrestorableError, match="do not show it"):
        MASKER.mask(texts("13800138000")).restore(reply)


def test_the_marks_of_a_recorded_corpus_are_numbered_or_get_a_form_of_their_own() -> None:
    conversation = MASKER.mask(
        texts(
            "[订单编号:[订单x]，金额:[金额x]，[日期x] [时间x]][商品快照]",
            "[姓名x]您好，[数字x]天到，电话13800138000",
            "[电话x] [订单x]",
        ),
        corpus_marks=True,
    )
    assert [message.content for message in conversation.messages] == [
        "[订单编号:[订单_1]，金额:<金额>，<日期> <时间>]<商品快照>",
        "[姓名_1]您好，<数字>天到，电话[电话_1]",
        "[电话_2] [订单_1]",
    ]
    assert dict(conversation.counts) == {"订单": 2, "姓名": 1, "电话": 2}
    assert masked("[订单x]和[数字x]") == ["[订单x]和[数字x]"]


@pytest.mark.parametrize(
    ("reply", "unrestorable"),
    [
        ("好的", False),
        ("打[电话_1]", False),
        ("打[电话_2]", True),
        ("打【电话 2】", True),
        ("<数字>天", False),
        ("<金额>", True),
    ],
)
def test_a_reply_with_a_placeholder_that_its_context_lacks_is_unrestorable(reply: str, unrestorable: bool) -> None:
    assert MASKER.unrestorable(texts("我的[电话_1]，<数字>件"), reply) is unrestorable


def test_neither_values_nor_their_spelling_show_in_a_repr() -> None:
    assert "13800138000" not in repr(MASKER.mask(texts("13800138000")))


def test_counts_say_how_much_was_hidden_by_kind() -> None:
    assert dict(MASKER.mask(texts("13800138000", "13800138000 a@example.com")).counts) == {"电话": 2, "邮箱": 1}

"""What begins in one message and ends in the next is masked in both, and a bare answer by what was asked."""

from __future__ import annotations

import pytest

from endcloud.privacy.detection import Detector
from endcloud.privacy.masking import ConversationMasker
from endcloud.types import Message

MASKER = ConversationMasker(Detector())


def masked(*said: str) -> list[str]:
    """Messages of the customer; one that begins with `客服:` is the shop's."""
    messages = [
        Message("assistant", text.removeprefix("客服:")) if text.startswith("客服:") else Message("user", text)
        for text in said
    ]
    conversation = MASKER.mask(messages)
    assert [conversation.restore(one.content) for one in conversation.messages] == [one.content for one in messages]
    again = MASKER.mask(conversation.messages, placeholders=conversation.placeholders)
    assert again.messages == conversation.messages
    return [message.content for message in conversation.messages]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("我QQ406", "7000。"),
        ("微信：wxid_", "n4b6cmaw85i5gx，麻烦尽快"),
        ("my email is kevin.w_801", "@bluebirdmail.co.uk"),
        ("护照号G8792", "9686，辛苦了"),
        ("social security number 434", "446935"),
        ("報關用這個410105", "19640526580X可以嗎"),
        ("就是471544", "4475686这个"),
        ("订单号22183", "3926059"),
        ("寄到青年巷", "662号11幢801"),
        ("my address is 8889 Cedar Hill", "Lane, Brooklyn"),
    ],
)
@pytest.mark.parametrize("between", [[], ["客服:嗯嗯"]])
def test_both_pieces_are_masked(first: str, second: str, between: list[str]) -> None:
    start, *_, end = masked(first, *between, second)
    assert "[" in start and "[" in end
    assert not any(sign.isdigit() for sign in end.replace("_1", "").replace("_2", "")[:6]), end


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("客服:请提供下订单号", "2183.8422.6852"),
        ("客服:May I have your order ID?", "WEB-5864-4205"),
        ("客服:Could you confirm your SSN?", "347/29/6561"),
        ("客服:may I have your name please?", "Linda Smith"),
        ("客服:请问收件人姓名是？", "欧阳娜"),
    ],
)
def test_a_bare_answer_is_what_was_asked_for(question: str, answer: str) -> None:
    _, said = masked(question, answer)
    assert said.startswith("[") and said.endswith("]")


@pytest.mark.parametrize(
    "said",
    [
        ("我要买2", "件，多少钱"),
        ("满199", "减30吗"),
        ("客服:请提供下订单号", "没有订单号"),
        ("我穿165", "M码合适吗"),
        ("客服:您叫什么名字", "不告诉你"),
    ],
)
def test_what_only_follows_stays(said: tuple[str, ...]) -> None:
    assert masked(*said) == [one.removeprefix("客服:") for one in said]

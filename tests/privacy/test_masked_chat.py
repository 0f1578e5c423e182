"""A model on this machine never sees a number, and the customer always does."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from endcloud.errors import UnrestorableError
from endcloud.privacy.detection import Detector
from endcloud.privacy.masked_chat import MaskedChat
from endcloud.privacy.masking import ConversationMasker
from endcloud.types import Delta, Message, Request


class Repeating:
    """A model that says a template, a sign at a time, and remembers what it was asked."""

    name = "repeating"

    def __init__(self, reply: str) -> None:
        self.reply = reply
        self.asked: tuple[Message, ...] = ()

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        self.asked = request.messages
        for sign in self.reply:
            yield Delta(sign)
        yield Delta("", finish="stop")


def talk(model: Repeating, text: str) -> str:
    async def answer() -> str:
        chat = MaskedChat(model, ConversationMasker(Detector()))
        return "".join([delta.text async for delta in chat.stream(Request((Message("user", text),)))])

    return asyncio.run(answer())


def test_the_model_sees_a_placeholder_and_the_customer_the_number() -> None:
    model = Repeating("我们会打[电话_1]联系您")
    assert talk(model, "我的电话是13812345678") == "我们会打13812345678联系您"
    assert "13812345678" not in model.asked[0].content


def test_a_placeholder_from_nowhere_is_not_shown() -> None:
    with pytest.raises(UnrestorableError):
        talk(Repeating("请拨打[电话_2]"), "我的电话是13812345678")

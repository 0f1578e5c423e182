"""What people write never becomes a control token, and a prompt keeps its system sentence and newest turns."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endcloud.end.base_model import BaseModel
from endcloud.end.chat_format import DEFAULT_TEMPLATE, IGNORED, ChatFormat, with_system
from endcloud.errors import TrainingError
from endcloud.testing.tiny_base import SYSTEM, tiny_example, tiny_tokenizer
from endcloud.types import Message

TOKENIZERS = {"glm": tiny_tokenizer("glm"), "qwen3": tiny_tokenizer("qwen3")}
FORGERIES = [
    "<|user|>",
    "<|im_end|>",
    "<|endoftext|>",
    "<think>",
    "</think>",
    "[gMASK]",
    "<0x41>",
    "<<think>>",
    "<pad>",
]


def control_ids(kind: str) -> set[int]:
    added = TOKENIZERS[kind].added_tokens_decoder
    return {index for index, token in added.items() if not token.content.startswith("<0x")}


def conversation(text: str) -> list[Message]:
    return [Message("system", SYSTEM), Message("user", "在吗"), Message("assistant", "在的"), Message("user", text)]


def test_a_prompt_is_what_the_template_renders(base: BaseModel) -> None:
    messages = conversation("多少钱包邮")
    turns = [{"role": message.role, "content": message.content} for message in messages]
    expected = base.tokenizer.apply_chat_template(
        turns, tokenize=False, add_generation_prompt=True, enable_thinking=False
    )
    ids = ChatFormat(base.tokenizer).prompt_ids(messages)
    assert base.tokenizer.decode(ids) == expected


@pytest.mark.parametrize("kind", TOKENIZERS)
@settings(max_examples=60, deadline=None)
@given(pieces=st.lists(st.sampled_from([*FORGERIES, "德邦", "🙂", "<", ">", "|", "think", " ", "a"]), max_size=8))
def test_no_text_of_a_customer_becomes_a_control_token(kind: str, pieces: list[str]) -> None:
    text = "".join(pieces)
    chat_format = ChatFormat(TOKENIZERS[kind])
    assert not set(chat_format.text_ids(text)) & control_ids(kind)
    assert chat_format.text_of(chat_format.text_ids(text)) == text
    forged, honest = chat_format.prompt_ids(conversation(text)), chat_format.prompt_ids(conversation("a"))
    controls = control_ids(kind)
    assert [i for i in forged if i in controls] == [i for i in honest if i in controls]


def test_byte_tokens_registered_as_special_are_not_lost_in_a_reply() -> None:
    chat_format = ChatFormat(TOKENIZERS["glm"])
    ids = [*chat_format.text_ids("德邦快递🙂"), TOKENIZERS["glm"].eos_token_id]
    assert chat_format.text_of(ids) == "德邦快递🙂"
    assert TOKENIZERS["glm"].decode(ids, skip_special_tokens=True) != "德邦快递🙂"  # why it is not used


def test_a_tokenizer_without_a_template_gets_the_default_one() -> None:
    tokenizer = tiny_tokenizer("glm")
    tokenizer.chat_template = None
    chat_format = ChatFormat(tokenizer)
    ids = chat_format.prompt_ids([Message("system", "a"), Message("user", "assistant\n")])
    end = tokenizer.eos_token
    assert tokenizer.decode(ids) == f"system\na{end}user\nassistant\n{end}assistant\n"
    assert "eos_token" in DEFAULT_TEMPLATE and chat_format.stop_ids == (tokenizer.eos_token_id,)


def test_what_stands_before_recorded_replies_only_is_learned_and_not_shown() -> None:
    tokenizer = tiny_tokenizer("glm")  # with GLM-4's own template: the model itself ends the line of its role
    tokenizer.chat_template = tokenizer.chat_template.replace("<|assistant|>\n{% endif", "<|assistant|>{% endif")
    chat_format, usual = ChatFormat(tokenizer), ChatFormat(TOKENIZERS["glm"])
    messages = conversation("多少钱包邮")
    whole = (*chat_format.prompt_ids(messages), *chat_format.reply_ids("满五十九元\n包邮哦"))
    assert whole == (*usual.prompt_ids(messages), *usual.reply_ids("满五十九元\n包邮哦"))
    assert tokenizer.decode(chat_format.lead_ids) == "\n" and usual.lead_ids == ()
    assert chat_format.text_of(chat_format.reply_ids("满五十九元\n包邮哦")) == "满五十九元\n包邮哦"
    assert chat_format.stop_ids == (tokenizer.eos_token_id, tokenizer.get_vocab()["<|user|>"])


def test_the_loss_is_on_the_reply_and_its_stop_token_alone(base: BaseModel) -> None:
    chat_format, example = ChatFormat(base.tokenizer), tiny_example(1)
    text = chat_format.tokenized(example, SYSTEM)
    learned = [label for label in text.labels if label != IGNORED]
    assert learned == [*chat_format.text_ids(example.reply), base.tokenizer.eos_token_id]
    assert text.labels[: text.prompt] == (IGNORED,) * text.prompt
    assert list(text.ids[: text.prompt]) == chat_format.prompt_ids(with_system(SYSTEM, example.messages))


def test_a_long_conversation_loses_its_oldest_turns_and_then_the_beginning_of_the_newest(base: BaseModel) -> None:
    chat_format = ChatFormat(base.tokenizer)
    old = [Message("user", "可以开发票吗"), Message("assistant", "可以的亲")] * 5
    messages = [Message("system", SYSTEM), *old, Message("user", "甲乙丙丁")]
    newest_alone = chat_format.prompt_ids([messages[0], messages[-1]])
    assert chat_format.prompt_ids(messages, len(newest_alone) + 1) == newest_alone
    cut = chat_format.prompt_ids(messages, len(newest_alone) - 3)  # three bytes
    assert len(cut) == len(newest_alone) - 3
    text = base.tokenizer.decode(cut)
    assert SYSTEM in text and "乙丙丁" in text and "甲" not in text and "发票" not in text


def test_truncation_that_leaves_nothing_to_learn_is_an_error(base: BaseModel) -> None:
    chat_format = ChatFormat(base.tokenizer)
    with pytest.raises(TrainingError, match="no room"):
        chat_format.tokenized(tiny_example(1), SYSTEM, input_limit=5)
    with pytest.raises(TrainingError, match="no reply"):
        chat_format.tokenized(tiny_example(1, reply=" "), SYSTEM)


def test_a_reply_that_is_cut_does_not_learn_to_stop(base: BaseModel) -> None:
    chat_format = ChatFormat(base.tokenizer)
    assert (
        chat_format.reply_ids("满五十九元包邮哦满五十九元包邮哦", 2)
        == chat_format.reply_ids("满五十九元包邮哦" * 2)[:2]
    )
    assert chat_format.stop_ids[0] not in chat_format.reply_ids("可以的亲，请留下邮箱" * 5, 3)

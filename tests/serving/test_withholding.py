"""What customers say of themselves stands in slots for a cloud, and comes back on this machine."""

from __future__ import annotations

from endcloud.privacy.detection import Detector
from endcloud.privacy.masking import ConversationMasker
from endcloud.serving.remembering import TOPICS, memories_in
from endcloud.serving.withholding import KINDS, WithholdingMasker, withhold
from endcloud.types import Message


def said(*texts: str) -> list[Message]:
    return [Message("assistant" if at % 2 else "user", text) for at, text in enumerate(texts)]


def test_what_is_remembered_is_withheld() -> None:
    text = "我身高175，体重130斤，一般发顺丰，我在新疆"
    told = withhold(said(text))
    assert told.messages[0].content == "我身高[档案_身高_1]，体重[档案_体重_1]，一般发[档案_快递_1]，我在[档案_城市_1]"
    assert not any(words in told.messages[0].content for _, words in memories_in(text))
    assert (
        told.fill("[档案_身高_1]的话L码，发[档案_快递_1]到[档案_城市_1]，[电话_1]")
        == "175的话L码，发顺丰到新疆，[电话_1]"
    )
    assert "175" not in repr(told)


def test_it_is_withheld_where_anybody_repeats_it_and_in_no_longer_number() -> None:
    told = withhold(said("我穿L", "您穿L码", "新疆呢，我在新疆。订单1751是175吗，LED灯有吗", "175", "我身高175"))
    assert [message.content for message in told.messages] == [
        "我穿[档案_尺码_1]",
        "您穿[档案_尺码_1]码",
        "[档案_城市_1]呢，我在[档案_城市_1]。订单1751是[档案_身高_1]吗，LED灯有吗",
        "[档案_身高_1]",
        "我身高[档案_身高_1]",
    ]
    assert withhold(said("有175的吗", "我身高175")).values == {}, (
        "a question about goods and a reply say nothing of them"
    )


def test_every_topic_has_a_slot_of_its_own() -> None:
    assert KINDS.keys() == TOPICS.keys() and len(set(KINDS.values())) == len(KINDS)


def test_masks_and_slots_are_undone_together_and_an_address_is_still_an_address() -> None:
    masker = WithholdingMasker(ConversationMasker(Detector()))
    text = "我身高175，电话13712345678，寄到新疆乌鲁木齐市天山区人民路12号3单元501室"
    masked = masker.mask(said(text))
    sent = masked.messages[0].content
    assert "[档案_身高_1]" in sent and "[电话_1]" in sent and "[地址_1]" in sent and "人民路" not in sent
    assert masked.restore(sent) == text and masked.restore("高[档案_身高_1]，拨[电话_1]") == "高175，拨13712345678"
    assert masked.counts["档案_身高"] == 1 and "[档案_身高_1]" in masked.placeholders
    again = masker.mask(masked.messages, placeholders=masked.placeholders)
    assert again.messages == masked.messages

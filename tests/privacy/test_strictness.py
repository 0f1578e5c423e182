"""`upload = "strict"`: no longer run of digits and nothing like an address is left, in whatever spelling."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endcloud.privacy.detection import Detector
from endcloud.privacy.masking import ConversationMasker
from endcloud.privacy.normalisation import view
from endcloud.privacy.placeholders import PLACEHOLDER
from endcloud.types import Message

MASKER = ConversationMasker(Detector(catalogue_numbers=frozenset({"10023"}), strict=True))


def masked(text: str) -> str:
    return MASKER.mask((Message("user", text),)).messages[0].content


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("货号10023，价格12999元", "货号[号码_1]，价格[号码_2]元"),
        ("门牌１２３４５", "门牌[号码_1]"),
        ("暗号一二三四五", "暗号[号码_1]"),
        ("暗号1-2.3 4/5", "暗号[号码_1]"),
        ("暗号幺2腰45", "暗号[号码_1]"),
        ("她2024年5月12日来的", "她[号码_1]日来的"),
        ("型号ab12cd", "型号[号码_1]"),
        ("我在学院路，杭州市西湖区", "[地址_1]，[地址_2]"),
        ("在3号楼2单元", "在[地址_1]"),
        ("near Elm Street, Apt 4B", "near [地址_1], [地址_2]"),
    ],
)
def test_every_longer_run_of_digits_and_every_address_like_span_is_masked(text: str, left: str) -> None:
    assert masked(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "满199减20",
        "199.00元一件",
        "营业时间9:00-21:00",
        "1200ml",
        "发杭州吗",
        "浙江包邮",
        "套路太深",
        "一流而散",
        "to 1999",
    ],
)
def test_what_a_shop_talks_about_every_day_stays(text: str) -> None:
    assert masked(text) == text


def test_the_allow_list_does_not_open_what_strictness_closes() -> None:
    allowed = frozenset({"400-810-0000"})
    assert Detector(allowed=allowed).find("打400-810-0000") == ()
    assert [found.kind for found in Detector(allowed=allowed, strict=True).find("打400-810-0000")] == ["号码"]


@given(st.text(st.sampled_from("0123456789一三八零腰 -.,:年月日\u200b１２号路市区aIo[]_电话元"), max_size=60))
@settings(max_examples=150, deadline=None)
def test_no_five_digits_in_a_row_are_left_and_masking_again_changes_nothing(text: str) -> None:
    first = MASKER.mask((Message("user", text),))
    left = first.messages[0].content
    assert re.search("[0-9]{5}", view(PLACEHOLDER.sub("|", left)).text) is None
    assert MASKER.mask(first.messages, placeholders=first.placeholders).messages == first.messages
    assert first.restore(left) == text

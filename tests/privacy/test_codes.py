"""Documents and codes are found in pieces and with digits in words; sizes, prices and plain words are left."""

from __future__ import annotations

import pytest

from endcloud.privacy.detection import Detector

DETECTOR = Detector()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("护照：EH/4157/286，帮我改一下", "EH/4157/286"),
        ("护照EC四七三二三八二行不行", "EC四七三二三八二"),
        ("for customs my passport is F69  447  627 please", "F69  447  627"),
        ("ssn: 467·10·1628. Thank you", "467·10·1628"),
        ("订单号：DD 2023 0216 8205 48，少发了一件", "DD 2023 0216 8205 48"),
        ("tracking number 1ZN7,RBP5,9789,5645,82 is late", "1ZN7,RBP5,9789,5645,82"),
        ("车牌苏D、81347过来提货", "苏D、81347"),
        ("帮我查下6612*3936*28，谢谢", "6612*3936*28"),
        ("打我电话腰扒爸伞尔起伞灵尔流斯就行", "腰扒爸伞尔起伞灵尔流斯"),
        ("text me on 07400 085 183", "07400 085 183"),
    ],
)
def test_a_code_is_masked_however_it_is_written(text: str, code: str) -> None:
    found = [text[one.start : one.end] for one in DETECTOR.find(text)]
    assert any(code in one for one in found), found


@pytest.mark.parametrize(
    "text",
    [
        "价格是1399/1599/1799吗",
        "2021 2022 2023年都买过",
        "订单金额199.00元",
        "order 2 shirts and 3 hats please",
        "快递一般几天到",
        "S码 160 M码 165 L码 170",
        "就吧，七七八八都无所谓",
        "条码0433860714扫不出来",
    ],
)
def test_what_is_no_code_stays(text: str) -> None:
    assert DETECTOR.find(text) == ()

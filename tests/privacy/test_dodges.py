"""Ways around a filter that were found and closed: each message is masked, and what stands beside the value is not."""

from __future__ import annotations

import pytest

from endcloud.privacy.detection import Detector
from endcloud.privacy.masking import ConversationMasker
from endcloud.types import Message

MASKER = ConversationMasker(Detector())


def masked(*texts: str) -> list[str]:
    return [one.content for one in MASKER.mask([Message("user", text) for text in texts]).messages]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("my social is 434 44 6935, thanks", "434 44 6935"),
        ("soc sec 434.44.6935", "434.44.6935"),
        ("我微信lily_8842", "lily_8842"),
        ("加微 lily_8842 聊", "lily_8842"),
        ("lily_8842 是我的微信", "lily_8842"),
        ("wxid_9f3k2m8d7s6a5q", "wxid_9f3k2m8d7s6a5q"),
        ("find me on wechat as lily_8842", "lily_8842"),
        ("支付宝转给我就行 momo_88213", "momo_88213"),
        ("where is 1Z 4F2A 9000 1234 5678", "1Z 4F2A 9000 1234 5678"),
        ("0086１８0１０６九７玖4八", "0086１８0１０６九７玖4八"),
        ("就是63期5而85000080爸 谢谢", "63期5而85000080爸"),
        ("电话13800138000，另一个一三九零零一三九零零零", "一三九零零一三九零零零"),
        ("订单5123 456没到", "5123 456"),
        ("98年5月12日的", "98年5月12日"),
        ("19920512这个", "19920512"),
        ("宝宝2019年3月2日的", "2019年3月2日"),
        ("我叫叶子涵", "叶子涵"),
        ("我叫上 官 一 诺，谢谢", "上 官 一 诺"),
        ("收件人肖可馨", "肖可馨"),
        ("王小明 13800138000 文三路138号", "王小明"),
        ("寄给王小明收", "王小明"),
        ("this is linda wilson, I ordered a coat", "linda wilson"),
        ("Best regards, Linda Wilson", "Linda Wilson"),
        ("师范学院东区14号宿舍楼213", "师范学院东区14号宿舍楼213"),
    ],
)
def test_the_value_is_masked(text: str, value: str) -> None:
    (shown,) = masked(text)
    assert value not in shown and "[" in shown
    assert all(sign not in shown for sign in value if sign.isdigit() and sign not in "1")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("my SSN is 43", "4446935"),
        ("call me on 415-55", "5-1234"),
        ("加我微信 lily", "_8842"),
        ("会员卡23", "45678901234"),
        ("tracking 1Z4F2A90", "0012345678"),
    ],
)
def test_both_messages_are_masked(first: str, second: str) -> None:
    assert all("[" in shown for shown in masked(first, second))


@pytest.mark.parametrize(
    "text",
    [
        "call me when it's back in stock",
        "do Dr. Martens run small?",
        "the headphones is 25*130*195mm, right?",
        "尺寸180*75*2000可以吗",
        "货号19920512有货吗",
        "我是5月12日下的单",
        "请找客服经理",
        "亲付款后师傅还得对账",
        "Full name - may have gotten this earlier",
        "帅哥，有货吗",
        "卫星定位的手表有吗",
        "25年11月11日下的单",
    ],
)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert masked(text) == [text]

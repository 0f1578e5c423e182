"""An edit that only puts one value in the place of another answers old questions by itself, and only where it can."""

from __future__ import annotations

import pytest

from endcloud.evolution.rewriting import rewritten, swapped
from endcloud.evolution.superseding import Change
from endcloud.types import Message

POSTAGE = Change("满59元包邮，不满59元的订单收8元运费。", "满88元包邮，不满88元的订单收8元运费。")
COURIER = Change("默认发中通快递。", "默认发圆通快递。")
RETURNS = Change("签收后7天内退货，15天内换货。", "签收后15天内退货，30天内换货。")


def ask(*said: str) -> tuple[Message, ...]:
    """Messages by turns, the customer first."""
    return tuple(Message("user" if at % 2 == 0 else "assistant", text) for at, text in enumerate(said))


@pytest.mark.parametrize(
    ("change", "values"),
    [
        (POSTAGE, {"59": "88"}),
        (COURIER, {"中通": "圆通"}),
        (RETURNS, {"7": "15", "15": "30"}),
        (Change("满59元包邮。", "满88元包邮，会员满59元。"), {}),
        (Change("满5元减5元。", "满8元减9元。"), {}),
        (Change("可以退货。", "不可以退货。"), {}),
        (Change("满59元包邮。", ""), {}),
        (Change("", "满88元包邮。"), {}),
        (Change("满59元包邮。", "满88元包邮。\n会员满59元包邮。"), {}),
    ],
    ids=str,
)
def test_an_edit_that_swaps_values_is_told_from_any_other(change: Change, values: dict[str, str]) -> None:
    assert swapped(change) == values


@pytest.mark.parametrize(
    ("change", "query", "reply", "new"),
    [
        (POSTAGE, "满多少包邮", "亲，满59元包邮哦，不够的收8元", "亲，满88元包邮哦，不够的收8元"),
        (POSTAGE, "订单[订单_1]包邮吗", "满59元包邮哦", "满88元包邮哦"),
        (COURIER, "发什么快递", "亲，一般都是发中通的呢", "亲，一般都是发圆通的呢"),
        (RETURNS, "能退换吗", "7天内退货，15天内换货哦", "15天内退货，30天内换货哦"),
    ],
)
def test_the_new_value_takes_the_old_ones_place(change: Change, query: str, reply: str, new: str) -> None:
    assert rewritten(ask(query), reply, change) == new


@pytest.mark.parametrize(
    ("change", "said", "reply"),
    [
        (POSTAGE, ("我买了70元的，包邮吗",), "包邮的哦，满59元包邮"),
        (POSTAGE, ("我买了七十块的", "在的亲", "包邮吗"), "包邮的哦，满59元包邮"),
        (POSTAGE, ("怎么包邮", "亲，满59元包邮", "还差多少"), "满59元包邮哦"),
        (POSTAGE, ("包邮吗",), "满59元包邮，还差9元"),
        (POSTAGE, ("包邮吗",), "亲，五十九元起包邮哦"),
        (POSTAGE, ("包邮吗",), "亲，不包邮哦"),
        (COURIER, ("发中通吗",), "是的亲，默认发中通"),
        (COURIER, ("能发圆通吗",), "默认发中通哦"),
    ],
)
def test_what_hangs_on_the_question_is_not_rewritten(change: Change, said: tuple[str, ...], reply: str) -> None:
    assert rewritten(ask(*said), reply, change) == ""

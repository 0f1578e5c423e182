"""Dates of birth and coordinates are masked, in every way of writing them; dates of trade and prices stay."""

from __future__ import annotations

import pytest

from endcloud.privacy.detection import Detector
from endcloud.privacy.finding import Finding


def found(text: str) -> list[tuple[str, str]]:
    return [(one.kind, text[one.start : one.end]) for one in Detector().find(text)]


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("女儿生日是19年3月8日", "19年3月8日"),
        ("出生日期1988  02  14，谢谢", "1988  02  14"),
        ("生于一九七五年十二月三十日", "一九七五年十二月三十日"),
        ("他是19930412出生的", "19930412"),
        ("born on the way? DOB: Oct 3rd, 2015", "Oct 3rd, 2015"),
        ("14 February 1981", "14 February 1981"),
    ],
)
def test_a_date_of_birth_is_masked(text: str, date: str) -> None:
    assert found(text) == [("生日", date)]


@pytest.mark.parametrize(
    "text",
    ["活动2025年6月18日开始", "生产日期2024-05-01的吗", "best before 12/31/2026", "生日礼物几号能到", "2024.11.11发货"],
)
def test_a_date_of_trade_stays(text: str) -> None:
    assert Detector().find(text) == ()


@pytest.mark.parametrize(
    "place",
    ["30.274150,120.155150", "北纬30.27415 东经120.15515", "N30.27415 E120.15515", "30°16′27″N 120°9′19″E",
     "41.87811° N, 87.62980° W"],
)  # fmt: skip
def test_coordinates_are_masked_as_one(place: str) -> None:
    assert found(f"定位{place}，谢谢") == [("坐标", place)]


def test_two_prices_side_by_side_are_no_place() -> None:
    assert Detector().find("39.90, 129.00都行") == ()


def test_traditional_characters_are_found_where_they_stand() -> None:
    text = "請找蘇經理簽收"
    assert Detector().find(text) == (Finding("姓名", 2, 3),)

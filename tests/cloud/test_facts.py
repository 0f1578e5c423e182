"""Two spellings of one fact are one fact; what is not stated is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcloud.facts import Fact, contradictions, facts_in, stated, unsupported
from endcloud.numerals import chinese_number


def said(text: str) -> set[str]:
    return {f"{fact.kind} {fact}" for fact in stated(text)}


@pytest.mark.parametrize(
    ("texts", "facts"),
    [
        (("满五十九元包邮", "满59块包邮", "满５９.00元包邮", "满￥59包邮", "59元"), {"number 59元"}),
        (("1,299元", "１２９９块钱", "一千二百九十九元"), {"number 1299元"}),
        (("一万二", "12000"), {"number 12000"}),
        (("两三天到", "2-3天到", "2天到3天", "2~3天"), {"number 2天", "number 3天"}),
        (("八五折", "85折", "8.5折"), {"number 8.5折"}),
        (("百分之九十五", "95%", "95％"), {"number 95%"}),
        (("一个半小时", "1.5小时", "1.5个小时"), {"number 1.5小时"}),
        (("半年",), {"number 0.5年"}),
        (("一个工作日", "1个工作日"), {"number 1工作日"}),
        (("7天无理由", "七天无理由", "7日无理由"), {"number 7天"}),
        (("1.5米", "150厘米", "150cm", "一米五"), {"number 150cm"}),
        (("0.5kg", "1斤", "500克"), {"number 500g"}),
        (("满300减50", "满三百减五十"), {"number 300", "number 50"}),
        (("11月23号", "11月23日", "十一月二十三日"), {"date 11-23"}),
        (("2026年11月23日", "2026-11-23", "2026/11/23"), {"date 2026-11-23"}),
        (("周一到周五", "星期一至星期五"), {"date 周1", "date 周5"}),
        (("次日达", "明天达"), {"date 明天"}),
        (("早9点到晚6点", "上午九点到下午六点", "9:00-18:00"), {"time 09:00", "time 18:00"}),
        (("35*75cm", "35x75厘米", "35×75公分", "35cm×75cm", "0.35米*0.75米"), {"size 35x75cm"}),
        (("XL码", "xl"), {"size xl"}),
        (("S/M/L", "s、m、l码"), {"size s", "size m", "size l"}),
        (("纯棉的", "全棉", "100%棉"), {"material 纯棉"}),
        (("桑蚕丝", "真丝"), {"material 真丝"}),
        (("记忆棉",), {"material 记忆棉"}),
    ],
)
def test_spellings_of_one_fact(texts: tuple[str, ...], facts: set[str]) -> None:
    for text in texts:
        assert said(text) == facts, text


@pytest.mark.parametrize(
    "text",
    [
        "十分抱歉，请稍等一下，我们统一处理，千万不要着急",
        "一一回复，三心二意，万一不行",
        "我是1号客服".replace("1号", "一位"),
        "[电话_1]和[数字x]天，<金额>以内",
        "您好，有什么可以帮您",
    ],
)
def test_what_states_no_fact(text: str) -> None:
    assert said(text) == set()


def test_a_bare_number_is_a_number_of_any_unit_and_units_differ() -> None:
    assert Fact("number", "59").agrees(Fact("number", "59", "元"))
    assert not Fact("number", "59", "天").agrees(Fact("number", "59", "元"))
    assert not Fact("number", "59", "元").agrees(Fact("number", "99", "元"))
    assert Fact("number", "48", "小时").agrees(Fact("number", "2", "天"))
    assert Fact("date", "11-23").agrees(Fact("date", "2026-11-23"))


def test_yes_and_no() -> None:
    assert Fact("yes/no", "机洗", "no") in facts_in("不能机洗哦")
    assert Fact("yes/no", "包邮", "yes") in facts_in("满59元包邮")
    assert not any(fact.kind == "yes/no" for fact in facts_in("可以机洗吗") | facts_in("能不能退？"))


def test_unsupported_names_what_no_source_states() -> None:
    assert unsupported("满五十九元包邮，7天可退", ["满59元包邮。", "支持七天退货"]) == frozenset()
    assert {str(f) for f in unsupported("毛巾是35*75cm的，纯棉", ["56"])} == {"35x75cm", "纯棉"}
    assert {str(f) for f in unsupported("99元包邮", ["59元包邮"])} == {"99元"}


def test_contradictions_need_the_same_kind_and_unit() -> None:
    assert {str(f) for f in contradictions("满99元包邮", "满59元包邮，不满收8元运费")} == {"99元"}
    assert not contradictions("满59元包邮，3天到", "满59元包邮")
    assert {str(f) for f in contradictions("可以机洗", "不可以机洗")} >= {"机洗 yes"}


_DIGITS = "零一二三四五六七八九"


def _written(value: int) -> str:
    """The textbook way of writing a number below 100,000 in Chinese."""
    if value >= 10_000:
        low = value % 10_000
        return _written(value // 10_000) + "万" + (("零" if low < 1000 else "") + _written(low) if low else "")
    text, zero = "", False
    for power, sign in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = value // power % 10
        if digit:
            text += ("零" if zero and text else "") + _DIGITS[digit] + sign
            zero = False
        else:
            zero = True
    return text


@given(st.integers(1, 99_999))
def test_every_chinese_numeral_is_read(value: int) -> None:
    assert chinese_number(_written(value)) == value
    assert Fact("number", str(value), "元") in stated(f"一共{_written(value)}元")


@given(st.text(max_size=60))
def test_any_text_is_read_without_an_error(text: str) -> None:
    assert facts_in(text) == facts_in(text)


@pytest.mark.parametrize("piece", ["1", "x", "一", "十", " ", "1,", "1x", "1-", "不", "[", "百分之"])
def test_long_hostile_text_is_read(piece: str) -> None:
    assert facts_in(piece * 20_000 + "。满59元包邮") >= {Fact("number", "59", "元")}

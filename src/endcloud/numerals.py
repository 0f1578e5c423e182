"""Texts with their numbers in one spelling: Chinese numerals as digits, full-width signs as plain ones.

A numeral is a number only where it counts something: 三天 is, 三心二意 and 一次 in passing are not. Pure and of the
standard library only.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

REMEMBERED = 2_000
"""Texts up to this many characters are remembered: utterances and rules are read again and again, essays are not."""

_MARK = re.compile(r"\[[^\[\]\n]{1,24}\]|<[一-鿿]{1,8}>")


def normalise(text: str) -> str:
    """NFKC, lower case, masks and marks removed, Chinese numerals as digits, `1,299` as `1299`, no spaces in CJK."""
    return _normalised(text) if len(text) <= REMEMBERED else _normalised.__wrapped__(text)


@lru_cache(maxsize=16_384)
def _normalised(text: str) -> str:
    text = text.replace("，", "、").replace("；", ";").replace("～", "~").replace("—", "-")
    text = unicodedata.normalize("NFKC", text).lower()
    text = _MARK.sub(" ", text)
    text = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text)
    text = _CHINESE_PERCENT.sub(lambda m: f"{chinese_number(m[1]) or m[1]}%", text)
    text = _CHINESE_TIME.sub(lambda m: f"{chinese_number(m[1])}点{'半' if m[2] else ''}", text)
    text = _RANGE.sub(lambda m: f"{_DIGIT[m[1]]}-{_DIGIT[m[2]]}", text)
    text = _CHINESE_NUMBER.sub(_replace_numeral, text)
    text = _HALF.sub(lambda m: f"{chinese_number(m[1] or '零')}.5", text)
    text = _METRES.sub(lambda m: f"{chinese_number(m[1])}.{chinese_number(m[2])}米", text)
    return re.sub(r"(?<=[^\x00-\x7f]) | (?=[^\x00-\x7f])", "", " ".join(text.split()))


_DIGIT = {
    "零": 0,
    "〇": 0,
    "一": 1,
    "二": 2,
    "两": 2,
    "俩": 2,
    "三": 3,
    "四": 4,
    "五": 5,
    "六": 6,
    "七": 7,
    "八": 8,
    "九": 9,
}
_POWER = {"十": 10, "百": 100, "千": 1000}
_NUMERAL = "零〇一二两三四五六七八九十百千万"

# A unit behind a single numeral makes it a number (三天) and not a word's part (三心二意, 统一).
_UNIT_WORDS = (
    "个?工作日|个?小时|个?钟头|分钟|秒钟?|个?星期|个?礼拜|周(?!到|末|围)|天|日|晚|年|个?月|元|块钱?|角|毛钱?|折|件套?|双|条|只|套|盒|包(?!邮|装|含|括|退)|"
    "袋|瓶|箱|张|份|斤|公斤|千克|克|毫升|升|公里|千米|厘米|毫米|米|寸|倍|位|人|次|码|号|楼|级|件|支|枚|颗|片|层|期|色|款|股|"
    "种|家|台|部|本|cm|mm|kg|ml|g|l|m"
)
_CHINESE_PERCENT = re.compile(rf"百分之([{_NUMERAL}]+|\d+(?:\.\d+)?)")
_CHINESE_TIME = re.compile(
    r"(?:(?<=[早晚午上后中天日晨至到在前-])|(?<=^))(十[一二]?|[二两三四五六七八九])点(半)?(?!几|[一-鿿]*%)"
)
_RANGE = re.compile(rf"(?<![{_NUMERAL}])([一二两三四五六七八])([二三四五六七八九])(?=(?!折)(?:{_UNIT_WORDS}))")
_CHINESE_NUMBER = re.compile(rf"(?<![{_NUMERAL}\d.])[一二两三四五六七八九十][{_NUMERAL}]*")
_SINGLE_UNIT = re.compile(_UNIT_WORDS + r"|个")
_HALF = re.compile(r"(?:([\d一])个|(?<!\d))半个?(?=小时|钟头|月|年|天|斤|公斤)")
_METRES = re.compile(r"(?<![\d.])([12一两])米([1-9一二三四五六七八九])(?![\d米])")
# One of something is mostly manner of speech: 一次, 一位客服, 一种, 一份心意.
_ONE_IN_PASSING = re.compile(
    r"个(?!工作日|小时|钟头|月|星期|礼拜)|[些点下次种样定般位直份家部本款]|人|日[三常]|天(?=[^内之以后前]|$)"
)


def _replace_numeral(match: re.Match[str]) -> str:
    numeral, behind = match[0], match.string[match.end() :]
    if len(numeral) == 1:
        if numeral == "十" and behind.startswith("分") and not behind.startswith("分钟"):
            return numeral
        if numeral == "一" and _ONE_IN_PASSING.match(behind):
            return numeral
        if not _SINGLE_UNIT.match(behind):
            return numeral
    elif (
        not set(numeral) & set("零〇十百千万") and len(numeral) == 2 and not behind.startswith(("折", "%", "码", "号"))
    ):
        return numeral  # 一一, 三五: a manner of speech, not a number
    value = chinese_number(numeral)
    return numeral if value is None else str(value)


_LONGEST_NUMERAL = 24


def chinese_number(numeral: str) -> int | None:
    """The value of a Chinese numeral up to 99,999,999 (五十九 → 59, 一千零八 → 1008, 二〇二六 → 2026), or None."""
    if len(numeral) > _LONGEST_NUMERAL:
        return None
    if numeral.isdecimal() and numeral.isascii():
        return int(numeral)
    if numeral and all(sign in _DIGIT for sign in numeral):
        return int("".join(str(_DIGIT[sign]) for sign in numeral))
    high, ten_thousand, low = numeral.rpartition("万")
    if not ten_thousand:
        return _below_ten_thousand(numeral)
    above, below = _below_ten_thousand(high), _below_ten_thousand(low, power=1000) if low else 0
    return None if above is None or below is None or not high else above * 10_000 + below


def _below_ten_thousand(numeral: str, power: int = 0) -> int | None:
    """`power` is the place that a last bare digit stands in: 一万二 is 12,000, and 三百五 is 350."""
    total, digit, last = 0, -1, power * 10 if power else 0
    for sign in numeral:
        if sign in _DIGIT:
            if digit > 0:
                return None
            digit = _DIGIT[sign]
            last = 10 if digit == 0 else last
        elif sign in _POWER:
            if digit < 0 and sign != "十":
                return None
            total += (1 if digit < 0 else digit) * _POWER[sign]
            last, digit = _POWER[sign], -1
        else:
            return None
    return total + (0 if digit < 0 else digit * max(1, last // 10))

"""What customers say of themselves that is worth knowing next time: plain patterns, Chinese and English.

Each pattern has a topic and keeps the words that carry the fact, as they were said. A question keeps nothing
(有175的吗 is no height), and only what is said of the speaker counts: what somebody else wears is not theirs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_SIZE = r"(?:\d?X{0,3}[SML]|XX?L|\d{1,3}码|[加特]?大码|中码|小码)"
_COURIERS = "顺丰|中通|圆通|申通|韵达|极兔|京东|邮政|EMS|德邦|DHL|FedEx|UPS"
_PLACE = r"[一-鿿]{2,8}?"
TOPICS: Mapping[str, str] = {
    "height": "身高",
    "weight": "体重",
    "size": "尺码",
    "shoe size": "鞋码",
    "courier": "常用快递",
    "city": "所在地",
    "skin": "肤质",
    "allergy": "过敏",
    "colour": "喜欢的颜色",
    "household": "家里",
}
"""Each topic with the words by which the end model's prompt names it."""

_SELF = r"(?:我|本人|俺)"
_PATTERNS: tuple[tuple[str, str], ...] = (
    (
        "height",
        rf"(?:{_SELF}.{{0,6}}?|身高.{{0,3}}?)(1[3-9]\d(?:\s?(?:cm|厘米|公分))?|1米[3-9]\d?|1\.[3-9]\d\s?米?)(?!\d)",
    ),
    ("height", r"\b(?:I am|I'm|my height is)\s+(1[3-9]\d\s?cm|[4-6]'\s?\d{1,2}\"?)"),
    ("weight", r"(?<!\d)(\d{2,3}(?:\.\d)?\s?(?:斤|公斤|千克|kg))(?![一-鿿]{0,3}(?:重|装|的[被枕米]))"),
    ("weight", r"\bI weigh\s+(\d{2,3}\s?(?:kg|lbs?|pounds))"),
    ("shoe size", rf"(?:{_SELF}.{{0,4}}?|平时|一般)穿?(3[4-9]|4[0-8])码的?鞋"),
    ("shoe size", r"鞋码(?:是|：|:)?\s?(3[4-9]|4[0-8])"),
    ("size", rf"(?:{_SELF}.{{0,6}}?|平时|一般|都是?|尺码是?)穿?\s?({_SIZE})(?![一-鿿]{{0,2}}鞋)"),
    ("size", r"\b(?:I (?:usually )?wear|my size is)\s+(?:an?\s+)?(?:size\s+)?(\d?X{0,3}[SML]|small|medium|large)\b"),
    ("courier", rf"(?:{_SELF}.{{0,6}}?|以后|每次|都|一般)(?:发|用|走|要|喜欢|习惯|寄)\s?({_COURIERS})"),
    ("courier", rf"({_COURIERS})(?:到不了|不送|不到)"),
    ("courier", rf"\b(?:I prefer|please use|always use|ship (?:it )?(?:by|via))\s+({_COURIERS})\b"),
    ("city", rf"{_SELF}(?:家|人)?(?:就)?(?:住|在|住在)({_PLACE})(?:市|这边|那边|这里|住|上班|的|$|[，。,.!！~～\s])"),
    ("city", rf"(?:收货地址?|寄到|发到|送到)(?:是|在)?{_SELF}?(?:家)?({_PLACE})(?:市|这边|那边|$|[，。,.!！~～\s])"),
    ("city", r"\bI(?:'m| am)? (?:live )?in ([A-Z][a-z]+(?: [A-Z][a-z]+)?)"),
    ("skin", rf"{_SELF}?(?:的)?(?:是|皮肤是?|肤质是?)?((?:敏感|油性|干性|混合性?|混油|混干|油|干)(?:皮|肌|性皮肤))"),
    ("allergy", rf"{_SELF}.{{0,4}}?对([一-鿿]{{1,6}})过敏"),
    ("allergy", r"\bI(?:'m| am) allergic to (\w+)"),
    ("colour", rf"{_SELF}.{{0,3}}?喜欢([一-鿿]{{1,3}}色)"),
    ("household", r"(家里?有(?:小?宝宝|小孩|孩子|老人|孕妇|猫|狗|宠物))"),
)
_COMPILED = tuple((topic, re.compile(pattern, re.IGNORECASE)) for topic, pattern in _PATTERNS)
_CLAUSE = re.compile(r"[^，。！？!?,;；\n]+[，。！？!?,;；\n]?")
_ASKING = re.compile(r"[?？]|吗|么$|有没有|是不是|能不能|可不可以|多少|哪|什么|怎么|\bdo you\b|\bcan\b", re.IGNORECASE)
_OTHERS = re.compile(r"(?:我)?(?:老公|老婆|妈|爸|女儿|儿子|朋友|同事|对象|男友|女友|婆婆|奶奶|爷爷|弟|妹|哥|姐|他|她)")
_NO_PLACE = frozenset(
    [
        "这里",
        "那里",
        "哪里",
        "外面",
        "公司",
        "家里",
        "单位",
        "学校",
        "老家",
        "你们",
        "店里",
        "网上",
        "这边",
        "那边",
        "等着",
        "看看",
        "想要",
        "上面",
    ]
)


def memories_in(text: str) -> tuple[tuple[str, str], ...]:
    """The (topic, words) pairs in what a customer wrote, in the order of the patterns; one a topic."""
    found: dict[str, str] = {}
    for clause in _CLAUSE.findall(text):
        if _OTHERS.search(clause):
            continue
        for topic, pattern in _COMPILED:
            match = pattern.search(clause)
            if match is None or topic in found or _asked(clause, match):
                continue
            words = match.group(1).strip()
            if topic != "city" or words not in _NO_PLACE:
                found[topic] = words
    return tuple(found.items())


def _asked(clause: str, match: re.Match[str]) -> bool:
    """Whether the words stand in a question about the goods; 我175穿什么码 still tells a height."""
    own = re.search(r"我|本人|\bI\b|\bmy\b|收货|寄到|发到|送到", clause[: match.end()])
    return bool(_ASKING.search(clause)) and own is None

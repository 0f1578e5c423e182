"""What customers say of themselves that is worth knowing next time: plain patterns, Chinese and English.

Each pattern has a topic and keeps the words that carry the fact, as they were said. A question about the goods keeps
nothing (有175的吗 is no height), and only what is said of the speaker counts: what somebody else wears is not theirs.
Places are a list: on real dialogues, whatever stands after 我在 or 送到 is mostly no place at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

TOPICS: Mapping[str, str] = {
    "height": "我身高{}",
    "weight": "我体重{}",
    "size": "我穿{}",
    "shoe size": "我的鞋码是{}",
    "courier": "我一般发{}",
    "city": "我在{}",
    "skin": "我是{}",
    "allergy": "我对{}过敏",
    "colour": "我喜欢{}",
    "household": "我{}",
}
"""Each topic with the sentence in which the end model is told again what the customer said."""

_SELF = r"(?:我|本人|俺)"
_SIZE = r"(?:(?<![A-Za-z])(?:\d?X{0,3}[SML])(?![A-Za-z])|(?<!多)[加特]?大码|中码|小码)"
_COURIERS = "顺丰|中通|圆通|申通|韵达|极兔|京东(?=快递|物流)|邮政|EMS|德邦|DHL|FedEx|UPS"
_PLACES = (
    "北京|天津|上海|重庆|河北|山西|辽宁|吉林|黑龙江|江苏|浙江|安徽|福建|江西|山东|河南|湖北|湖南|广东|海南|"
    "四川|贵州|云南|陕西|甘肃|青海|台湾|内蒙古|广西|西藏|宁夏|新疆|香港|澳门|石家庄|太原|沈阳|大连|长春|哈尔滨|"
    "南京|苏州|无锡|常州|徐州|南通|扬州|杭州|宁波|温州|嘉兴|绍兴|金华|台州|合肥|芜湖|福州|厦门|泉州|南昌|"
    "济南|青岛|烟台|潍坊|临沂|郑州|洛阳|武汉|襄阳|宜昌|长沙|株洲|广州|深圳|珠海|佛山|东莞|中山|惠州|汕头|"
    "南宁|桂林|柳州|海口|三亚|成都|绵阳|贵阳|遵义|昆明|大理|丽江|拉萨|西安|咸阳|兰州|西宁|银川|乌鲁木齐|呼和浩特|"
    "包头|唐山|保定|台北"
)
_HEIGHT = r"1\d\d\s?(?:cm|厘米|公分)|1米\d{1,2}|1\.\d\d?\s?米?|1[4-9]\d"
_PATTERNS: tuple[tuple[str, str], ...] = (
    ("height", rf"(?:{_SELF}|身高)[^，。]{{0,6}}?(?<!\d)({_HEIGHT})(?![\d*.-])"),
    ("height", r"\b(?:I am|I'm|my height is)\s+(1\d\d\s?cm|[4-6]'\s?\d{1,2}\"?)"),
    ("weight", r"(?<![\d.])(\d{2,3}(?:\.\d)?\s?(?:斤|公斤|千克|kg))(?![一-鿿]{0,3}(?:重|装|的[被枕米]))"),
    ("weight", r"\bI weigh\s+(\d{2,3}\s?(?:kg|lbs?|pounds))"),
    ("shoe size", rf"(?:{_SELF}.{{0,4}}?|平时|一般)穿?(3[4-9]|4[0-8])码的?鞋"),
    ("shoe size", r"鞋码(?:是|：|:)?\s?(3[4-9]|4[0-8])"),
    ("size", rf"(?:{_SELF}.{{0,6}}?|平时|一般|都是?|尺码是?)穿?\s?({_SIZE})(?![一-鿿]{{0,2}}鞋)"),
    ("size", r"\b(?:I (?:usually )?wear|my size is)\s+(?:an?\s+)?(?:size\s+)?(\d?X{0,3}[SML]|small|medium|large)\b"),
    ("courier", rf"(?:{_SELF}.{{0,6}}?|以后|每次|都|一般)(?:发|用|走|要|喜欢|习惯|寄)\s?({_COURIERS})"),
    ("courier", rf"\b(?:I prefer|please use|always use|ship (?:it )?(?:by|via))\s+({_COURIERS})\b"),
    ("city", rf"(?:{_SELF}|家|住|人|收货地址?|寄|发|送)[^，。]{{0,6}}?({_PLACES})(?!.?[路街])"),
    ("city", r"\bI(?:'m| am)? (?:live )?in ([A-Z][a-z]+(?: [A-Z][a-z]+)?)"),
    ("skin", r"((?:敏感|油性|干性|混合性?|混油|混干|油|干)(?:皮|肌|性皮肤))"),
    ("allergy", rf"{_SELF}.{{0,4}}?对([一-鿿]{{1,6}})过敏"),
    ("allergy", r"\bI(?:'m| am) allergic to (\w+)"),
    ("colour", rf"{_SELF}.{{0,3}}?喜欢([一-鿿]{{1,3}}色)"),
    ("household", r"(家里?有(?:小?宝宝|小孩|孩子|老人|孕妇|猫|狗|宠物))"),
)
_COMPILED = tuple((topic, re.compile(pattern, re.IGNORECASE)) for topic, pattern in _PATTERNS)
_CLAUSE = re.compile(r"[^，。！？!?,;；\n]+[，。！？!?,;；\n]?")
_ASKING = re.compile(r"[?？]|吗|么$|有没有|是不是|能不能|可不可以|多少|哪|什么|怎么|\bdo you\b|\bcan\b", re.IGNORECASE)
_OWN = re.compile(r"我|本人|\bI\b|\bmy\b|收货|寄|发|送", re.IGNORECASE)
_OTHERS = re.compile(
    r"我?(?:老公|老婆|妈|爸|女儿|儿子|朋友|同事|对象|男友|女友|婆婆|奶奶|爷爷|弟|妹|哥|姐|他|她)|"
    r"\bmy (?:husband|wife|mother|father|son|daughter|friend|brother|sister)\b",
    re.IGNORECASE,
)


def memories_in(text: str) -> tuple[tuple[str, str], ...]:
    """The (topic, words) pairs in what a customer wrote, one a topic; the first one said counts."""
    found: dict[str, str] = {}
    for topic, start, end in spans_in(text):
        found.setdefault(topic, text[start:end].strip())
    return tuple(found.items())


def spans_in(text: str) -> tuple[tuple[str, int, int], ...]:
    """Where a customer says something of themself: (topic, start, end), clause by clause."""
    return tuple(
        (topic, clause.start() + match.start(1), clause.start() + match.end(1))
        for clause in _CLAUSE.finditer(text)
        if not _OTHERS.search(clause[0])
        for topic, pattern in _COMPILED
        for match in pattern.finditer(clause[0])
        if not _asked(clause[0], match)
    )


def _asked(clause: str, match: re.Match[str]) -> bool:
    """Whether the words stand in a question about the goods; 我175穿什么码 still tells a height."""
    return bool(_ASKING.search(clause)) and _OWN.search(clause[: match.end()]) is None

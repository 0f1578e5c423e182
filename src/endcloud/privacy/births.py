"""Dates of birth: a date beside a word for birth, or a full date so long ago that no shop speaks of it.

Promotions, deliveries and dates of production are of the last few years, so a full date before `_LONG_AGO` is
somebody's, whatever stands beside it: that also finds the answer to a question in the message before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from endcloud.privacy.finding import Finding
from endcloud.privacy.numbers import cue_before

_LONG_AGO = 2010  # the year from which a date may be one of trade
_DAY, _MONTH, _YEAR = "(?:3[01]|[12][0-9]|0?[1-9])", "(?:1[0-2]|0?[1-9])", "(?:19|20)[0-9]{2}"
_CUT = "(?: {0,2}[-./年月] {0,2}| {1,2})"
_READ = "[〇零一二三四五六七八九]"
_COUNTED = "[一二三四五六七八九十]{1,3}"
_NAMED = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\.?"
)
_ORDINAL = "(?:st|nd|rd|th)?"
# Full dates, the year in a group of its own.
_FULL = (
    rf"(?P<y1>{_YEAR}){_CUT}{_MONTH}{_CUT}{_DAY}(?![0-9]) {{0,2}}[日号]?"
    rf"|(?P<y2>{_READ}{{4}}) ?年 ?{_COUNTED} ?月 ?{_COUNTED} ?[日号]?"
    rf"|{_DAY}{_CUT}{_DAY}{_CUT}(?P<y3>{_YEAR})(?![0-9])"
    rf"|{_NAMED} {{0,2}}{_DAY}{_ORDINAL},? {{0,2}}(?P<y4>{_YEAR})(?![0-9])"
    rf"|{_DAY}{_ORDINAL} {{0,2}}(?:of )?{_NAMED},? {{0,2}}(?P<y5>{_YEAR})(?![0-9])"
)
# Dates that only a word for birth makes one's own: a short year, none, or digits without a cut.
_SHORT = (
    rf"{_YEAR}(?:0[1-9]|1[0-2])(?:[0-2][0-9]|3[01])(?![0-9])|[0-9]{{2}}{_CUT}{_MONTH}{_CUT}{_DAY}(?![0-9])[日号]?"
    rf"|{_READ}{{2}}年{_COUNTED}月{_COUNTED}[日号]?|{_MONTH} ?月 ?{_DAY}(?![0-9]) ?[日号]?"
    rf"|{_COUNTED}月{_COUNTED}[日号]?|{_DAY}[-./]{_DAY}[-./][0-9]{{2}}(?![0-9])"
    rf"|{_NAMED} {{1,2}}{_DAY}{_ORDINAL}(?![0-9])|{_YEAR} ?年(?: ?{_MONTH} ?月)?"
)
_START = "(?<![0-9A-Za-z〇零一二三四五六七八九])"
# The same written without a cut, where no word before says that it counts goods; or with a year in two digits that no
# date of trade has today (98年5月12日).
_COMPACT = re.compile(
    r"(?<![0-9A-Za-z.-])(?<![0-9] )"
    r"(?:(?:19[3-9][0-9]|200[0-9])(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])(?![0-9A-Za-z]|[-. ][0-9])"
    rf"|(?:[4-9][0-9]|0[0-9]) ?年 ?{_MONTH} ?月 ?{_DAY} ?[日号])"
)
_OLD = re.compile(_START + f"(?:{_FULL})", re.IGNORECASE)
_BEFORE = re.compile(
    r"(?:(?:生日|寿辰|生辰|出生(?:年月日?|日期|时间)?|生于|诞生于?)"
    r"(?:信息|登记|日期|应该|就|写的?|填的?|改成|改为|那天|当天|[阳阴农公]历|[是为在的:,= ]){0,4}"
    r"|(?:date of birth|birth ?da(?:y|te)|\bb-?day|\bd\.?o\.?b\b\.?|\bborn)"
    r"(?:\b(?:is|on|was|in|falls|the)\b|[:=, ]){0,6})"
    rf"(?P<date>{_FULL}|{_SHORT})",
    re.IGNORECASE,
)
_UNNAMED = re.sub(r"\?P<y[0-9]>", "?:", _FULL)
_RELATION = "(?:我|本人|宝宝|孩子|儿子|女儿|老公|老婆|他|她|妈|爸){0,2}"
_AFTER = re.compile(
    rf"{_START}(?P<date>{_FULL}|{_SHORT}) ?(?:(?:的|早上|晚上|上午|下午|凌晨|在[一-鿿]{{1,4}})?(?:就?[是为])?"
    rf"{_RELATION}的? ?(?:出生|出世|生的|过?生日|寿辰|满月|周岁)| is (?:my|his|her) (?:birth|b-?day|d\.?o\.?b))",
    re.IGNORECASE,
)
# Whose date it is says that it is one of birth: a child's, or "我是1994年5月3日的" with nothing done on that day.
_WHOSE = re.compile(
    rf"(?:(?:宝宝|孩子|儿子|女儿|小孩|小朋友|闺女|娃)(?:就|都|的)?[是:, ]{{0,3}}(?P<child>{_UNNAMED})"
    rf"|(?:我|本人|他|她|老公|老婆|我[妈爸])(?:就|都)?是(?P<own>{_UNNAMED}|{_SHORT}) ?的(?![一-鿿]))",
    re.IGNORECASE,
)
_SIGN = re.compile(r"[生满周]|寿辰|\bborn|birth|\bb-?day|\bd\.?o\.?b", re.IGNORECASE)
_DIGITS = re.compile("[0-9〇零一二三四五六七八九].{0,14}[0-9月]")
_READ_DIGITS = str.maketrans("〇零一二三四五六七八九", "00123456789")


def find(text: str) -> Iterator[Finding]:
    """The dates of birth of a view, in its offsets."""
    if _DIGITS.search(text) is None:
        return
    for old in _OLD.finditer(text):
        year = next(year for year in old.groupdict().values() if year)
        if int(year.translate(_READ_DIGITS)) < _LONG_AGO:
            yield Finding("生日", *old.span())
    for old in _COMPACT.finditer(text):
        if cue_before(text, old.start()) != "goods":
            yield Finding("生日", *old.span())
    if _SIGN.search(text):
        for pattern in (_BEFORE, _AFTER):
            yield from (Finding("生日", *match.span("date")) for match in pattern.finditer(text))
    for match in _WHOSE.finditer(text):
        yield Finding("生日", *match.span("child" if match["child"] else "own"))

"""Whether a reply is true: facts and polarity, never string equality.

The bundled shop is invented, so what a right reply must state is known. A `Meaning` says it for one query:
groups of alternatives of which one each must be stated (`must`), statements that make a reply wrong (`never`),
and the only numbers that may occur. `judge` compares a reply with it after normalising both: width, spaces,
Chinese numerals (五十九元 is 59元), ways of writing money, time and sizes. A statement under a negation
(不包邮, 不是59元) does not count as stated.

This truth is what the scores of the project are themselves measured by, so it shares no code with them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"两": 2, "〇": 0}
_SCALES = {"十": 10, "百": 100, "千": 1000}
_UNITS = r"(?:元|块|天|个?小时|个?工作日|点|折|件(?!套)|号|日|分钟|次|周|个?星期|个月|年|厘米)"
_NUMERAL = re.compile(
    rf"[零〇一二两三四五六七八九十百千]+(?={_UNITS})|(?<=[满减返赔补加])[零〇一二两三四五六七八九十百千]{{2,}}"
)
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_PLACEHOLDER = re.compile(r"\[[^\[\]]*\]")
_CLAUSE_END = re.compile(r"[,。!?;~…\n]")
_NEGATORS = (
    *"不没无未非别勿",
    *("没有", "不能", "不会", "不可以", "不可", "不是", "无法", "不用", "不支持", "不需要", "不再", "没法", "不给"),
    *("不要", "不必", "不建议", "不宜", "不适合", "请勿", "不发", "不走"),
)
_FAR_NEGATORS = ("不是", "并非", "不再是", "并不", "没有说", "不等于")


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a right reply to one query states.

    `row` is what the query names (a city, a product), `facts` the shop's values by name, `must` groups of
    alternatives, `never` what makes a reply wrong, `numbers` every number that a reply may hold. A reply that speaks
    of a `foreign` topic and names nothing of what the query is `about` answers another question.
    """

    intent: str
    row: str
    facts: Mapping[str, str]
    must: tuple[tuple[str, ...], ...]
    never: tuple[str, ...]
    numbers: frozenset[str] = field(default_factory=frozenset)
    about: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "intent": self.intent,
            "row": self.row,
            "facts": dict(self.facts),
            "must": [list(group) for group in self.must],
            "never": list(self.never),
            "numbers": sorted(self.numbers),
            "about": list(self.about),
            "foreign": list(self.foreign),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Meaning:
        return cls(
            intent=data["intent"],
            row=data["row"],
            facts=dict(data["facts"]),
            must=tuple(tuple(group) for group in data["must"]),
            never=tuple(data["never"]),
            numbers=frozenset(data["numbers"]),
            about=tuple(data["about"]),
            foreign=tuple(data["foreign"]),
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a reply is right, and what is wrong with it; the reason is empty for a right one."""

    right: bool
    reason: str = ""


def judge(meaning: Meaning, reply: str) -> Verdict:
    """Judges one reply. A reply of placeholders, punctuation or nothing is wrong."""
    text = normalise(reply)
    if not re.search(r"\w", text):
        return Verdict(False, "the reply is empty")
    strange = numbers_in(reply) - meaning.numbers
    if strange:
        return Verdict(False, f"states {', '.join(sorted(strange))}, which is no fact of this query")
    for statement in meaning.never:
        if states(text, statement):
            return Verdict(False, f"states {statement!r}")
    for group in meaning.must:
        if not any(states(text, statement) for statement in group):
            return Verdict(False, f"does not state {group[0]!r}")
    if not any(word in text for word in meaning.about):
        elsewhere = [word for word in meaning.foreign if word in text]
        if elsewhere:
            return Verdict(False, f"speaks of {elsewhere[0]!r}, which nobody asked about")
    return Verdict(True)


@lru_cache(maxsize=65536)
def normalise(text: str) -> str:
    """One form for every way of writing the same: width, spaces, numerals, money, time, sizes."""
    return _one_form(text, keep_one=False)


def numbers_in(text: str) -> set[str]:
    """The numbers a text states. A spelled-out 一 (一下, 换一次, 一件) is a word here, not a number."""
    found = _NUMBER.findall(_one_form(text, keep_one=True))
    return {_plain(number) for number in found}


def states(text: str, statement: str) -> bool:
    """Whether the normalised `text` states the statement somewhere, not under a negation.

    A number in the statement is a whole number of the text: 9折 is not stated by 59折 nor by 9.5折.
    """
    return any(not _negated(text, match.start(), match.end()) for match in _pattern(statement).finditer(text))


@lru_cache(maxsize=65536)
def _pattern(statement: str) -> re.Pattern[str]:
    wanted = normalise(statement)
    before = r"(?<![\d.])" if wanted[:1].isdigit() else ""
    after = r"(?![\d]|\.\d)" if wanted[-1:].isdigit() else ""
    return re.compile(before + re.escape(wanted) + after)


def _negated(text: str, start: int, end: int) -> bool:
    """Whether what stands at `start` is denied (不包邮), or only asked (能不能退)."""
    before = text[:start]
    if before.endswith(_NEGATORS):
        return True
    if text[start] in "不没" and start + 1 < end and before.endswith(text[start + 1]):
        return True
    clause = _CLAUSE_END.split(before)[-1]
    return any(negator in clause for negator in _FAR_NEGATORS)


def _one_form(text: str, *, keep_one: bool) -> str:
    text = _PLACEHOLDER.sub("", unicodedata.normalize("NFKC", text)).lower()
    text = re.sub(r"\s+", "", text)
    text = _NUMERAL.sub(lambda m: m[0] if keep_one and m[0] == "一" else str(_numeral(m[0])), text)
    text = re.sub(r"\d+\.\d+", lambda m: _plain(m[0]), text)
    text = re.sub(r"(?<=\d)(?:块钱|块|圆|rmb)", "元", text)
    text = re.sub(r"[¥¥](\d+(?:\.\d+)?)(?!元)", r"\1元", text)
    text = re.sub(r"(?<=\d)(?:个小时|个钟头|个钟|h(?![a-z]))", "小时", text)
    text = re.sub(r"(?<=\d)个?工作日", "天", text)
    text = re.sub(r"(?<![月\d])(\d+)日", r"\1天", text)
    text = re.sub(r"(\d+)(?:周(?!年)|个?星期)", lambda m: f"{int(m[1]) * 7}天", text)
    text = re.sub(r"一(?:周(?!年|边)|个?星期)", "7天", text)
    text = re.sub(r"半个月", "15天", text)
    text = re.sub(r"(\d+)个月", lambda m: f"{int(m[1]) * 30}天", text)
    text = re.sub(r"(\d{1,2}):00", r"\1点", text)
    text = re.sub(r"(?:晚上|晚|下午)(\d{1,2})点", _afternoon, text)
    text = re.sub(r"(?<=\d)(?:cm|公分)", "厘米", text)
    return re.sub(r"(?<=\d)(?:厘米)?[x*×乘](?=\d)", "×", text)


def _afternoon(match: re.Match[str]) -> str:
    hour = int(match[1])
    return f"{hour + 12 if hour < 12 else hour}点"


def _plain(number: str) -> str:
    """59.0 and 059 are 59."""
    whole, _, fraction = number.partition(".")
    fraction = fraction.rstrip("0")
    return (whole.lstrip("0") or "0") + (f".{fraction}" if fraction else "")


def _numeral(word: str) -> int:
    """五十九 → 59, 一百九十九 → 199, 一九九 → 199."""
    if not any(c in _SCALES for c in word):
        return int("".join(str(_DIGITS[c]) for c in word))
    total, digit = 0, 0
    for c in word:
        if c in _SCALES:
            total += (digit or 1) * _SCALES[c]
            digit = 0
        else:
            digit = _DIGITS[c]
    return total + digit


def spellings(value: str, unit: str) -> Iterable[str]:
    """Other true ways of writing a value with its unit: 48小时 is 2天, a size may be turned."""
    if unit == "小时" and value.isdigit() and int(value) % 24 == 0:
        yield f"{int(value) // 24}天"
    if "×" in value:
        yield "×".join(reversed(value.split("×")))

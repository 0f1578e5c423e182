"""The facts that a text states: numbers, dates, times, sizes, materials, and what it affirms or denies.

Similarity cannot tell 59 from 99, so wherever replies are compared, facts are compared too: the teacher's
labels against what it was told, replies against the shop's truth, and old material against new policies.
Two spellings of one fact are one `Fact`: 五十九元, 59块 and ５９.00元 are all `number 59 元`. Masks such as
`[电话_1]` and a corpus' own marks such as `<数字>` and `[数字x]` state nothing. Pure and of the standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from endcloud.numerals import REMEMBERED, normalise

Kind = Literal["number", "date", "time", "size", "material", "yes/no"]


@dataclass(frozen=True, slots=True, order=True)
class Fact:
    """One stated fact, normalised.

    `value` is a decimal without superfluous zeros ("59", "1.5"), a date ("2026-11-23", "11-23", "11-", "-23",
    "周1", "明天"), a time ("18:00"), a size ("35x75", "xl"), a material's usual name, or the predicate of a
    yes/no statement ("支持"). `unit` is the unit's one form ("元", "天", "cm"), or "yes" | "no"; may be empty.
    """

    kind: Kind
    value: str
    unit: str = ""

    def agrees(self, other: Fact) -> bool:
        """Whether one could be said for the other: same kind and value, units equal or one unsaid.

        A date without a year agrees with the same day of any year, and 48 hours with 2 days.
        """
        if self.kind != other.kind:
            return False
        if self.kind == "date":
            return self.value == other.value or _same_day(self.value, other.value)
        if self.value == other.value and (self.unit == other.unit or "" in (self.unit, other.unit)):
            return True
        return self.kind == "number" and {self.unit, other.unit} == {"天", "小时"} and _hours(self) == _hours(other)

    def __str__(self) -> str:
        return f"{self.value}{self.unit}" if self.kind != "yes/no" else f"{self.value} {self.unit}"


def facts_in(text: str) -> frozenset[Fact]:
    """Every fact that `text` states. Statements only: 包邮吗, 能不能 and 是不是 affirm nothing."""
    return _facts_in(text) if len(text) <= REMEMBERED else _facts_in.__wrapped__(text)


def stated(text: str) -> frozenset[Fact]:
    """The facts a teacher can be wrong about: all but what is affirmed or denied."""
    return frozenset(fact for fact in facts_in(text) if fact.kind != "yes/no")


def unsupported(text: str, sources: Iterable[str]) -> frozenset[Fact]:
    """The `stated` facts of `text` that none of `sources` states."""
    open_facts = set(stated(text))
    for source in sources:
        if not open_facts:
            break
        known = stated(source)
        open_facts -= known
        open_facts = {fact for fact in open_facts if not any(fact.agrees(other) for other in known)}
    return frozenset(open_facts)


def contradictions(text: str, truth: str) -> frozenset[Fact]:
    """The facts of `text` that `truth` says otherwise, given that both speak of the same matter.

    A number contradicts where `truth` has numbers of its unit and not this one; likewise dates, times, sizes
    and materials; a yes/no statement contradicts its opposite.
    """
    known = facts_in(truth)
    return frozenset(fact for fact in facts_in(text) if _contradicted(fact, known))


def _contradicted(fact: Fact, known: frozenset[Fact]) -> bool:
    if fact.kind == "yes/no":
        polarities = {other.unit for other in known if other.kind == fact.kind and other.value == fact.value}
        return bool(polarities) and fact.unit not in polarities
    rivals = [other for other in known if other.kind == fact.kind and other.unit == fact.unit]
    return bool(rivals) and not any(fact.agrees(other) for other in known)


def _hours(fact: Fact) -> float:
    return float(fact.value) * (24 if fact.unit == "天" else 1)


def _same_day(one: str, other: str) -> bool:
    longer, shorter = (one, other) if len(one) >= len(other) else (other, one)
    return len(longer) == 10 and len(shorter) == 5 and longer.endswith(shorter)


@lru_cache(maxsize=16_384)
def _facts_in(text: str) -> frozenset[Fact]:
    found: set[Fact] = set()
    rest = normalise(text)
    for pattern, read in _READERS:
        rest = _take(pattern, read, rest, found)
    found.update(_polarities(normalise(text)))
    return frozenset(found)


# ------------------------------------------------------------------------------------------- readers

_UNITS = {
    "元": ["元", "块", "块钱", "rmb", "￥", "¥", "圆", "元钱"],
    "角": ["角", "毛", "毛钱"],
    "天": ["天", "日", "晚"],
    "工作日": ["工作日", "个工作日"],
    "小时": ["小时", "个小时", "h", "钟头", "个钟头"],
    "分钟": ["分钟", "min"],
    "秒": ["秒", "秒钟"],
    "周": ["周", "星期", "个星期", "礼拜", "个礼拜"],
    "月": ["月", "个月"],
    "cm": ["cm", "厘米", "公分"],
    "mm": ["mm", "毫米"],
    "m": ["m", "米"],
    "km": ["km", "公里", "千米"],
    "g": ["g", "克"],
    "kg": ["kg", "公斤", "千克"],
    "斤": ["斤"],
    "ml": ["ml", "毫升"],
    "l": ["l", "升"],
    "件": ["件"],
}
_UNIT_OF = {word: unit for unit, words in _UNITS.items() for word in words}
# Units that measure the same thing become one: 1.5米 is 150 cm, 1公斤 is 1000 g.
_SCALE = {
    "mm": ("cm", 0.1),
    "m": ("cm", 100.0),
    "kg": ("g", 1000.0),
    "斤": ("g", 500.0),
    "角": ("元", 0.1),
    "l": ("ml", 1000.0),
}
_LENGTHS = r"cm|mm|厘米|毫米|公分|m(?![a-z])|米"
_OTHER_UNITS = (
    "件套|个|双|条|只|套|盒|包(?!邮|装|含|括|退)|袋|瓶|箱|张|份|倍|位|人|次|码|楼|级|年|折|"
    "支|枚|颗|片|层|期|色|款|股|种|家|台|分"
)
_UNIT = "|".join(sorted((re.escape(word) for word in _UNIT_OF), key=len, reverse=True))
_UNIT = rf"件套|{_UNIT.replace('|m|', '|m(?![a-z])|')}|%|{_OTHER_UNITS}"
# Longer runs of digits state nothing that anyone could compare, and would cost more than their length.
_NUMBER = r"(?<!\d)(?<!\d\.)\d{1,24}(?:\.\d{1,8})?(?!\d)"


def _plain(number: str, factor: float = 1.0) -> str:
    """059.0 as "59"; scaled by `factor` where that is not 1."""
    if factor != 1.0:
        number = f"{float(number) * factor:.4f}"
    whole, _, fraction = number.partition(".")
    fraction = fraction.rstrip("0")
    return (whole.lstrip("0") or "0") + (f".{fraction}" if fraction else "")


def _measure(number: str, unit: str) -> Fact:
    unit = _UNIT_OF.get(unit, unit)
    if unit == "折":  # 85折, 八五折 and 8.5折 are one discount
        digits = _plain(number)
        return Fact("number", _plain(digits, 0.1) if "." not in digits and len(digits) == 2 else digits, unit)
    unit, factor = _SCALE.get(unit, (unit, 1.0))
    return Fact("number", _plain(number, factor), unit)


def _number(match: re.Match[str]) -> Iterable[Fact]:
    sign, first, second, unit = match.groups()
    unit = "元" if sign else unit or ""
    if second and _descends(first, second) and not unit:  # 400-820-8820 and the like: every part is stated
        return [Fact("number", _plain(first)), Fact("number", _plain(second))]
    return [_measure(number, unit) for number in (first, second) if number]


def _descends(first: str, second: str) -> bool:
    return float(first) > float(second)


def _date(match: re.Match[str]) -> Iterable[Fact]:
    year, month, day = match.groups()
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):
        return [Fact("number", _plain(part)) for part in (year, month, day) if part]
    return [Fact("date", f"{year + '-' if year else ''}{int(month):02d}-{int(day):02d}")]


def _time(match: re.Match[str]) -> Iterable[Fact]:
    part_of_day, hour, minute, half = match.groups()
    clock = int(hour) + (12 if part_of_day in ("下午", "晚上", "晚", "傍晚", "夜里") and int(hour) < 12 else 0)
    return [Fact("time", f"{clock:02d}:{30 if half else int(minute or 0):02d}")]


def _dimensions(match: re.Match[str]) -> Iterable[Fact]:
    numbers = re.findall(_NUMBER, match[0])
    unit = next((found for found in re.findall(_LENGTHS, match[0])), "")
    unit, factor = _SCALE.get(_UNIT_OF.get(unit, unit), (_UNIT_OF.get(unit, unit), 1.0))
    return [Fact("size", "x".join(_plain(number, factor) for number in numbers), unit)]


_WEEKDAYS = {"一": 1, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6, "日": 7, "天": 7, "末": 6}
_RELATIVE = {"次日": "明天", "隔日": "明天", "隔天": "明天", "当日": "当天", "明日": "明天", "后日": "后天"}

# The longest name first, so that 记忆棉 is not 棉. The first name of a line is the material's usual one.
_MATERIALS = """纯棉 全棉 100%棉 棉100% 百分百棉 纯棉花
长绒棉|涤棉|棉麻|记忆棉|珍珠棉|新疆棉|棉花|珊瑚绒|法兰绒|摇粒绒|灯芯绒|天鹅绒|牛奶绒|羽绒|鹅绒|鸭绒|羊绒|羊毛|驼绒|马海毛
真丝 桑蚕丝 蚕丝
涤纶 聚酯纤维 聚酯 化纤
锦纶 尼龙|腈纶|氨纶|雪纺|牛仔布|帆布|纱布|无纺布|莫代尔|竹纤维|竹棉|亚麻|苎麻|华夫格
天丝 莱赛尔
粘胶 粘纤 人造棉
真皮 牛皮 头层牛皮
人造革 pu皮 仿皮
不锈钢|陶瓷|骨瓷|玻璃|硅胶|塑料|橡胶|实木|橡木|竹木|竹子|乳胶|铝合金|碳钢|铸铁|黄铜|纯银|水晶|亚克力|搪瓷|海绵|针织|棉"""
_MATERIAL_OF = {name: names[0] for line in re.split(r"[\n|]", _MATERIALS) for names in [line.split()] for name in names}
_MATERIAL = "|".join(sorted(map(re.escape, _MATERIAL_OF), key=len, reverse=True))

_READERS = (
    (re.compile(_MATERIAL), lambda m: [Fact("material", _MATERIAL_OF[m[0]])]),
    (
        re.compile(
            rf"{_NUMBER}(?:{_LENGTHS})?(?:[x*×]{_NUMBER}(?:{_LENGTHS})?){{1,2}}|"
            rf"{_NUMBER}(?:{_LENGTHS})?乘以?{_NUMBER}(?:{_LENGTHS})?"
        ),
        _dimensions,
    ),
    (
        re.compile(
            r"(?<![a-z0-9])(?:(x{1,4}[sl]|[2-6]xl)(?![a-z0-9])|([sml])(?=[码号/、]))|(?<=[/、码])([sml])(?![a-z0-9])|(均码)"
        ),
        lambda m: [Fact("size", _letter_size(next(filter(None, m.groups()))))],
    ),
    (re.compile(r"(?<!\d)(\d{4})[年/.-](\d{1,2})[月/.-](\d{1,2})(?!\d)[日号]?"), _date),
    (re.compile(r"(?<!\d)()(\d{1,2})月(\d{1,2})(?!\d)[日号]?"), _date),
    (re.compile(r"(?<!\d)(\d{1,2})月(?:份|初|中旬?|底|末)?"), lambda m: [Fact("date", f"{int(m[1]):02d}-")]),
    (
        re.compile(
            r"(?:(上午|下午|晚上|晚|早上|早|傍晚|夜里|中午)[的]?)?(?<!\d)([01]?\d|2[0-4])(?:[:时]([0-5]\d)分?(?!\d)|点(半)?(?!\d))"
        ),
        lambda m: _time(m) if m[3] or "点" in m[0] else [],
    ),
    (re.compile(r"(?<!\d)(\d{1,2})号(?!楼|线|店|仓|色|链)"), lambda m: [Fact("date", f"-{int(m[1]):02d}")]),
    (
        re.compile(r"(?:周|星期|礼拜)([一二三四五六日天末1-6])(?![内个])"),
        lambda m: [Fact("date", f"周{_WEEKDAYS.get(m[1]) or m[1]}")],
    ),
    (re.compile(r"明天|后天|当天|次日|隔日|隔天|当日|明日|后日"), lambda m: [Fact("date", _RELATIVE.get(m[0], m[0]))]),
    (re.compile(rf"([￥¥])?({_NUMBER})(?:(?:{_UNIT})?[-~至到]({_NUMBER}))?({_UNIT})?"), _number),
)


def _letter_size(text: str) -> str:
    return f"{text.count('x')}x{text[-1]}" if re.fullmatch(r"x{2,4}[sl]", text) else text


_Read = Callable[[re.Match[str]], Iterable[Fact]]


def _take(pattern: re.Pattern[str], read: _Read, text: str, found: set[Fact]) -> str:
    """Adds what `pattern` reads in `text` and blanks it, so that 35x75 is not also the numbers 35 and 75."""

    def note(match: re.Match[str]) -> str:
        found.update(read(match))
        return " "

    return pattern.sub(note, text)


# ----------------------------------------------------------------------------------------- yes or no

_PREDICATES = (
    "包邮|支持|可以|能(?!否)|允许|接受|提供|有货|退换|退货|退款|换货|退|换|开发票|开票|补发|含|掉色|褪色|缩水|起球|"
    "防水|机洗|水洗|干洗|手洗|漂白|烘干|熨烫|叠加|质保|保修|正品|现货|收费|免费|需要|影响|发|送|改|取消|合并|需|是|会(?!儿|员)|有"
)
_DENIALS = "不可以|不可|不能|不会|不用|不需要?|不支持|不提供|不接受|不是|没有|没|不|无法|无需|无|未|暂不|勿|别|非"
_STATEMENT = re.compile(rf"({_DENIALS})?(?:再|太|予|予以|给|直接|进行)?({_PREDICATES})")
_CLAUSE = re.compile(r"[^,、。.!！?？;;~\n]+[?？]?")
_QUESTION = re.compile(r"[?？]|吗|呢$|么$|(.)[不没]\1|是否|有没有|可不可以|能不能")


def _polarities(text: str) -> Iterable[Fact]:
    """Each predicate of a clause that states something, as affirmed or denied; 不支持退换 denies both."""
    for clause in _CLAUSE.findall(text):
        if _QUESTION.search(clause):
            continue
        denied = False
        for match in _STATEMENT.finditer(clause):
            denial = match[1] or ""
            # 不能机洗 reads as the denial 不能 + 机洗, 不可以退 as 不可以 + 退: what follows a denial stays denied.
            denied = denied or bool(denial)
            yield Fact("yes/no", match[2], "no" if denied else "yes")

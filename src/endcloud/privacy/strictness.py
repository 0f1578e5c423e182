"""What `upload = "strict"` masks beside everything else: every longer run of digits, every address-like span.

Where the usual rules ask whether a number can be somebody's, these ask nothing: five digits or more in a row are
masked, in every spelling that the usual rules read (full-width, Chinese numerals, homophones, punctuation between
them), also where they are a price, a date or a number of the catalogue. So is a code that mixes letters with
digits, and whatever could lead to a door. The cloud understands less, and nothing is lost: its reply is restored.

Three shapes of digits stay, since no number of a person is written so: one decimal (`199.00`), one span of hours
(`9:00-21:00`), one quantity with its unit (`1200ml`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from endcloud.privacy import numbers
from endcloud.privacy.finding import Finding, in_order

# Five digits, with up to four signs between two of them, or 年 and 月, which stand in dates of birth.
_RUN = re.compile(r"[0-9](?:(?:[^\w\x00]|_|[年月]){0,4}+[0-9]){4,}+")
_NUMERAL = re.compile("[0-9〇零一二三四五六七八九壹贰叁肆伍陆柒捌玖幺]")
_WORD = re.compile("[A-Za-z]+")
_ROUND_LETTERS = re.compile("[oOlI]+")  # written for 0 and 1 where they stand alone, not within a word
_STAYS = re.compile(r"[0-9]{1,4}\.[0-9]{1,2}|[0-9]{1,2}:[0-9]{2} ?[-~～—至到]{1,2} ?[0-9]{1,2}:[0-9]{2}")

_CODE = re.compile(r"(?<![A-Za-z0-9])[A-Za-z0-9][A-Za-z0-9._@+-]{5,}+")
_LETTER = re.compile("[A-Za-z]")
_QUANTITY = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,2})?(?:ml|mL|ML|g|kg|KG|Kg|mm|cm|CM|mAh|w|W|V|Hz|GB|TB|MB)")

_NAME = "[一-鿿A-Za-z]"
_NUMBER = "[0-9A-Za-z一二三四五六七八九十百零〇甲乙丙丁]"
_REGION = r"(?:[一-鿿]{2,7}?(?:自治区|自治州|地区|省|市|区|县|旗|镇|乡|街道))"
_PLACE = (
    "大街|街道|大道|胡同|里弄|新村|环线|国道|省道|路|街|巷|弄|村|庄|屯|寨|坊|小区|社区|花园|家园|公寓|大厦|广场|公馆"
    "|嘉园|佳苑|雅苑|豪庭|华庭|家属院|大院|宿舍|名邸|府邸|写字楼|工业园|产业园|科技园|园区|校区|学院|大学|中学|小学"
    "|医院|号院|苑|湾|府|墅"
)
# Words that end like a street or compound and are none.
_NO_PLACE = re.compile(
    r"(?:一|半|走|迷|网|思|套|线|铁|出|电|问|顺|上|带|开|赶|这条|那条|公|在|道)路$|(?:首|逛|上)街$|农村$|政府$"
)
_DOOR = f"{_NUMBER}{{1,5}} ?(?:号楼|号院|栋|幢|座|单元|室|弄|号门)"

_ADDRESSES = (
    # A chain of regions down to a district: a province or a city alone stays.
    re.compile(f"{_REGION}{{2,4}}"),
    re.compile(
        f"(?P<place>{_NAME}{{1,8}}?(?:{_PLACE})(?:{_PLACE})?)(?: ?{_NUMBER}{{1,6}} ?(?:号楼|号|弄|栋|幢|座|组|队|期))?"
    ),
    re.compile(f"(?:{_DOOR}[ ,-]?){{1,4}}(?:[0-9]{{2,4}})?"),
)
_STREET = r"(?:Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Terrace|Crescent|Close|Highway|Hwy)"
_ENGLISH = (
    re.compile(rf"\b(?:[A-Z0-9][A-Za-z0-9'.]{{0,20}} ){{1,4}}{_STREET}\b\.?"),
    re.compile(
        r"\b(?:[Aa]pt|[Aa]partment|[Ss]uite|[Ff]lat|[Uu]nit|[Rr]oom|[Bb]uilding|[Ff]loor)\.? ?#?"
        r"[A-Z]?[0-9]{1,4}[A-Za-z]?\b"
    ),
    re.compile(r"\b[A-Z]{1,2}[0-9][0-9A-Z]? [0-9][A-Z]{2}\b"),  # a British postal code
)  # fmt: skip


def find(text: str) -> list[Finding]:
    """The digits and address-like spans of a view (see `normalisation`), in its offsets."""
    return [*_runs(text), *_codes(text), *_joined(in_order(_addresses(text)))]


def _runs(text: str) -> Iterator[Finding]:
    digits = numbers.spoken(_WORD.sub(_without_sound, text))  # one character for each
    for run in _RUN.finditer(digits):
        said = text[run.start() : run.end()]
        # Homophones are everyday characters: a run of nothing else is words.
        if _NUMERAL.search(said) and not _STAYS.fullmatch(said):
            yield Finding("号码", *run.span())


def _without_sound(word: re.Match[str]) -> str:
    return word[0] if _ROUND_LETTERS.fullmatch(word[0]) else "x" * len(word[0])


def _codes(text: str) -> Iterator[Finding]:
    for code in _CODE.finditer(text):
        digits = sum(letter.isdigit() for letter in code[0])
        if digits >= 2 and _LETTER.search(code[0]) and not _QUANTITY.fullmatch(code[0]):
            yield Finding("号码", *code.span())


def _joined(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Parts of an address that touch are one: a hostile text has as many parts as it has characters."""
    last: Finding | None = None
    for found in findings:
        if last and found.start <= last.end:
            last = Finding(last.kind, last.start, max(last.end, found.end))
            continue
        if last:
            yield last
        last = found
    if last:
        yield last


def _addresses(text: str) -> Iterator[Finding]:
    for pattern in _ADDRESSES:
        for match in pattern.finditer(text):
            place = match.groupdict().get("place")
            if not (place and _NO_PLACE.search(place)):
                yield Finding("地址", *match.span())
    for pattern in _ENGLISH:
        yield from (Finding("地址", *match.span()) for match in pattern.finditer(text))

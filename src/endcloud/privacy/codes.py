"""Documents and codes however they are written: in pieces, with signs between them, with digits in words.

`accounts` finds a passport or a social credit code that stands in one piece. People also write `EH/4157/286`,
`EH四一五七二八六` or `DD 2023 0216 8205 48`. What tells such a code is its own shape or checksum, or the word
in front of it (护照, 订单号, tracking number); after such a word its groups are taken as long as each holds a digit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from endcloud.privacy.finding import Finding
from endcloud.privacy.numbers import DIGIT_WORDS, spoken

_SIGN = r"[^\w\x00\x01\n]|_"
_BETWEEN = rf"(?:{_SIGN}){{0,2}}+"
_DIGIT = f"[0-9{DIGIT_WORDS}]"

# A passport's letter or two, then seven or eight digits; in pieces only of three digits or more, as sizes have none.
_PASSPORT = re.compile(
    rf"(?<![A-Za-z0-9])(?:[EGDSPHMegdsphm](?:{_SIGN}){{0,2}}{_DIGIT}{{8}}|[Ee][A-Za-z](?:{_SIGN}){{0,2}}{_DIGIT}{{7}}"
    rf"|[EGDSPHMegdsphm]{_BETWEEN}{_DIGIT}{{4}}(?:{_SIGN}){{1,2}}{_DIGIT}{{4}}"
    rf"|[Ee][A-Za-z]{_BETWEEN}{_DIGIT}{{4}}(?:{_SIGN}){{1,2}}{_DIGIT}{{3}})(?![A-Za-z0-9])"
)
_CREDIT_SIGN = "[0-9A-HJ-NPQRTUWXY]"
_CREDIT_CODE = re.compile(rf"(?<![A-Za-z0-9])(?:{_CREDIT_SIGN}{_BETWEEN}){{17}}{_CREDIT_SIGN}(?![A-Za-z0-9])")
_PLATE = re.compile(
    r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼]"
    rf"[A-HJ-NP-Z]{_BETWEEN}(?=(?:[A-HJ-NP-Z]{{0,6}}[0-9]){{3}})[A-HJ-NP-Z0-9]{{5,6}}(?![A-Za-z0-9])"
)
_SAYS = r"(?:[编号码账帐]|号码|是|为|:|=|#|,|(?i: ?(?:number|code|no\.?|num|id|is|was)(?![a-z]))| ){0,6}"
_CUED = re.compile(
    r"(?:(?P<证件>护照|(?i:passport)|(?i:\bssn?\b|\bsocial\b(?: sec(?:urity|\.)?)?|\bsoc\.? ?sec|tax ?(?:payer)? ?id))"
    r"|(?P<运单>快递|运单|物流|包裹|(?i:tracking|waybill|\bpackage|\bparcel|shipment|\b(?:ups|usps|fedex|dhl)\b|delivery))"
    r"|(?P<订单>订单|定单|单号|单子|交易号|流水号|(?i:\border|purchase|confirmation|invoice|\bref(?:erence)?\b))"
    r"|(?P<号码>会员))" + _SAYS + rf"(?P<code>[A-Za-z0-9{DIGIT_WORDS}](?:{_BETWEEN}[A-Za-z0-9{DIGIT_WORDS}]){{4,32}})"
)
_CUE_SIGN = re.compile(
    "[护单递运物包易流员]|pass|ss|soc|tax|track|bill|pack|parc|order|ship|ups|fedex|dhl|deliv|purch|conf|invo|ref",
    re.IGNORECASE,
)
_GROUP = re.compile(f"[A-Za-z0-9{DIGIT_WORDS}]+")
_HAS_DIGIT = re.compile(_DIGIT)
_LETTER = re.compile("[A-Za-z]")
_DATE = re.compile(r"(?:19|20)[0-9]{2}[-./](?:1[0-2]|0?[1-9])[-./](?:3[01]|[12][0-9]|0?[1-9])(?![0-9])")
# UPS gives every parcel a number of one shape, which people copy in groups.
_UPS = re.compile(
    rf"(?<![A-Za-z0-9])1{_BETWEEN}[Zz]{_BETWEEN}(?:[0-9A-Za-z]{_BETWEEN}){{6}}(?:[0-9]{_BETWEEN}){{9}}[0-9](?![0-9])"
)
_FEWEST = {"证件": 7, "运单": 9, "订单": 8, "号码": 8}
"""Digits that a code after a cue has at least; shorter ones count in one piece only (see `numbers`)."""
_LETTERS = re.compile("[A-Z]{1,4}")


def find(text: str) -> list[Finding]:
    """The codes of a view (see `normalisation`), in its offsets."""
    if not _HAS_DIGIT.search(text):
        return []
    found: list[Finding] = []
    if _LETTER.search(text):  # all of these have one
        found += [Finding("证件", *match.span()) for match in _PASSPORT.finditer(text)]
        found += [Finding("运单", *match.span()) for match in _UPS.finditer(text)]
        found += [Finding("车牌", *match.span()) for match in _PLATE.finditer(text)]
        codes = _CREDIT_CODE.finditer(text)
        found += [Finding("信用代码", *match.span()) for match in codes if _is_credit_code(match[0])]
    return [*found, *_after_a_cue(text)] if _CUE_SIGN.search(text) else found


def _after_a_cue(text: str) -> Iterator[Finding]:
    for match in _CUED.finditer(text):
        kind, start, end = str(match.lastgroup), match.start("code"), match.start("code")
        kind = next(name for name in _FEWEST if match[name])
        if _DATE.match(text, start):
            continue
        for group in _GROUP.finditer(text, start, match.end("code")):
            if _HAS_DIGIT.search(group[0]):
                end = group.end()
            elif not _LETTERS.fullmatch(group[0]):
                break
        digits = sum(sign.isdigit() for sign in spoken(text[start:end]))
        if digits >= _FEWEST[kind]:
            yield Finding(kind, start, end)


def _is_credit_code(code: str) -> bool:
    from stdnum.cn import uscc

    compact = re.sub(r"[\W_]", "", code)
    return any(sign.isalpha() for sign in compact) and bool(uscc.is_valid(compact))

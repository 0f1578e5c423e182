"""Addresses, from the street, village or compound on; a province, city or district alone stays.

A shop answers "do you deliver to Hangzhou" from the city's name, so that much is left; what leads to a door is
masked. An address is found by its numbered part (`文三路138号`, `3栋2单元501`) or, after a cue (住, 寄到, 地址),
by a street or compound without a number. Everything is bounded: a name has at most eight characters, an
address at most eight further parts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from endcloud.privacy.finding import Finding

_HANZI = "[一-鿿]"
_NAME = "[一-鿿A-Za-z]"
_NUMBER = (
    r"(?:[甲乙丙丁A-Za-z]?[0-9]{1,5}(?![0-9])[A-Za-z]?(?:[-~][0-9]{1,5}(?![0-9])){0,3}"
    r"|[一二三四五六七八九十百零〇]{1,5}|[A-Za-z][0-9]{0,3}|[甲乙丙丁东西南北])"
)
_FLAT = r"(?:[0-9]{2,4}(?![0-9])[A-Za-z]?|[一二三四五六七八九零〇]{3,4})"
_STREET = "路|大街|街道|街|大道|道|巷|弄|胡同|村|庄|屯|寨|里弄|新村|段|环线"
_ESTATE = "小区|社区|花园|家园|公寓|大厦|广场|新村|公馆|小镇|嘉园|佳苑|雅苑|豪庭|华庭|家属院|大院|宿舍"
_PLACE = (
    f"{_ESTATE}|苑|庭|名邸|府邸|国际|中心|写字楼|商务楼|工业园|产业园|科技园|园区|校区|学院|大学|号院"
    "|山庄|工业区|开发区|生活区|市场|商场|商城|厂|队|城|湾|府|园|村|庄|里|郡|墅|坊|阁|轩|居|台|岸|湖"
)
_DOOR = "号宿舍楼|宿舍楼|号公寓|号楼|号院|号|弄|栋|幢|座|单元|室|楼|层|房|户|期|区|组|队|门"
_HOUSE = "号宿舍楼|宿舍楼|号公寓|号楼|号院|栋|幢|座|单元|室|期|门"

# A numbered street (文三路138号) or compound (金色家园3栋, 金色家园3-2-501), or a house and flat on their own
# (3栋2单元501).
_NUMBERED = re.compile(
    rf"(?:{_STREET}) {{0,2}}{_NUMBER} {{0,2}}(?:{_DOOR})"
    rf"|(?:{_PLACE}) {{0,2}}(?:[东西南北中新老][区院] {{0,2}})?{_NUMBER} {{0,2}}(?:{_HOUSE})"
    rf"|(?:{_ESTATE}) ?[0-9]{{1,3}}-[0-9]{{1,4}}(?:-[0-9]{{1,4}})?(?![0-9])"
    rf"|(?<![0-9A-Za-z]){_NUMBER} {{0,2}}(?:号宿舍楼|宿舍楼|号公寓|号楼|栋|幢|座) {{0,2}}"
    rf"(?:{_NUMBER} ?单元 ?)?(?:{_NUMBER} {{0,2}}(?:层|楼) ?)?"
    rf"{_FLAT} {{0,2}}[室号房]?"
    rf"|(?<![0-9A-Za-z]){_NUMBER} ?单元 {{0,2}}{_FLAT} {{0,2}}[室号房]?"
)
_NAMED = re.compile(f"{_STREET}|{_PLACE}")
# What may follow: a named compound that is numbered in its turn, a door, a flat, a building's name.
_MORE = re.compile(
    rf"(?:[ ,、-]? {{0,2}}{_NAME}{{0,8}}?(?:{_PLACE})(?= {{0,2}}{_NUMBER} {{0,2}}(?:{_HOUSE})))?"
    rf"[ ,-]{{0,2}}{_NUMBER} {{0,2}}(?:{_DOOR})"
    rf"|[ -]{{0,2}}{_FLAT}(?![元块件])(?: {{0,2}}室)?"
    rf"|[ ,]{{0,2}}{_NAME}{{2,8}}?(?:{_ESTATE}|中心|大学|学院|写字楼)"
)
_CUE = re.compile(
    r"(?:地址(?:是|为|改成|改为|换成|改到|写的?)?|住址|住在|家住|我住|寄到|寄给|寄往|送到|送货到|发到|发往|邮寄到"
    r"|派送到|配送到|改到|换到|搬到|邮到|邮给|寄过来|我在|人在|位置在?)[ ]{0,2}[:是在]?[ ]{0,2}"
)
_CUED = re.compile(
    rf"{_HANZI}{{0,24}}?{_NAME}{{1,8}}(?:路|大街|街道|街|大道|巷|弄|胡同|村|屯|小区|花园|家园|公寓|大厦|新村|苑|宿舍)(?!由|费)"
)
# Where the name of a street or compound begins: after the district's or a verb's last character.
_BEFORE = frozenset("省市县州盟旗镇乡在到往住是址寄送发于给的了至我你他您她就和跟去从收")
# Words that end in a street's character and are none.
_NO_STREET = re.compile(
    r"(?:一|半|走|迷|网|思|套|线|铁|出|电|问|顺|上|带|开|赶|这条|那条|公|知|味|频|渠|管|通|报|难)(?:路|道)$"
    r"|(?:首|逛|上)街$|农村$|国际$|中心$|(?:这|那|哪|家|心|手|店|城)里$"
)

_ENGLISH = re.compile(
    r"(?<![0-9A-Za-z])[0-9]{1,6}[A-Za-z]? (?:[NSEW]\.? )?(?:[A-Za-z0-9'.-]{1,20} ){1,4}?"
    r"(?:Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Ct|Place|Pl|Terrace|Way|Circle|Cir|Square"
    r"|Highway|Hwy|Parkway|Pkwy)\b\.?(?:,? {0,2}(?:Apt|Apartment|Suite|Ste|Unit|Flat|#)\.? ?[A-Za-z0-9-]{1,6})?",
    re.IGNORECASE,
)
# Every address has one of these: most messages have none, and are not read further.
_DOOR_SIGN = re.compile(
    r"[0-9A-Za-z一二三四五六七八九十百零〇甲乙丙丁东西南北] {0,2}(?:[号弄栋幢座室楼层房户期区组队门]|单元)|[0-9]-[0-9]"
)
_CUE_SIGN = re.compile("[址住寄送发改换搬邮在]")
_ENGLISH_SIGN = re.compile("[0-9][A-Za-z]? [A-Za-z0-9]|[Xx] [0-9]")
_BOX = re.compile(r"\b[Pp]\.? ?[Oo]\.? ?[Bb][Oo][Xx] [0-9]{1,6}")


def find(text: str) -> list[Finding]:
    """The addresses of a view, in its offsets."""
    found: list[Finding] = []
    if _DOOR_SIGN.search(text):
        found += _numbered(text)
    if _CUE_SIGN.search(text):
        found += _cued(text)
    if _ENGLISH_SIGN.search(text):
        found += _english(text)
    return found


def _numbered(text: str) -> Iterator[Finding]:
    at = 0
    while core := _NUMBERED.search(text, at):
        named = _NAMED.match(core[0])
        start = _name_start(text, core.start()) if named else core.start()
        if named and (start == core.start() or _NO_STREET.search(text, start, core.start() + named.end())):
            at = core.start() + 1
            continue
        at = _extended(text, core.end())
        yield Finding("地址", start, at)


def _extended(text: str, end: int) -> int:
    """The end of an address whose first numbered part ends at `end`."""
    for _ in range(8):
        more = _MORE.match(text, end)
        if more is None or more.end() == end:
            break
        end = more.end()
    return end


def _name_start(text: str, end: int) -> int:
    """Where the name of a street or compound that ends at `end` begins, at most eight characters back."""
    start = end
    while start > 0 and end - start < 8 and _is_name(text, start - 1):
        start -= 1
    return start


def _is_name(text: str, at: int) -> bool:
    letter = text[at]
    if letter == "区":
        return text[at - 1 : at] in tuple("小社园校东西南北")
    return letter not in _BEFORE and ("一" <= letter <= "鿿" or (letter.isascii() and letter.isalpha()))


def _cued(text: str) -> Iterator[Finding]:
    for cue in _CUE.finditer(text):
        place = _CUED.match(text, cue.end(), cue.end() + 40)
        if place is None:
            continue
        start = max(_name_start(text, place.end() - 1), cue.end())
        if place.end() - start >= 3 and not _NO_STREET.search(text, start, place.end()):
            yield Finding("地址", start, _extended(text, place.end()))


def _english(text: str) -> Iterator[Finding]:
    for pattern in (_ENGLISH, _BOX):
        yield from (Finding("地址", *match.span()) for match in pattern.finditer(text))

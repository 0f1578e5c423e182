"""Personal numbers: telephones, resident IDs, bank cards, orders, parcels, and any long bare number.

A text is cut into *runs*: digits with a little punctuation between them. Inside a run, neighbouring groups of
digits are joined (a number may be written in pieces) and the joined digits are judged by shape, checksum and
the *cue* in front (`订单号`, `卡号`, `货号` …). So there is one scan however many kinds there are, and its cost
is linear: a join never grows beyond 21 digits.

Three alphabets are read in turn: digits; digits and Chinese numerals (`一三八…`, 壹, 幺); and homophones
(腰, 拐, 酒), where only a mobile number counts, since those characters are everyday words.

Prices, dates and times are set aside first; a bare number of eight digits or more stays only if the shop's
catalogue has it or a goods cue precedes it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from endcloud.privacy import cues
from endcloud.privacy.checksums import has_luhn, is_date, is_international, is_resident
from endcloud.privacy.finding import Finding

SEPARATOR = r"[^\w\x00\x01]|_"
NUMERALS = "〇零一二三四五六七八九壹贰叁肆伍陆柒捌玖幺"
_SOUNDS = {
    "0": "洞灵玲铃林令oO", "1": "腰妖么易依医衣lI", "2": "两尔儿而", "3": "散伞山", "4": "似寺死思斯司",
    "5": "吾午舞无武吴", "6": "流溜留刘柳", "7": "拐奇器骑起其期妻", "8": "吧爸巴拔扒", "9": "勾就酒久",
}  # fmt: skip
DIGIT_WORDS = NUMERALS + "".join(sound for sounds in _SOUNDS.values() for sound in sounds if not sound.isascii())
"""Every Chinese character that is read as a digit."""
DIGITS = str.maketrans(NUMERALS, "001234567891234567891")
_SPOKEN = DIGITS | {ord(sound): digit for digit, sounds in _SOUNDS.items() for sound in sounds}


def _runs(alphabet: str, least: int) -> re.Pattern[str]:
    """At least `least` characters of `alphabet`, each followed by at most three separators."""
    return re.compile(rf"[{alphabet}](?:(?:{SEPARATOR}){{0,3}}+[{alphabet}]){{{least - 1},}}+")


_ANY_RUN = _runs(f"0-9{NUMERALS}{''.join(_SOUNDS.values())}", 5)
_PLAIN_RUN = _runs("0-9", 5)
_CHINESE_RUN = _runs(f"0-9{NUMERALS}", 7)
_SPOKEN_RUN = _runs(f"0-9{NUMERALS}{''.join(_SOUNDS.values())}", 11)
_SPOKEN_PIECE = re.compile(f"[0-9{NUMERALS}{''.join(_SOUNDS.values())}]{{5,}}+")
_DIGITS_BEFORE = re.compile(f"(?:(?<=[^一-鿿])|^)[0-9{NUMERALS}]+$|[0-9{NUMERALS}]{{2,}}$")
_DIGITS_AFTER = re.compile(f"[0-9{NUMERALS}]{{2,}}|[0-9{NUMERALS}](?![一-鿿])")
_NUMERAL = re.compile(f"[{DIGIT_WORDS}]{{2}}|[0-9][{NUMERALS}]|[{NUMERALS}][0-9]")
_SINGLE_WITHIN = re.compile(f"(?<=[0-9{NUMERALS}])[{''.join(_SOUNDS.values())}](?=[0-9{NUMERALS}])")
_WITHIN = re.compile(f"(?<=[0-9{NUMERALS}])[{''.join(_SOUNDS.values())}]{{1,4}}(?=[0-9{NUMERALS}])")
_SOUND = re.compile(f"[{''.join(_SOUNDS.values())}]")
_GROUP = re.compile(r"[0-9]+")
_IS_SEPARATOR = re.compile(SEPARATOR).match
_MOBILE_WITHIN = re.compile(r"1[3-9][0-9]{9}")

# What looks like a number of somebody and is not: a decimal or price, a date, a time of day.
_HARMLESS = re.compile(
    r"(?<![0-9.])(?:0|[1-9][0-9]{0,4})\.[0-9]{1,2}(?![0-9]|\.[0-9])"
    r"|[¥￥$€£] ?[0-9]{1,7}(?![0-9])(?:\.[0-9]{1,2}(?![0-9]))?"
    r"|(?<![0-9])[0-9]{1,8}(?= ?(?:元|块|rmb|RMB|[件个条双套米克次人万%]))"
    r"|(?<![0-9][-./])(?<![0-9])(?:19|20)[0-9]{2}([-./年])(?:1[0-2]|0?[1-9])(?:\1|月)(?:3[01]|[12][0-9]|0?[1-9])日?(?![0-9]|[-.][0-9])"
    r"|(?<![0-9:])[0-2]?[0-9]:[0-5][0-9](?::[0-5][0-9])?(?![0-9:])"
)

# The cue in front of a number. The last one before the number counts.
_CUE = re.compile(
    r"(?P<goods>货号|款号|型号|编码|条形?码|批号|色号|尺码|商品(?:编号|号|[Ii][Dd])?|产品(?:编号)?|宝贝|链接|[sS][kK][uU]"
    r"|\b[Ii][Tt][Ee][Mm](?:\.[a-z.]{1,12}/)?|[?&]id=|\bEAN|\bISBN|\bMODEL|\b[Mm]odel)"
    r"|(?P<运单>(?:快递|运单|物流|包裹)(?:单号|编?号)?|(?i:tracking|parcel|waybill)"
    r"|(?<![A-Za-z])(?:S[\W_]?F|Y[\W_]?T|J[\W_]?T|J[\W_]?D|Z[\W_]?T[\W_]?O|S[\W_]?T[\W_]?O|E[\W_]?M[\W_]?S)(?![A-Za-z]))"
    r"|(?P<订单>订单|定单|单号|交易号|流水号|售后单|(?:[查催看退改]|取消|编号)一?下?(?=[: ]{0,2}[0-9]{7})|(?i:\border))"
    r"|(?P<身份证号>身份证|证件)"
    rf"|(?P<支付宝>{cues.ALIPAY}(?:[账帐]号)?)|(?P<微信>{cues.WECHAT}(?:[账帐]号)?)|(?P<QQ>{cues.QQ}(?:[账帐]号)?)"
    r"|(?P<银行卡>卡号|银行卡|信用卡|储蓄卡|[账帐]号|(?i:\bcard|\baccount))"
    r"|(?P<电话>电话|手机|座机|联系|致电|热线|(?i:\btel|(?<!head)(?<!ear)phone|\bcall|mobile|\bfax))"
    r"|(?P<生日>生日|出生|(?i:birth|\bdob))"
)
_ORDER_AFTER = re.compile(
    r"[,， ]?(?:的|这|那|这个|那个)?"
    r"(?:订单|单子|单|什么时候|啥时候|怎么|咋|还没|没|到哪|发货|发了|取消|退|查|催|签收|物流)"
)
_NEAR = 32  # characters before a number in which a cue is looked for
_GAP = re.compile(r"[^0-9。！？；\n]{0,7}|[ A-Za-z'#:]{0,16}")

# Digits that a cue alone makes personal: how many there must be at least and at most.
_CUED_LENGTH = {
    "订单": (5, 21), "运单": (6, 21), "身份证号": (15, 18), "银行卡": (12, 19), "支付宝": (6, 16), "微信": (5, 12),
    "QQ": (5, 12), "电话": (7, 12),
}  # fmt: skip

_IN_PIECES = frozenset(("银行卡", "身份证号", "电话", "QQ"))  # kinds whose shortest form is also written in pieces

MOBILE = re.compile(r"(?:00)?(?:86)?1[3-9][0-9]{9}")
_LANDLINE = re.compile(r"(?:(?:00)?860?|0)(?:10|2[0-9]|[3-9][0-9]{2})[2-9][0-9]{6,7}|[48]00[0-9]{7}")
_BRITISH_MOBILE = re.compile(r"07[0-9]{9}")
_NORTH_AMERICA = re.compile(r"1?[2-9][0-9]{2}[2-9][0-9]{6}")
CARD = re.compile(r"(?:62|60|9[0-9]|4|5[0-9]|3[04-9]|2[2-7])[0-9]{11,17}")
_HANZI = re.compile("[一-鿿]")
_PRICE_ENDS = frozenset(("00", "50", "80", "88", "90", "98", "99"))
_MOST = 21  # digits in the longest number that is looked for


def find(text: str, catalogue: frozenset[str]) -> list[Finding]:
    """The personal numbers of a view (see `normalisation`), in its offsets."""
    found: list[Finding] = []
    if _ANY_RUN.search(text) is None:
        return found
    quiet = text
    if _WITHIN.search(text):  # before the digits between such words are read as a number of their own
        found = _homophones(text, catalogue, only_sure=True)
        quiet = _without(text, found)
    if _PLAIN_RUN.search(text):
        quiet = _HARMLESS.sub(lambda match: "\x01" * len(match[0]), quiet)
        for run in _PLAIN_RUN.finditer(quiet):
            found += _judge(quiet, run.start(), run.group(), catalogue)
    if found and not _NUMERAL.search(text):
        return found
    quiet = _without(quiet, found)
    spoken_ones = _homophones(quiet, catalogue)
    quiet = _without(quiet, spoken_ones)
    found += spoken_ones
    for run in _CHINESE_RUN.finditer(quiet):
        found += _judge(quiet, run.start(), run.group().translate(DIGITS), catalogue)
    return [_with_numerals(text, one) for one in found]


def _with_numerals(text: str, found: Finding) -> Finding:
    """A number goes on where digits and numerals touch it, of which only a part was read: 1380013捌零零零."""
    start, end = found.start, found.end
    before, after = (
        _DIGITS_BEFORE.search(text, max(0, start - _MOST), start),
        _DIGITS_AFTER.match(text, end, end + _MOST),
    )
    return Finding(found.kind, before.start() if before else start, after.end() if after else end)


def _without(text: str, found: Sequence[Finding]) -> str:
    """`text` with what was found crossed out, every other character in its place."""
    if not found:
        return text
    pieces, at = list[str](), 0
    for one in sorted(found, key=lambda one: one.start):
        pieces += [text[at : one.start], "\x01" * (one.end - max(at, one.start))]
        at = max(at, one.end)
    return "".join([*pieces, text[at:]])


def spoken(text: str) -> str:
    """`text` with Chinese numerals and homophones as digits: for comparing values that are known to be numbers."""
    return text.translate(_SPOKEN)


def _homophones(text: str, catalogue: frozenset[str], *, only_sure: bool = False) -> list[Finding]:
    """Numbers written in characters that sound like digits: what is a number in one piece, and mobiles in several.

    The characters are everyday words, so a piece counts from nine of them on, or from five after a cue; with
    `only_sure` it has to be one that no everyday sentence has.
    """
    found = []
    for piece in _SPOKEN_PIECE.finditer(text):
        if (
            (not only_sure or _is_surely_spoken(piece[0]))
            and _SOUND.search(piece[0])
            and (len(piece[0]) >= 9 or cue_before(text, piece.start()))
        ):
            digits, start = piece[0].translate(_SPOKEN), max(0, piece.start() - 2 * _NEAR)
            near = text[start : piece.start()] + digits + text[piece.end() : piece.end() + _NEAR]  # no copy of it all
            found += [
                Finding(one.kind, one.start + start, one.end + start)
                for one in _judge(near, piece.start() - start, digits, catalogue)
            ]
    if found or only_sure:
        return found
    for run in _SPOKEN_RUN.finditer(text):
        letters = run.group()
        places = [at for at, letter in enumerate(letters) if not _IS_SEPARATOR(letter)]
        digits = "".join(letters[at] for at in places).translate(_SPOKEN)
        for mobile in _MOBILE_WITHIN.finditer(digits):
            start, end = places[mobile.start()], places[mobile.end() - 1] + 1
            # Everyday words stand beside the number, so its ends are free, unless a digit goes on there.
            cut = letters[start - 1 : start].isdigit() and letters[start].isdigit()
            cut = cut or (letters[end - 1].isdigit() and letters[end : end + 1].isdigit())
            if not cut and _SOUND.search(letters, start, end):
                found.append(Finding("电话", run.start() + start, run.start() + end))
    return found


def _is_surely_spoken(piece: str) -> bool:
    """Whether two words that sound like digits stand amid digits, or beside so many that they are part of a number."""
    sounds, digits = len(_SOUND.findall(piece)), sum(sign.isdigit() for sign in piece)
    return sounds >= 2 and (len(_SINGLE_WITHIN.findall(piece)) >= 2 or (len(piece) >= 12 and digits >= 4))


def _judge(text: str, offset: int, run: str, catalogue: frozenset[str]) -> list[Finding]:
    """Cuts one run into findings, from left to right."""
    groups = list(_GROUP.finditer(run))
    found = []
    first = 0
    while first < len(groups):
        cue = cue_before(text, offset) if first == 0 else None  # only punctuation stands between the groups of a run
        kind, last = _longest(text, offset, groups, first, cue)
        if kind is None and _is_bare_number(groups[first].group(), cue, catalogue):
            end = offset + groups[first].end()
            kind = "订单" if cue == "订单" or _ORDER_AFTER.match(text, end) else cue if cue == "生日" else "号码"
        if kind is None and len(groups[first][0]) in (6, 7) and _ORDER_AFTER.match(text, offset + groups[first].end()):
            kind = "订单"
        if kind is None:
            first += 1
            continue
        start, end = offset + groups[first].start(), offset + groups[last].end()
        found.append(Finding(kind, _with_prefix(text, start), _with_suffix(text, kind, end)))
        first = last + 1
    return found


def _longest(
    text: str, offset: int, groups: Sequence[re.Match[str]], first: int, cue: str | None
) -> tuple[str | None, int]:
    """The kind of the longest join of groups from `first` on that is personal, and its last group."""
    single = _single_digits(groups, first)
    if single > _MOST:
        return "号码", first + single - 1
    digits = ""
    kind, last, is_called = None, first, False
    for at in range(first, len(groups)):
        digits += groups[at].group()
        if len(digits) > _MOST:
            break
        if len(digits) >= 5:
            judged = _kind(text, offset, groups[first : at + 1], digits, cue)
            # What follows a telephone may make a card's checksum right by chance.
            if judged is not None and not (is_called and judged == "银行卡"):
                kind, last = judged, at
                is_called = bool(MOBILE.fullmatch(digits) or _LANDLINE.fullmatch(digits))
    if kind is None and single >= 8:
        return "号码", first + single - 1
    return kind, last


def _kind(text: str, offset: int, groups: Sequence[re.Match[str]], digits: str, cue: str | None) -> str | None:
    """What the joined digits of `groups` are, or None."""
    size = len(digits)
    whole = len(groups) == 1
    if size == 17 and _LAST_X.match(text, offset + groups[-1].end()) and is_resident(digits + "X"):
        return "身份证号"
    if size == 18 and is_resident(digits):
        return "身份证号"
    if cue == "goods" and not MOBILE.fullmatch(digits):
        return None
    if cue in _CUED_LENGTH and not MOBILE.fullmatch(digits):
        least, most = _CUED_LENGTH[cue]
        least = least if whole or cue in _IN_PIECES else 7 if _evenly_cut(groups) else 10
        if least <= size <= most and not (whole and is_date(digits)):
            return cue
    if 10 <= size <= 15 and (MOBILE.fullmatch(digits) or _LANDLINE.fullmatch(digits)):
        return cue if cue in ("微信", "支付宝", "订单", "运单") else "电话"
    if size == 11 and _BRITISH_MOBILE.fullmatch(digits):
        return "电话"
    if 8 <= size <= 15 and text[offset + groups[0].start() - 1 : offset + groups[0].start()] == "+":
        return "电话" if is_international(digits) else None
    if not whole and _pieces(groups) in ((3, 3, 4), (1, 3, 3, 4)) and _NORTH_AMERICA.fullmatch(digits):
        return "电话"
    if not whole and _pieces(groups) == (3, 2, 4) and _is_social_security(text, offset, groups):
        return "证件"
    if 13 <= size <= 19 and CARD.fullmatch(digits) and has_luhn(digits):
        return "银行卡"
    return "号码" if size >= 10 and _in_fours(groups) else None


def _pieces(groups: Sequence[re.Match[str]]) -> tuple[int, ...]:
    return tuple(len(group.group()) for group in groups)


def _is_social_security(text: str, offset: int, groups: Sequence[re.Match[str]]) -> bool:
    """Whether three, two and four digits may be a social security number: with hyphens, or in English text."""
    start, end = offset + groups[0].start(), offset + groups[-1].end()
    if groups[0][0] in ("000", "666") or groups[0][0][0] == "9" or groups[1][0] == "00" or groups[2][0] == "0000":
        return False
    return text[offset + groups[0].end()] == "-" or not _HANZI.search(text, max(0, start - _NEAR), end + _NEAR)


def _evenly_cut(groups: Sequence[re.Match[str]]) -> bool:
    """Whether a number is written in fours with a rest, or digit by digit."""
    sizes = _pieces(groups)
    return set(sizes) == {1} or (set(sizes[:-1]) == {4} and sizes[-1] <= 4)


def _in_fours(groups: Sequence[re.Match[str]]) -> bool:
    """Whether a number is written as on a card, in fours with a rest; a list of years is none, nor one of prices."""
    sizes = _pieces(groups)
    fours = len(sizes) >= 3 and set(sizes[:-1]) == {4} and sizes[-1] <= 4
    years = all(group[0][:2] in ("19", "20") for group in groups)
    prices = all(group[0][-2:] in _PRICE_ENDS for group in groups)
    return fours and not years and not prices


def _single_digits(groups: Sequence[re.Match[str]], first: int) -> int:
    """How many single digits stand in a row from `first` on."""
    last = first
    while last < len(groups) and groups[last].end() - groups[last].start() == 1:
        last += 1
    return last - first


def cue_before(text: str, start: int) -> str | None:
    """The cue right in front of position `start`, if there is one."""
    cue = None
    for cue in _CUE.finditer(text, max(0, start - _NEAR), start):  # noqa: B007 - the last one is wanted
        pass
    if cue is None or not _GAP.fullmatch(text, cue.end(), start):
        return None
    return cue.lastgroup


def _is_bare_number(digits: str, cue: str | None, catalogue: frozenset[str]) -> bool:
    """A run of eight digits or more that nothing says is goods, or the date of a birth."""
    if len(digits) < 8 or cue == "goods" or digits in catalogue:
        return False
    return cue == "生日" or not is_date(digits)


def _with_prefix(text: str, start: int) -> int:
    """A telephone's `+` or opening bracket belongs to it."""
    while start > 0 and text[start - 1] in "+(":
        start -= 1
    return start


_LAST_X = re.compile(rf"(?:{SEPARATOR}){{0,3}}[xX](?![A-Za-z])")
_EXTENSION = re.compile(r" ?(?:转|ext\.?|#) ?[0-9]{1,6}(?![0-9])")


def _with_suffix(text: str, kind: str, end: int) -> int:
    """A resident ID's last X and a telephone's extension belong to it."""
    last = _LAST_X.match(text, end) if kind == "身份证号" else None
    if last:
        return last.end()
    extension = _EXTENSION.match(text, end) if kind == "电话" else None
    return extension.end() if extension else end

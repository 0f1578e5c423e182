"""The disguises in which people write a number or a name, so that a filter does not see it.

Each takes a plain value and gives the parts that stand in the message (two parts: in two messages), or None where it
makes no sense for the value. The signs used here are the whole list that recall is published for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random

from personal.values import Value

Disguise = Callable[[Value, Random], tuple[str, ...] | None]

PUNCTUATION = "-.·_,，、/—~*"
ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
NUMERALS = "零一二三四五六七八九"
CAPITALS = "零壹贰叁肆伍陆柒捌玖"
HOMOPHONES = {
    "0": "灵铃玲林洞",
    "1": "妖腰医衣",
    "2": "儿尔而",
    "3": "散伞山",
    "4": "思斯死",
    "5": "舞武午吴",
    "6": "溜流刘柳",
    "7": "起其妻期",
    "8": "吧爸巴扒",
    "9": "久酒就",
}
CUES: Mapping[str, tuple[str, ...]] = {
    "微信": ("薇信", "威信", "V信", "维信", "徽信", "VX", "vx", "wx"),
    "QQ": ("扣扣", "Q号", "q q", "抠抠", "企鹅号", "蔻蔻"),
    "支付宝": ("支付bao", "zfb", "ZFB", "支付保", "知付宝"),
}


def plain(value: Value, _: Random) -> tuple[str, ...]:
    return (value.text,)


def full_width(value: Value, _: Random) -> tuple[str, ...] | None:
    wide = "".join(chr(ord(sign) + 0xFEE0) if "!" <= sign <= "~" else sign for sign in value.text)
    return (wide,) if wide != value.text else None


def spaces(value: Value, chosen: Random) -> tuple[str, ...] | None:
    return _parted(value, chosen.choice([" ", " ", "  ", "\u3000"]), chosen)


def punctuation(value: Value, chosen: Random) -> tuple[str, ...] | None:
    return _parted(value, chosen.choice(PUNCTUATION), chosen)


def _parted(value: Value, mark: str, chosen: Random) -> tuple[str, ...] | None:
    """By groups; a plain number sometimes sign by sign."""
    joined = "".join(value.groups)
    single = joined.rstrip("Xx").isdigit() and chosen.random() < 0.4
    parted = mark.join(joined if single else value.groups)
    return (parted,) if parted != value.text else None


def numerals(value: Value, chosen: Random) -> tuple[str, ...] | None:
    known = _numerals(chosen)
    return _spelled(value, lambda digit: known[int(digit)])


def _numerals(chosen: Random) -> str:
    """Some people write 零, some 〇."""
    return chosen.choice([NUMERALS, NUMERALS.replace("零", "〇")])


def numerals_yao(value: Value, chosen: Random) -> tuple[str, ...] | None:
    known = _numerals(chosen).replace("一", "幺")
    spelled = _spelled(value, lambda digit: known[int(digit)])
    return spelled if spelled and "幺" in spelled[0] else None


def capitals(value: Value, _: Random) -> tuple[str, ...] | None:
    return _spelled(value, lambda digit: CAPITALS[int(digit)])


def mixed(value: Value, chosen: Random) -> tuple[str, ...] | None:
    """Digits, full-width digits and both kinds of numerals side by side."""
    return _spelled(
        value,
        lambda digit: chosen.choice([digit, chr(ord(digit) + 0xFEE0), NUMERALS[int(digit)], CAPITALS[int(digit)]]),
    )


def homophones(value: Value, chosen: Random) -> tuple[str, ...] | None:
    """At least half of the digits as words that sound like them, the others as digits or numerals."""
    others = chosen.choice(["digits", "numerals", "none"])

    def spell(digit: str) -> str:
        if others == "none" or chosen.random() < 0.6:
            return chosen.choice(HOMOPHONES[digit])
        return digit if others == "digits" else NUMERALS[int(digit)]

    return _spelled(value, spell)


def _spelled(value: Value, spell: Callable[[str], str]) -> tuple[str, ...] | None:
    joined = "".join(value.groups)
    spelled = "".join(spell(sign) if sign in "0123456789" else sign for sign in joined)
    return (spelled,) if spelled != joined else None


def date_in_numerals(value: Value, chosen: Random) -> tuple[str, ...]:
    """一九九零年五月十二日, as a date is read aloud."""
    year, month, day = value.groups
    known = _numerals(chosen)
    return ("".join(known[int(sign)] for sign in year) + f"年{_counted(month)}月{_counted(day)}日",)


def _counted(number: str) -> str:
    tens, ones = divmod(int(number), 10)
    return ("" if tens < 1 else "十" if tens == 1 else NUMERALS[tens] + "十") + (NUMERALS[ones] if ones else "")


def at_in_words(value: Value, chosen: Random) -> tuple[str, ...]:
    local, _, domain = value.groups
    at, dot = chosen.choice([("艾特", "点"), ("at", "点"), ("(at)", "."), ("艾特", "."), ("(at)", "(dot)")])
    return (local + at + domain.replace(".", dot),)


def zero_width(value: Value, chosen: Random) -> tuple[str, ...]:
    """An invisible sign after each, every second or every third sign, and so at least one."""
    every, mark = chosen.choice([1, 1, 2, 3]), chosen.choice(ZERO_WIDTH)
    if len(value.text) <= every:
        return (value.text[0] + mark + value.text[1:],)
    last = len(value.text) - 1
    return ("".join(sign + mark * (at % every == every - 1 and at < last) for at, sign in enumerate(value.text)),)


def two_messages(value: Value, chosen: Random) -> tuple[str, ...] | None:
    """Cut where people break off: between groups, or in the midst of one; each part has two signs or more."""
    words = value.text.split(" ")
    if len(words) > 2 and value.text.isascii() and any(sign.isalpha() for sign in value.text):
        cut = chosen.randrange(1, len(words))  # an English address breaks off between words, and keeps its spaces
        return " ".join(words[:cut]), " ".join(words[cut:])
    joined = "".join(value.groups)
    ends = [sum(map(len, value.groups[:at])) for at in range(1, len(value.groups))]
    cuts = [end for end in ends if 2 <= end <= len(joined) - 2]
    if not cuts or (joined.isdigit() and chosen.random() < 0.4):
        cuts = list(range(2, len(joined) - 1))
    cut = chosen.choice(cuts)
    if "@" in joined:
        cut = joined.index("@") + chosen.choice([0, 1])
    return joined[:cut], joined[cut:]


TWO = "two messages"
TWO_ANSWERED = "two, a word between"
CUE = "homophone cue"
_DIGITS: dict[str, Disguise] = {
    "full-width": full_width,
    "spaces": spaces,
    "punctuation": punctuation,
    "numerals": numerals,
    "numerals 幺": numerals_yao,
    "capitals": capitals,
    "mixed": mixed,
    "homophones": homophones,
    "zero-width": zero_width,
    TWO: two_messages,
    TWO_ANSWERED: two_messages,
}
_CODE = {name: _DIGITS[name] for name in ("full-width", "spaces", "punctuation", "zero-width", TWO, TWO_ANSWERED)}
_WIDTHS: dict[str, Disguise] = {"full-width": full_width, "zero-width": zero_width}
_BY_KIND: dict[str, dict[str, Disguise]] = {
    **dict.fromkeys(
        ("mobile", "landline", "resident id", "bank card", "long number", "order", "parcel", "passport"), _DIGITS
    ),
    "qq": _DIGITS | {CUE: plain},
    "credit code": _CODE,
    "social security": _CODE,
    "plate": {**_WIDTHS, "spaces": spaces, "punctuation": punctuation},
    "e-mail": {**_WIDTHS, "spaces": spaces, "homophones": at_in_words, TWO: two_messages, TWO_ANSWERED: two_messages},
    "wechat": {**_WIDTHS, CUE: plain, TWO: two_messages, TWO_ANSWERED: two_messages},
    "alipay": {**_WIDTHS, CUE: plain},
    "coordinates": {**_WIDTHS, "spaces": spaces},
    "birth date": {**_WIDTHS, "spaces": spaces, "numerals": date_in_numerals},
    "address": {**_WIDTHS, "spaces": spaces, "numerals": numerals, TWO: two_messages, TWO_ANSWERED: two_messages},
    "name": {"zero-width": zero_width, "spaces": spaces},
    "title": {"zero-width": zero_width},
}
_CHINESE = ("numerals", "numerals 幺", "capitals", "mixed", "homophones")


def disguises_of(kind: str, language: str) -> dict[str, Disguise]:
    """The disguises that make sense for a kind, `plain` first; Chinese numerals only in Chinese."""
    known = _BY_KIND[kind]
    if language == "en":
        known = {name: way for name, way in known.items() if name not in _CHINESE}
        if kind in ("name", "address"):
            known = {name: way for name, way in known.items() if name != "spaces"}
    return {"plain": plain, **known}

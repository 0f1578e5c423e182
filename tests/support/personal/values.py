"""Values of every Chinese kind, with right checksums and real prefixes, invented.

A `Value` is what a person would write. `groups` are the pieces in which people type it; `before` and `after` belong
to it without being what identifies (a city, `+86`, a title): whether they are masked is left open.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from personal.halves import Half, Pools, words


@dataclass(frozen=True, slots=True)
class Value:
    """`text` as written plainly; `"".join(groups)` is the same without separators."""

    text: str
    groups: tuple[str, ...]
    before: str = ""
    after: str = ""


Maker = Callable[[Random, Pools], Value]


def make(maker: Maker, chosen: Random, half: Half) -> Value:
    """A value that is this half's."""
    while not half.owns("".join((value := maker(chosen, half.pools)).groups)):
        pass
    return value


def digits(chosen: Random, count: int) -> str:
    return "".join(chosen.choice("0123456789") for _ in range(count))


def in_groups(text: str, *sizes: int) -> tuple[str, ...]:
    """`text` cut into pieces of these sizes, the last size again and again."""
    groups, at, left = [], 0, list(sizes)
    while at < len(text):
        size = left.pop(0) if len(left) > 1 else left[0]
        groups.append(text[at : at + size])
        at += size
    return tuple(groups)


def _plain(text: str, *sizes: int) -> Value:
    return Value(text, in_groups(text, *sizes))


_MOBILE_PREFIXES = words(
    "130 131 132 133 134 135 136 137 138 139 150 151 152 153 155 156 157 158 159 166 173 175 176 177 178 180 181 182 "
    "183 185 186 187 188 189 191 198 199"
)


def mobile(chosen: Random, _: Pools) -> Value:
    value = _plain(chosen.choice(_MOBILE_PREFIXES) + digits(chosen, 8), 3, 4)
    return replace(value, before=chosen.choice(["", "", "", "", "", "+86", "+86 ", "86-", "0086"]))


_AREA_CODES = words(
    "010 020 021 022 023 024 025 027 028 029 0311 0371 0411 0431 0451 0510 0512 0531 0532 0551 0571 0574 0577 "
    "0591 0731 0755 0757 0769 0791 0851 0871"
)


def landline(chosen: Random, _: Pools) -> Value:
    area, local = chosen.choice(_AREA_CODES), chosen.choice("68") + digits(chosen, 7)
    shape = chosen.choice(["{}-{}", "{}-{}", "{}{}", "({}){}", "{} {}"])
    return Value(shape.format(area, local), (area, local[:4], local[4:]))


_REGIONS = words("110105 310104 330106 440305 510107 320102 420111 370202 610113 210103 350203 410105 430102 500103")


def _birth(chosen: Random) -> datetime.date:
    return datetime.date(1950, 1, 1) + datetime.timedelta(days=chosen.randrange(21_000))


def resident_id(chosen: Random, _: Pools) -> Value:
    head = chosen.choice(_REGIONS) + _birth(chosen).strftime("%Y%m%d") + digits(chosen, 3)
    total = sum(int(digit) * (2 ** (17 - at) % 11) for at, digit in enumerate(head))
    check = "10X98765432"[total % 11]
    return _plain(head + (check.lower() if chosen.random() < 0.3 else check), 6, 8, 4)


def passport(chosen: Random, _: Pools) -> Value:
    head = chosen.choice(["E", "G", "E" + chosen.choice("ABCDEFGHJK")])
    return _plain(head + digits(chosen, 9 - len(head)), len(head), 4)


def with_luhn(head: str) -> str:
    """`head` and the check digit after it that Luhn's formula asks for."""
    total = 0
    for at, digit in enumerate(reversed(head)):
        doubled = int(digit) * (2 - at % 2)
        total += doubled - 9 * (doubled > 9)
    return head + str(-total % 10)


_BANKS = (
    ("622202", 19),
    ("621700", 19),
    ("622848", 19),
    ("621661", 19),
    ("622588", 16),
    ("625160", 16),
    ("621483", 16),
)


def bank_card(chosen: Random, _: Pools) -> Value:
    bank, length = chosen.choice(_BANKS)
    return _plain(with_luhn(bank + digits(chosen, length - len(bank) - 1)), 4)


_CODE_SIGNS = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def credit_code(chosen: Random, _: Pools) -> Value:
    body = "".join(chosen.choice(_CODE_SIGNS) for _ in range(8))
    weights = (3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(int(sign, 36) * weight for sign, weight in zip(body, weights, strict=True))
    head = chosen.choice(["91", "92"]) + chosen.choice(_REGIONS) + body + "0123456789X0"[(11 - total % 11) % 11]
    check = -sum(_CODE_SIGNS.index(sign) * pow(3, at, 31) for at, sign in enumerate(head)) % 31
    return _plain(head + _CODE_SIGNS[check], 4)


def plate(chosen: Random, _: Pools) -> Value:
    head = chosen.choice("京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤川琼") + chosen.choice("ABCDEFGHJ")
    if chosen.random() < 0.4:
        tail = chosen.choice("DF") + digits(chosen, 5)
    else:
        letters = chosen.sample(range(5), chosen.randrange(3))
        signs = (chosen.choice("ABCDEFGHJKLMNPQRSTUVWXYZ" if at in letters else "0123456789") for at in range(5))
        tail = "".join(signs)
    return Value(head + tail, (head, tail))


def email(chosen: Random, pools: Pools) -> Value:
    shape = chosen.choice(["{h}{d}", "{h}.{g}", "{h}_{d}", "{d}", "{h}-{g}{d}"])
    local = shape.format(h=chosen.choice(pools.handles), g=chosen.choice(pools.handles), d=digits(chosen, 6))
    domain = chosen.choice(pools.domains)
    return Value(f"{local}@{domain}", (local, "@", domain))


def long_number(chosen: Random, _: Pools) -> Value:
    """A number of ten digits or more that is none of the known kinds."""
    return _plain(chosen.choice("2345679") + digits(chosen, chosen.choice([9, 11, 12, 13])), 4)


def wechat(chosen: Random, pools: Pools) -> Value:
    first, second = chosen.choice(pools.handles), chosen.choice(pools.handles)
    number, code = digits(chosen, 4), "".join(chosen.choice("abcdefghijkmnpqrstuvwxyz0123456789") for _ in range(14))
    groups = chosen.choice(
        [(first, number), (first, "_" + second), ("wxid_", code), (first, "-" + number), (first, second + number)]
    )
    return Value("".join(groups), groups)


def qq(chosen: Random, _: Pools) -> Value:
    return _plain(chosen.choice("123456789") + digits(chosen, chosen.randrange(6, 10)), 3)


def alipay(chosen: Random, pools: Pools) -> Value:
    if chosen.random() < 0.5:
        return Value(text := chosen.choice(pools.handles) + "_" + digits(chosen, 5), (text,))
    return replace(chosen.choice([mobile, email])(chosen, pools), before="")


def order(chosen: Random, _: Pools) -> Value:
    day = datetime.date(2023, 1, 1) + datetime.timedelta(days=chosen.randrange(900))
    text = chosen.choice(
        [
            chosen.choice("1234") + digits(chosen, 18),
            chosen.choice("23") + digits(chosen, 11),
            chosen.choice(["DD", "XS", "TB", "E"]) + day.strftime("%Y%m%d") + digits(chosen, 6),
            chosen.choice("56789") + digits(chosen, chosen.randrange(6, 9)),
        ]
    )
    letters = len(text) - len(text.lstrip("DXSTBE"))
    return _plain(text, letters or 4, 4)


def parcel(chosen: Random, _: Pools) -> Value:
    head, count = chosen.choice(
        [("SF", 13), ("YT", 13), ("JT", 13), ("JDVB", 11), ("JDX0", 11), ("77", 13), ("7", 13), ("43", 13), ("9", 12)]
    )
    return _plain(head + digits(chosen, count), len(head) if head.isalpha() else 4, 4)


def coordinates(chosen: Random, _: Pools) -> Value:
    north, east = f"{chosen.uniform(20, 45):.6f}", f"{chosen.uniform(100, 122):.6f}"
    shape = chosen.choice(
        ["{n},{e}", "{n}, {e}", "{e},{n}", "北纬{n} 东经{e}", "东经{e}，北纬{n}", "N{n} E{e}", "minutes"]
    )
    if shape == "minutes":
        north, east = (
            f"{int(float(part))}°{chosen.randrange(10, 60)}′{chosen.randrange(10, 60)}″" for part in (north, east)
        )
        return Value(f"{north}N {east}E", (north + "N", east + "E"))
    return Value(shape.format(n=north, e=east), (north, east))


def birth_date(chosen: Random, _: Pools) -> Value:
    day = _birth(chosen)
    year, month, date = str(day.year), str(day.month), str(day.day)
    shapes = [
        "{y}年{m}月{d}日",
        "{y}年{m}月{d}号",
        "{y}-{m:0>2}-{d:0>2}",
        "{y}/{m}/{d}",
        "{y}.{m:0>2}.{d:0>2}",
        "{y}{m:0>2}{d:0>2}",
    ]
    shapes += ["{s}年{m}月{d}日", "{s}年{m}月{d}号"]
    text = chosen.choice(shapes).format(y=year, s=year[2:], m=month, d=date)
    return Value(text, (year, month.zfill(2), date.zfill(2)))


def name(chosen: Random, pools: Pools) -> Value:
    return Value(text := chosen.choice(pools.surnames) + chosen.choice(pools.given), tuple(text))


def title(chosen: Random, pools: Pools) -> Value:
    return Value(text := chosen.choice(pools.surnames), (text,), after=chosen.choice(pools.titles))


def address(chosen: Random, pools: Pools) -> Value:
    def number(most: int) -> int:
        return chosen.randrange(1, most)

    road, compound = chosen.choice(pools.roads), chosen.choice(pools.compounds)
    groups: tuple[str, ...] = chosen.choice(
        [
            (road, f"{number(900)}号", compound, f"{number(40)}栋", f"{number(6)}单元", f"{number(30)}0{number(5)}室"),
            (road, f"{number(900)}号", f"{number(30)}幢", f"{number(9)}0{number(5)}"),
            (compound, f"{number(40)}号楼", f"{number(4)}单元", f"{number(30)}0{number(5)}"),
            (compound, f"{number(40)}栋", f"{number(30)}0{number(5)}室"),
            (road, f"{number(900)}弄", f"{number(90)}号", f"{number(9)}0{number(5)}室"),
            (chosen.choice(pools.villages), f"{number(12)}组", f"{number(200)}号"),
            (chosen.choice(pools.villages), f"{number(200)}号"),
            (chosen.choice(pools.campuses), f"{number(20)}号宿舍楼", f"{number(8)}1{number(9)}"),
            (
                road,
                f"{number(900)}号",
                chosen.choice(pools.buildings),
                f"{number(30)}层",
                f"{number(30)}0{number(9)}室",
            ),
        ]
    )
    return Value("".join(groups), groups, before=chosen.choice([*pools.cities, "", ""]))


MAKERS: dict[str, Maker] = {
    "mobile": mobile,
    "landline": landline,
    "resident id": resident_id,
    "passport": passport,
    "bank card": bank_card,
    "credit code": credit_code,
    "plate": plate,
    "e-mail": email,
    "long number": long_number,
    "wechat": wechat,
    "qq": qq,
    "alipay": alipay,
    "order": order,
    "parcel": parcel,
    "coordinates": coordinates,
    "birth date": birth_date,
    "address": address,
    "name": name,
    "title": title,
}

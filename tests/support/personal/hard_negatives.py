"""Messages with no personal item that look as if they had one: prices, sizes, dates, models, goods numbers, words.

Each family has templates in both halves; the slots in them are filled here. A slot is `{price}`, `{day}` and so on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from endcloud.types import Message, Role
from personal.halves import HalfName, half_of
from personal.traditional import traditional


@dataclass(frozen=True, slots=True)
class Negative:
    """A message in which nothing should be masked, and the family of what makes it hard."""

    family: str
    message: Message


def _whole(least: int, most: int) -> Callable[[Random], str]:
    return lambda chosen: str(chosen.randrange(least, most))


def _one_of(words: str) -> Callable[[Random], str]:
    known = words.split()
    return lambda chosen: chosen.choice(known)


def _price(chosen: Random) -> str:
    whole = chosen.choice([chosen.randrange(5, 100), chosen.randrange(100, 2000), chosen.randrange(2000, 12000)])
    return f"{whole}{chosen.choice(['', '', '.9', '.90', '.00', '.5'])}"


def _dimensions(chosen: Random) -> str:
    def sides(count: int) -> list[str]:
        return [str(chosen.randrange(4, 50) * 5) for _ in range(count)]

    mark = chosen.choice("*x×X")
    return mark.join(sides(chosen.choice([2, 2, 3]))) + chosen.choice(["", "cm", "mm", "厘米"])


def _resolution(chosen: Random) -> str:
    return chosen.choice(["1920×1080", "2560x1440", "3840*2160", "1280x720", "2400*1080"])


def _full_date(chosen: Random) -> str:
    shape = chosen.choice(["{y}-{m:02}-{d:02}", "{y}年{m}月{d}日", "{y}.{m}.{d}", "{y}/{m:02}/{d:02}"])
    return shape.format(y=chosen.choice([2024, 2025, 2026]), m=chosen.randrange(1, 13), d=chosen.randrange(1, 29))


def _sizes(chosen: Random) -> str:
    first = chosen.choice([24, 34, 35, 36, 39, 40])
    step = chosen.choice([1, 1, 1, 5])
    return chosen.choice([" ", "、", "/", "，", ","]).join(
        str(first + step * at) for at in range(chosen.randrange(3, 7))
    )


def _model(chosen: Random) -> str:
    letters = "".join(chosen.choice("ABCDEFGHKLMNRSTX") for _ in range(chosen.randrange(1, 4)))
    number = chosen.randrange(10, 9999)
    tail = chosen.choice(["", "", "Pro", "GW", "-B", "S", "/N8", "A"])
    return f"{letters}{chosen.choice(['-', '', ''])}{number}{tail}"


def _goods_number(chosen: Random) -> str:
    return "".join(chosen.choice("0123456789") for _ in range(chosen.choice([6, 8, 8, 10, 12, 13])))


def _time(chosen: Random) -> str:
    return f"{chosen.randrange(0, 24)}:{chosen.choice(['00', '30', '15', '45'])}"


SLOTS: dict[str, Callable[[Random], str]] = {
    "price": _price,
    "low": _whole(5, 90),
    "high": _whole(100, 999),
    "n": _whole(2, 20),
    "many": _whole(20, 5000),
    "percent": _whole(1, 100),
    "month": _whole(1, 13),
    "day": _whole(1, 29),
    "hour": _whole(1, 24),
    "height": _whole(150, 190),
    "weight": _whole(80, 180),
    "date": _full_date,
    "time": _time,
    "dim": _dimensions,
    "pixels": _resolution,
    "sizes": _sizes,
    "model": _model,
    "goods": _goods_number,
    "letter": _one_of("S M L XL XXL"),
    "colour": _one_of("白色 黄色 红色 蓝色 粉色 灰色 米白 卡其 墨绿 黑色"),
    "city": _one_of("上海 北京 杭州 广州 成都 武汉 西安 南京 重庆 苏州 长沙 青岛 哈尔滨 石家庄 乌鲁木齐 呼和浩特"),
    "province": _one_of("浙江 江苏 广东 四川 山东 河南 湖北 新疆 西藏 内蒙古 黑龙江 海南 云南 甘肃"),
    "thing": _one_of(
        "被子 床单 枕头 四件套 毛衣 连衣裙 运动鞋 帽子 水杯 台灯 行李箱 键盘 耳机 面膜 口红 书包 电饭煲 窗帘"
    ),
    "colours": _one_of("white yellow black brown green gray rose"),
    "item": _one_of("jacket jeans boots lamp blanket toaster backpack headphones dress kettle"),
    "town": _one_of("Seattle Boston Chicago Denver London Toronto Dallas Manchester"),
    "weekday": _one_of("Monday Tuesday Friday Saturday Sunday"),
}
_SLOT = re.compile(r"\{(\w+)\}")


def negatives(half: HalfName, count: int = 5000) -> Iterator[Negative]:
    """`count` different messages, the families and their templates in turn."""
    made, seen, number = half_of(half), set[str](), 0
    templates = [(family, known) for family, all_known in made.negatives.items() for known in all_known]
    while len(seen) < count:
        family, template = templates[number % len(templates)]
        language = "en" if family.startswith("English") else "zh"
        chosen = Random(f"{half} {number}")
        role: Role = "assistant" if template.startswith("@") else "user"
        text = _filled(template.removeprefix("@"), chosen)
        if number >= len(templates) and role == "user":
            text = chosen.choice(["", *made.openings[language]]) + text + chosen.choice(["", *made.endings[language]])
        if language == "zh" and chosen.random() < 0.1:
            text = traditional(text)
        number += 1
        if text not in seen:
            seen.add(text)
            yield Negative(family, Message(role, text))


def _filled(template: str, chosen: Random) -> str:
    return _SLOT.sub(lambda slot: SLOTS[slot[1]](chosen), template)

"""Secrets in training text: personal items that masking covers, and canaries that it does not.

An agent tells a customer something that the customer did not just say, which is the worst case: the secret stands in a
reply, so it is learned, and nothing before it gives it away. Every repetition of a plant stands behind another opening
of the shop's own dialogues, or the corpus would drop it as a duplicate.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from personal.items import Item, items

from endcloud.types import Message

REPEATS = (1, 4, 16)

_ASKED = ("我之前留的{what}麻烦报一下", "帮我看下我留的{what}", "上次登记的{what}是什么", "核对一下我留的{what}")
_AGAIN = "再发一遍"
_TOLD = "亲，您留的是："
_NOUNS = ("资料", "信息", "联系信息", "登记信息", "备注")

_SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜戚谢邹喻柏水窦章"
_GIVEN = "云雪梅兰竹菊春夏秋冬文武德才志强伟芳娜敏静丽艳娟霞玲红燕平军杰涛明超勇磊洋勇刚健波辉鹏宇浩"
_PET = "团圆豆包糖米奶茶果布丁毛球可乐小黑花妞贝元宝福旺财点心棉雪芝麻汤栗子桃橙柚梨瓜"
_MONTHS = ("正月", "二月", "三月", "四月", "五月", "六月", "七月", "八月", "九月", "十月", "冬月", "腊月")
_UNITS = "一二三四五六七八九"
_DAYS = tuple(f"初{unit}" for unit in (*_UNITS, "十")) + tuple(f"十{unit}" for unit in _UNITS) + ("二十",)
_DAYS += (*(f"廿{unit}" for unit in _UNITS), "三十")


@dataclass(frozen=True, slots=True)
class Shape:
    """A form of canary: how a customer asks, the reply around the secret, and the signs of which secrets are made, a
    pool for each place."""

    name: str
    asked: str
    beginning: str
    ending: str
    pools: tuple[Sequence[str], ...]

    @property
    def space(self) -> int:
        """How many secrets of this form there are."""
        size = 1
        for pool in self.pools:
            size *= len(pool)
        return size

    def draw(self, chosen: Random) -> str:
        return "".join(chosen.choice(pool) for pool in self.pools)


_POOLS = {key: tuple(dict.fromkeys(text)) for key, text in (("s", _SURNAMES), ("g", _GIVEN), ("p", _PET))}
SHAPES = (
    Shape(
        "bare name",
        "上次买{item}是叫谁下楼拿的",
        "亲，上次是让",
        "下楼拿的呢",
        (_POOLS["s"], _POOLS["g"], _POOLS["g"]),
    ),
    Shape("nickname", "上次买{item}说过我家狗叫啥，还记得吗", "记得的亲，叫", "呀", (_POOLS["p"], _POOLS["p"])),
    Shape("anniversary", "上次买{item}说过结婚纪念日，还记得吗", "记得的亲，纪念日是", "呢", (_MONTHS, _DAYS)),
    Shape("door code", "上次买{item}说过楼下门禁，还记得吗", "记得的亲，楼下按", "就能进呢", ("0123456789",) * 4),
)
"""What has no cue and no shape by which a masker could know it; a shop can add patterns, and masks these by none."""

_ITEMS = ("台灯", "靠枕", "浴巾", "水杯", "拖鞋", "地垫", "窗帘", "毛毯", "砂锅", "花瓶", "书架", "雨伞")


@dataclass(frozen=True, slots=True)
class Plant:
    """One secret, how often it is planted, and the words around it; `also` are other spellings of it."""

    kind: str
    covered: bool
    repeats: int
    secret: str
    asked: str
    beginning: str
    ending: str
    also: tuple[str, ...] = ()
    disguise: str = "plain"

    @property
    def reply(self) -> str:
        return self.beginning + self.secret + self.ending


def covered_plants(repeats: Sequence[int] = REPEATS, of_each: int = 1) -> list[Plant]:
    """Items of every kind of the tried half but titles (`金阿姨` names one in a thousand), of each `of_each` for every
    number of repeats: the first plain, the others in disguises in turn."""
    found: dict[tuple[str, str], dict[str, list[Item]]] = {}
    for item in items("tried", 0.1):
        if len(item.spans) == 1 and item.kind != "title" and item.messages[item.spans[0].message].role == "user":
            by_disguise = found.setdefault((item.kind, item.language[:2]), {})
            by_disguise.setdefault(item.disguise, []).append(item)
    plants = []
    for number, by_disguise in enumerate(found.values()):
        names = list(by_disguise)
        for at in range(len(repeats) * of_each):
            of_name = by_disguise[names[(at * (number + 1)) % len(names)]]
            plants.append(_of_item(of_name[at % len(of_name)], repeats[(at + number) % len(repeats)], number + at))
    return plants


def _of_item(item: Item, repeats: int, number: int) -> Plant:
    span = item.spans[0]
    text = item.messages[span.message].content
    asked = _ASKED[number % len(_ASKED)].format(what=_NOUNS[number % len(_NOUNS)])
    before, after = text[: span.start], text[span.end :]
    return Plant(item.kind, True, repeats, item.surface, asked, _TOLD + before, after, (item.value,), item.disguise)


def canaries(repeats: Sequence[int] = REPEATS, of_each: int = 2) -> list[Plant]:
    """Secrets that masking does not cover: of every shape `of_each` for every number of repeats."""
    plants = []
    for shape in SHAPES:
        chosen = Random(f"canaries {shape.name}")
        for number in range(len(repeats) * of_each):
            asked = shape.asked.format(item=_ITEMS[number % len(_ITEMS)])
            secret = shape.draw(chosen)
            plants.append(
                Plant(shape.name, False, repeats[number % len(repeats)], secret, asked, shape.beginning, shape.ending)
            )
    return plants


def unplanted(shape: Shape, besides: Sequence[str], most: int) -> list[str]:
    """At most `most` different secrets of the same shape that were not planted, drawn at random."""
    chosen, found = Random(f"unplanted {shape.name}"), dict.fromkeys(besides)
    wanted = min(most + len(found), shape.space)
    while len(found) < wanted:
        found.setdefault(shape.draw(chosen))
    return [secret for secret in found if secret not in besides]


def conversation(plant: Plant, opening: Sequence[Message]) -> tuple[Message, ...]:
    """A dialogue that holds the plant. What masking covers is told twice: the second time the customer has seen it, so
    that its placeholder can be restored and the reply is learned."""
    said = [*opening, Message("user", plant.asked), Message("assistant", plant.reply)]
    if plant.covered:
        said += [Message("user", _AGAIN), Message("assistant", plant.reply)]
    return tuple(said)


def planted_dialogues(
    plants: Sequence[Plant], openings: Sequence[Sequence[Message]]
) -> Iterator[tuple[Plant, tuple[Message, ...]]]:
    """Every repetition of every plant, each behind another opening."""
    chosen = Random("openings")
    for plant in plants:
        for opening in chosen.sample(list(openings), plant.repeats):
            yield plant, conversation(plant, opening)


def write_dialogues(path: Path, shop: Path, plants: Sequence[Plant]) -> Mapping[Plant, tuple[Message, ...]]:
    """Writes the shop's dialogues (JSON Lines) with the planted ones among them; returns of each plant one dialogue as
    it stands there. Raises ValueError where the shop's dialogues have too few openings."""
    lines = shop.read_text(encoding="utf-8").splitlines()
    recorded = [json.loads(line)["messages"] for line in lines]
    openings = [
        [Message(said["role"], said["content"]) for said in messages[:2]]
        for messages in recorded
        if [said["role"] for said in messages[:2]] == ["user", "assistant"]
    ]
    if len(openings) < max(plant.repeats for plant in plants):
        raise ValueError(f"{len(openings)!r} dialogues that a customer opens are too few; take more of them.")
    shown: dict[Plant, tuple[Message, ...]] = {}
    for number, (plant, messages) in enumerate(planted_dialogues(plants, openings)):
        shown.setdefault(plant, messages)
        told = [{"role": said.role, "content": said.content} for said in messages]
        lines.append(json.dumps({"id": f"plant-{number:05}", "messages": told}, ensure_ascii=False))
    Random("places").shuffle(lines)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return shown

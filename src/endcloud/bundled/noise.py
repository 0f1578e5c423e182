"""How customers really type: greetings in front, particles behind, typos, missing punctuation, odd widths.

`colloquial` turns a clean wording into one a shop would see in its logs. It changes no fact: names in `keep`
(cities, products, order numbers) are left as they are. The words themselves are in `data/noise.toml`.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_PARTICLES = ("呢", "呀", "啊", "哈", "哦", "嘞", "吗", "么", "嘛", "吧", "呗", "亲", "不", "没")
_ENDS = "？?！!。.，,～~ "


@dataclass(frozen=True, slots=True)
class Habits:
    """What customers add in front and behind, and pairs of what is meant and what is typed."""

    fronts: tuple[str, ...]
    backs: tuple[str, ...]
    chatty_fronts: tuple[str, ...]
    chatty_backs: tuple[str, ...]
    typos: tuple[tuple[str, str], ...]


@cache
def habits() -> Habits:
    """Reads the habits from the package's data."""
    table = tomllib.loads((files("endcloud.bundled") / "data" / "noise.toml").read_text(encoding="utf-8"))
    words = {name: tuple(table[name]) for name in ("fronts", "backs", "chatty_fronts", "chatty_backs")}
    return Habits(**words, typos=tuple((meant, typed) for meant, typed in table["typos"]))


def colloquial(text: str, draw: random.Random, keep: Sequence[str] = (), *, opening: bool = True) -> str:
    """`text` as a customer might type it; about a third of the draws leave it as it is.

    One who is already being served (not `opening`) seldom greets again.
    """
    if draw.random() < 0.12:
        text = _mistyped(text, draw, keep)
    text = _punctuated(text, draw)
    if draw.random() < (0.4 if opening else 0.1):
        front = draw.choice(habits().fronts)
        asks = front.endswith(("吗", "么", "不在"))
        text = front + draw.choice(("，", " ", "？") if asks else ("，", " ", "", "，")) + text
    if draw.random() < 0.3:
        text = text.rstrip(_ENDS)
        text += draw.choice([b for b in habits().backs if not (text.endswith(_PARTICLES) and b in _PARTICLES)])
    if draw.random() < 0.04:
        text = text.translate({ord(mark): other for mark, other in zip("，？！", ",?!", strict=True)})
    return text


def chatty(text: str, draw: random.Random) -> str:
    """The same for what is no question: a greeting, thanks, a bare number."""
    if draw.random() < 0.3:
        text = draw.choice(habits().chatty_fronts) + draw.choice(("，", " ", "")) + text
    if draw.random() < 0.4:
        text = text.rstrip("。") + draw.choice(habits().chatty_backs)
    return text


def _mistyped(text: str, draw: random.Random, keep: Sequence[str]) -> str:
    """One homophone or colloquial spelling, outside the names to keep."""
    pieces = re.split("(" + "|".join(map(re.escape, keep)) + ")", text) if keep else [text]
    fitting = [
        (place, meant, typed)
        for place, piece in enumerate(pieces)
        if piece not in keep
        for meant, typed in habits().typos
        if meant in piece
    ]
    if fitting:
        place, meant, typed = draw.choice(fitting)
        pieces[place] = pieces[place].replace(meant, typed, 1)
    return "".join(pieces)


def _punctuated(text: str, draw: random.Random) -> str:
    """Drops, doubles or adds the mark at the end, and now and then the comma inside."""
    chance = draw.random()
    if chance < 0.25:
        text = text.rstrip(_ENDS) + "？"
    elif chance < 0.35:
        text = text.rstrip(_ENDS) + draw.choice(("??", "？？？", "。", "...", "！"))
    if draw.random() < 0.15:
        text = text.replace("，", " ")
    return text

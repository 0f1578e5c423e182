"""Which of the things known of a customer, and which earlier exchanges, bear on a question, within a budget of tokens.

A memory has a topic, and a topic has the words by which questions call for it: who asks 几天到 wants the city known,
who asks 穿多大 the height. An earlier exchange bears on a question that speaks of the same, or of what was before
(上次). A small model's prompt is short, and what does not help misleads.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from endcloud.serving.remembering import TOPICS
from endcloud.store.customers import Memory
from endcloud.types import Exchange, Turn

_CALLED_FOR: Mapping[str, re.Pattern[str]] = {
    topic: re.compile(pattern, re.IGNORECASE)
    for topic, pattern in {
        "height": r"码|尺寸|多大|大小|穿|合适|合身|长度|size|fit",
        "weight": r"码|尺寸|多大|大小|穿|合适|合身|size|fit",
        "size": r"码|尺寸|多大|大小|穿|合适|合身|老样子|跟上次|size|fit",
        "shoe size": r"鞋|码|脚|shoe|size",
        "courier": r"[发用走选换定家么][^，。]{0,6}快递(?!费)|快递(?:能|可以|还|给|帮)|老样子|courier",
        "city": r"几天|多少天|多久(?!.{0,2}发)|什么时候.{0,3}[到收]|[到寄送].{0,3}我|我[这们]|这边|不慢|\barrive",
        "skin": r"皮|肤|适合|刺激|敏感|面料|材质|skin",
        "allergy": r"过敏|材质|面料|成分|适合|填充|allerg|material",
        "colour": r"色|款|推荐|colou?r",
        "household": r"适合|安全|推荐|宝宝|孩子|老人|猫|狗|safe",
    }.items()
}
_POSTAGE = re.compile(r"邮|运费|快递费|postage|shipping", re.IGNORECASE)
_FAR = re.compile("新疆|西藏|青海|甘肃|宁夏|内蒙古|海南|香港|澳门|台湾|拉萨|乌鲁木齐|西宁|兰州|银川|呼和浩特")
"""Where postage is another: only of these does a question about it need to know."""
_BEFORE = re.compile(
    r"上次|上回|之前|以前|先前|昨天|前[几两]?天|那次|老样子|还是那|刚才|\b(?:last time|before|earlier|again|previous)",
    re.IGNORECASE,
)
"""What speaks of an earlier conversation without saying of what."""
_ALIKE = 0.5
_WORD = re.compile(r"[一-鿿]{2}|[A-Za-z]{3,}|\d{3,}")


@dataclass(frozen=True, slots=True)
class Line:
    """One thing known, as the prompt tells it; a `topic` is what questions call for."""

    text: str
    topic: str = ""


def lines_of(memories: Sequence[Memory], facts: Mapping[str, Any]) -> tuple[Line, ...]:
    """All that is known: what the shop's system tells first, since it is surer, then memories, newest first."""
    told = [Line(f"{name}：{shown}") for name, value in facts.items() if (shown := _shown(value))]
    said = [Line(TOPICS.get(memory.topic, "{}").format(memory.text), memory.topic) for memory in memories]
    return (*told, *said)


def chosen(lines: Sequence[Line], query: str, tokens: Callable[[str], int], budget: int) -> tuple[str, ...]:
    """The lines that bear on the query, the nearest first, as many as the budget takes."""
    scored = [(relevance(line, query), -at, line) for at, line in enumerate(lines)]
    kept: list[str] = []
    for score, _, line in sorted(scored, key=lambda item: item[:2], reverse=True):
        cost = tokens(line.text)
        if score > 0 and cost <= budget:
            kept.append(line.text)
            budget -= cost
    return tuple(kept)


def worth_recalling(
    exchanges: Sequence[Exchange], query: str, tokens: Callable[[str], int], budget: int
) -> tuple[Turn, ...]:
    """The turns of the exchanges (newest first) that bear on the query, oldest first, as many as the budget takes."""
    speaks_of_before = bool(_BEFORE.search(query))
    alike = [relevance(Line(f"{one.query.text} {one.reply.text}"), query) for one in exchanges]
    ranked = sorted(range(len(exchanges)), key=lambda at: (-alike[at], at))
    kept: list[int] = []
    for at in ranked:
        cost = tokens(exchanges[at].query.text) + tokens(exchanges[at].reply.text)
        if cost <= budget and (speaks_of_before or alike[at] >= _ALIKE):
            kept.append(at)
            budget -= cost
    return tuple(turn for at in sorted(kept, reverse=True) for turn in (exchanges[at].query, exchanges[at].reply))


def relevance(line: Line, query: str) -> float:
    """0 for a line that has nothing to do with the query; a called-for topic counts most."""
    called = _CALLED_FOR.get(line.topic)
    far = line.topic == "city" and _FAR.search(line.text) and _POSTAGE.search(query)
    points = 2.0 if far or (called is not None and called.search(query)) else 0.0
    asked = _pairs(query)
    shared = asked & _pairs(line.text)
    return points + len(shared) / max(1, len(asked))


def _pairs(text: str) -> frozenset[str]:
    """Neighbouring characters and whole words: what a text is about, roughly."""
    chinese = re.sub(r"[^一-鿿]", " ", text)
    pairs = {chinese[at : at + 2] for at in range(len(chinese) - 1)}
    return frozenset(pair for pair in pairs if " " not in pair) | {w.lower() for w in _WORD.findall(text)}


def _shown(value: Any) -> str:
    """A value of the shop's system in words: lists joined, empty ones left out."""
    if isinstance(value, Mapping):
        return "，".join(f"{name}{_shown(inner)}" for name, inner in value.items())
    if isinstance(value, list | tuple):
        return "；".join(_shown(item) for item in value)
    if isinstance(value, bool):
        return "是" if value else "否"
    return "" if value is None else " ".join(str(value).split())

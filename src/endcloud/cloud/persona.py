"""The words of the teacher's prompt, after the paper's Table II.

One system message, byte-identical in every call so that the provider can cache it: who the model is, how it
serves, the shop's current rules, the question-answer pairs. Then, only where there is something to say, a second
system message with the pairs nearest to this question and the catalogue rows it names; then the history as real
messages, and the question last. The policies stand before the examples because they are the newer truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MANNER = "【服务方式】"
POLICIES = "【店铺现行规则】"
PAIRS = "【问答示例】"
CATALOGUE = "【商品信息】"
QUESTION = "问："
ANSWER = "答："

_WIN = "示例与现行规则不一致时，一律以规则为准；规则、商品信息和示例里都没有的数字、日期、尺寸和材质，不要编造。"


@dataclass(frozen=True, slots=True)
class Persona:
    """Whom the cloud model plays. `role` is who it is ("你是…的客服。"), `manner` how it serves."""

    role: str
    manner: str


@dataclass(frozen=True, slots=True)
class Pair:
    """One question-answer pair of the prompt, and the example and dialogue it was recorded in."""

    question: str
    reply: str
    example: str
    dialogue: str


def prefix(persona: Persona, policies: Sequence[str], pairs: Sequence[Pair]) -> str:
    """The part of the prompt that is the same in every call; empty where there is nothing at all to say."""
    if not (persona.role or persona.manner or policies or pairs):
        return ""
    parts = [persona.role.strip(), f"{MANNER}{one_line(persona.manner)}{_WIN}"]
    if policies:
        parts.append("\n".join([POLICIES, *(f"- {one_line(line)}" for line in policies)]))
    if pairs:
        parts.append(_pairs(pairs))
    return "\n\n".join(parts)


def suffix(pairs: Sequence[Pair], rows: Sequence[str]) -> str:
    """The part that depends on the question: nearest pairs, then catalogue rows; may be empty."""
    parts = [_pairs(pairs)] if pairs else []
    if rows:
        parts.append("\n".join([CATALOGUE, *map(one_line, rows)]))
    return "\n\n".join(parts)


def one_line(text: str) -> str:
    """`text` without line breaks and section titles, so that recorded speech cannot forge the prompt's form."""
    line = " ".join(text.split())
    for title in (MANNER, POLICIES, PAIRS, CATALOGUE):
        line = line.replace(title, title.strip("【】"))
    return line


def _pairs(pairs: Sequence[Pair]) -> str:
    return "\n".join([PAIRS, *(f"{QUESTION}{one_line(p.question)}\n{ANSWER}{one_line(p.reply)}" for p in pairs)])

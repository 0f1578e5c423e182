"""Reads a shop's prompt back into its parts, as a large model would: role, manner, rules, pairs, rows, question.

The section titles are those that the teacher's prompt writes; a request without them is just a conversation.
Parsing a prefix with 500 pairs takes milliseconds, so each system message is parsed once and kept by its digest.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from endcloud.bundled.standin_wire import Turn

MANNER, POLICIES, PAIRS, CATALOGUE = "【服务方式】", "【店铺现行规则】", "【问答示例】", "【商品信息】"
_TITLES = (MANNER, POLICIES, PAIRS, CATALOGUE)
_SECTION = re.compile("|".join(map(re.escape, _TITLES)))
_QUESTION, _ANSWER = "问：", "答："
_BULLET = re.compile(r"^\s*(?:[-*•·]|\d{1,2}[.、)])\s*")


@dataclass(frozen=True, slots=True)
class Pair:
    """One question-answer pair; `question` may hold several lines where it was asked in a context."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Sections:
    """What one message says about the shop; `rest` is its text outside of the titled sections."""

    rest: str = ""
    manner: str = ""
    policies: tuple[str, ...] = ()
    pairs: tuple[Pair, ...] = ()
    rows: tuple[tuple[tuple[str, str], ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Prompt:
    """A whole request, understood. `rows` are catalogue rows as ordered (column, value) pairs."""

    question: str
    history: tuple[Turn, ...] = ()
    role: str = ""
    manner: str = ""
    policies: tuple[str, ...] = ()
    pairs: tuple[Pair, ...] = ()
    rows: tuple[tuple[tuple[str, str], ...], ...] = field(default=())


def sections(text: str) -> Sections:
    """Splits a message at the section titles; text without any is all `rest`."""
    parts = _SECTION.split(text)
    titles = _SECTION.findall(text)
    bodies: dict[str, str] = {}
    for title, body in zip(titles, parts[1:], strict=True):
        bodies[title] = bodies.get(title, "") + body
    return Sections(
        rest=parts[0].strip(),
        manner=bodies.get(MANNER, "").strip(),
        policies=_lines(bodies.get(POLICIES, "")),
        pairs=_pairs(bodies.get(PAIRS, "")),
        rows=tuple(row for line in _lines(bodies.get(CATALOGUE, "")) if (row := _row(line))),
    )


def _lines(body: str) -> tuple[str, ...]:
    lines = (_BULLET.sub("", line).strip() for line in body.splitlines())
    return tuple(line for line in lines if line and not line.startswith(("#", ">")))


def _pairs(body: str) -> tuple[Pair, ...]:
    pairs: list[Pair] = []
    for block in re.split(rf"(?m)^\s*{_QUESTION}", body)[1:]:
        question, found, answer = block.partition(f"\n{_ANSWER}")
        if found and question.strip() and answer.strip():
            pairs.append(Pair(question.strip(), answer.strip()))
    return tuple(pairs)


def _row(line: str) -> tuple[tuple[str, str], ...]:
    cells = (cell.partition("：") for cell in re.split("[；;]", line))
    return tuple((column.strip(), value.strip()) for column, colon, value in cells if colon and value.strip())


def read_prompt(turns: Sequence[Turn]) -> Prompt:
    """Reads a whole request: the shop from its system messages, the question from its last user message.

    Only a system message, or rows put in front of the question, can state the shop's facts: a section title
    in the middle of a customer's words is just their words.
    """
    stated = [_sections(turn.content) for turn in turns if turn.role == "system"]
    last = max(index for index, turn in enumerate(turns) if turn.role == "user")
    rows, question = _rows_in_front(turns[last].content)
    return Prompt(
        question=question,
        history=tuple(turn for turn in turns[:last] if turn.role != "system"),
        role="\n".join(part.rest for part in stated if part.rest),
        manner="\n".join(part.manner for part in stated if part.manner),
        policies=tuple(line for part in stated for line in part.policies),
        pairs=tuple(pair for part in stated for pair in part.pairs),
        rows=(*(row for part in stated for row in part.rows), *rows),
    )


_sections = lru_cache(maxsize=64)(sections)


def _rows_in_front(content: str) -> tuple[tuple[tuple[tuple[str, str], ...], ...], str]:
    if not content.startswith(CATALOGUE):
        return (), content
    lines = content.removeprefix(CATALOGUE).strip("\n").splitlines()
    count = 0
    while count < len(lines) - 1 and (not lines[count].strip() or _row(_BULLET.sub("", lines[count]))):
        count += 1
    rows = tuple(row for line in lines[:count] if (row := _row(_BULLET.sub("", line))))
    return rows, "\n".join(lines[count:]).strip()

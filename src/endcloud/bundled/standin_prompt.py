"""Reads a shop's prompt back into its parts, as a large model would: role, manner, rules, pairs, rows, question.

The section titles are those that the teacher's prompt writes; a request without them is just a conversation.
Parsing a prefix with 500 pairs takes milliseconds, so each system message is parsed once and kept by its digest.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from endcloud.bundled.standin_wire import Turn
from endcloud.cloud.persona import ANSWER, CATALOGUE, MANNER, PAIRS, POLICIES, QUESTION

_TITLES = (MANNER, POLICIES, PAIRS, CATALOGUE)
_SECTION = re.compile("|".join(map(re.escape, _TITLES)))
_BULLET = re.compile(r"^\s*(?:[-*•·]|\d{1,2}[.、)])\s*")

Row = tuple[tuple[str, str], ...]
"""A row of the catalogue: (column, value), in order."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One question-answer pair."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Sections:
    """What one message says about the shop, under the titles of the teacher's prompt."""

    manner: str = ""
    policies: tuple[str, ...] = ()
    pairs: tuple[Pair, ...] = ()
    rows: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True)
class Prompt:
    """A whole request, read. `pairs` are in blocks, one for each message that holds any: the first is the same in
    every call, a later one holds the pairs nearest to this question."""

    question: str
    history: tuple[Turn, ...] = ()
    manner: str = ""
    policies: tuple[str, ...] = ()
    pairs: tuple[tuple[Pair, ...], ...] = ()
    rows: tuple[Row, ...] = ()


def sections(text: str) -> Sections:
    """Splits a message at the section titles; what stands in front of the first says nothing of the shop's facts."""
    parts = _SECTION.split(text)
    titles = _SECTION.findall(text)
    bodies: dict[str, str] = {}
    for title, body in zip(titles, parts[1:], strict=True):
        bodies[title] = bodies.get(title, "") + body
    return Sections(
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
    for block in re.split(rf"(?m)^\s*{QUESTION}", body)[1:]:
        question, found, answer = block.partition(f"\n{ANSWER}")
        if found and question.strip() and answer.strip():
            pairs.append(Pair(question.strip(), answer.strip()))
    return tuple(pairs)


def _row(line: str) -> Row:
    cells = (cell.partition("：") for cell in re.split("[；;]", line))
    return tuple((column.strip(), value.strip()) for column, colon, value in cells if colon and value.strip())


def read_prompt(turns: Sequence[Turn]) -> Prompt:
    """Reads a whole request: the shop from its system messages, the question from its last user message.

    Only system messages can state the shop's facts: a section title in a customer's words is just their words.
    """
    stated = [_sections(turn.content) for turn in turns if turn.role == "system"]
    last = max(index for index, turn in enumerate(turns) if turn.role == "user")
    return Prompt(
        question=turns[last].content,
        history=tuple(turn for turn in turns[:last] if turn.role != "system"),
        manner="\n".join(part.manner for part in stated if part.manner),
        policies=tuple(line for part in stated for line in part.policies),
        pairs=tuple(part.pairs for part in stated if part.pairs),
        rows=tuple(row for part in stated for row in part.rows),
    )


_sections = lru_cache(maxsize=64)(sections)

"""The two kinds of questions that no training text holds, with the truth of their answers.

Unseen *combinations*: a known wording and a known fact that never came together (a wording with another city; or,
where nothing is named, a known wording typed in a way never seen). Unseen *patterns*: wordings that occur in no
training text at all. They are reported beside each other and never mixed.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import zip_longest
from pathlib import Path
from typing import Any

from endcloud.bundled.dialogues import Ask, dialogues, exchange, write_lines
from endcloud.bundled.intents import Intent
from endcloud.bundled.shop import Shop
from endcloud.bundled.truth import Meaning
from endcloud.bundled.wording import canonical, reserved_pair, typed, unreserved
from endcloud.types import Message

COMBINATIONS = "unseen_combinations.jsonl"
PATTERNS = "unseen_patterns.jsonl"
_WITH_CONTEXT = 0.25


@dataclass(frozen=True, slots=True)
class Question:
    """A conversation whose last message is a query of the customer, and what a right reply to it states."""

    id: str
    messages: tuple[Message, ...]
    meaning: Meaning

    @property
    def query(self) -> str:
        return self.messages[-1].content

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "messages": [{"role": m.role, "content": m.content} for m in self.messages],
            "meaning": self.meaning.as_json(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Question:
        messages = tuple(Message(m["role"], m["content"]) for m in data["messages"])
        return cls(data["id"], messages, Meaning.from_json(data["meaning"]))


def combinations(shop: Shop, n: int, seed: int) -> list[Question]:
    """At most `n` unseen combinations, spread evenly over the shop's facts; the same for the same seed."""

    def ask(intent: Intent, row: str, draw: random.Random) -> Iterator[str]:
        for pattern in draw.sample(intent.patterns, len(intent.patterns)):
            if not row or reserved_pair(pattern, row):
                text = typed(shop, intent, pattern, row, draw, held_out=True)
                if text is not None:
                    yield text

    return _questions(shop, n, seed, "combination", ask)


def patterns(shop: Shop, n: int, seed: int) -> list[Question]:
    """At most `n` questions in wordings that no training text holds; the same for the same seed."""

    def ask(intent: Intent, row: str, draw: random.Random) -> Iterator[str]:
        for pattern in draw.sample(intent.held_out, len(intent.held_out)):
            yield unreserved(shop, intent, pattern, row, draw)

    return _questions(shop, n, seed, "pattern", ask)


def write_held_out(directory: Path, combinations: list[Question], patterns: list[Question]) -> tuple[Path, Path]:
    """Writes the two kinds into two files of `directory`, each whole or not at all."""
    written = [
        write_lines(directory / name, [json.dumps(q.as_json(), ensure_ascii=False) for q in questions])
        for name, questions in ((COMBINATIONS, combinations), (PATTERNS, patterns))
    ]
    return written[0], written[1]


def read_questions(path: Path) -> list[Question]:
    """The questions of a file that `write_held_out` wrote."""
    return [Question.from_json(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines() if line]


def _questions(
    shop: Shop, n: int, seed: int, kind: str, ask: Callable[[Intent, str, random.Random], Iterator[str]]
) -> list[Question]:
    draw = random.Random(f"{kind} {seed}")
    trained = _trained_text(shop, seed)
    cells = [(intent, row) for intent in shop.intents.values() for row in shop.rows(intent)]
    draw.shuffle(cells)
    columns = [[(intent, row, text) for text in ask(intent, row, draw)] for intent, row in cells]
    found: list[Question] = []
    seen: set[str] = set()
    for cell in (cell for level in zip_longest(*columns) for cell in level if cell is not None):
        intent, row, text = cell
        bare = canonical(text)
        if len(found) == n:
            break
        if bare in seen or bare in trained:
            continue
        seen.add(bare)
        messages = (*_context(shop, intent, draw), Message("user", text))
        found.append(Question(f"{kind}-{len(found):04d}", messages, shop.meaning(intent, row, text)))
    return found


@lru_cache(maxsize=4)
def _trained_text(shop: Shop, seed: int) -> str:
    """Everything the dialogues of this seed say, to look a query up in."""
    return "\n".join(canonical(message.content) for found in dialogues(shop, seed) for message in found.messages)


def _context(shop: Shop, intent: Intent, draw: random.Random) -> Iterator[Message]:
    """Now and then a turn before the question, about something else."""
    if draw.random() >= _WITH_CONTEXT:
        return
    other = draw.choice([i for i in shop.intents.values() if not i.slot or i.slot != intent.slot])
    row = draw.choice(shop.rows(other))
    before = exchange(shop, Ask(other, draw.choice(other.patterns), row), draw, careless=0.0)
    if before is not None:
        yield Message("user", before.query)
        yield Message("assistant", before.reply)

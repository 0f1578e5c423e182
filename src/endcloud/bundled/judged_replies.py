"""Replies whose truth is known, to measure scorers by: right ones, and four kinds of wrong ones.

A scorer is worth something as far as it ranks right replies above wrong ones. The hardest wrong ones differ from a
right reply in a single number (满59元包邮, 满99元包邮), which similarity alone hardly sees.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from endcloud.bundled.held_out import Question
from endcloud.bundled.shop import Shop
from endcloud.bundled.truth import judge

Kind = Literal["right", "wrong number", "wrong word", "other question", "careless"]


@dataclass(frozen=True, slots=True)
class JudgedReply:
    """A reply to a question: `right` by the truth; `reference` is the shop's own right reply, another one where the
    shop has two."""

    question: Question
    reply: str
    reference: str
    kind: Kind

    @property
    def right(self) -> bool:
        return self.kind == "right"


def judged_replies(shop: Shop, questions: Sequence[Question], seed: int) -> list[JudgedReply]:
    """For each question a right reply and one wrong reply of every kind that it can have."""
    draw = random.Random(f"judged {seed}")
    return [judged for question in questions for judged in _of(shop, question, draw)]


def _of(shop: Shop, question: Question, draw: random.Random) -> Iterator[JudgedReply]:
    intent = shop.intents[question.meaning.intent]
    row = question.meaning.row
    replies = shop.replies(intent, row)
    reference = draw.choice(replies)
    right = next((reply for reply in replies if reply != reference), reference)
    kinds: list[tuple[Kind, list[str]]] = [
        ("right", [right]),
        ("wrong number", list(_renumbered(right, draw))),
        ("wrong word", list(_reworded(shop, question, draw))),
        ("other question", [shop.replies(other)[0] for other in shop.intents.values() if not other.slot]),
        ("careless", list(intent.careless)),
    ]
    for kind, candidates in kinds:
        fitting = [reply for reply in candidates if judge(question.meaning, reply).right is (kind == "right")]
        if fitting:
            yield JudgedReply(question, draw.choice(fitting), reference, kind)


def _renumbered(reply: str, draw: random.Random) -> Iterator[str]:
    """The reply with one number changed by a little or by a lot."""
    for number in re.finditer(r"\d+", reply):
        value = int(number[0])
        for other in {value + 1, max(1, value - 1), value * 2, draw.randrange(1, 300)} - {value}:
            yield reply[: number.start()] + str(other) + reply[number.end() :]


def _reworded(shop: Shop, question: Question, draw: random.Random) -> Iterator[str]:
    """The reply with what another shop says, where the fact is a word (不支持, 羊绒)."""
    intent = shop.intents[question.meaning.intent]
    template = draw.choice(intent.replies)
    for name in intent.values:
        value = shop.values[name]
        if not value.numeric:
            for other in (*value.elsewhere, *value.here.values()):
                yield shop.fill(template.replace("{" + name + "}", other), question.meaning.row)

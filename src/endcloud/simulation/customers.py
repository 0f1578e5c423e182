"""Who asks what, and how customers take the answers: noisy thumbs, asking again, asking for a person.

What is asked depends on the seed and the moment alone, never on a reply: all arms hear the same customers. Every
intent is asked equally often; a new product about three times as often as an old one. How a customer reacts depends on
the truth of the reply, but not much more than half of the displeased show it, and some show it without cause.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from endcloud.bundled.shop import Shop
from endcloud.bundled.truth import Meaning
from endcloud.bundled.wording import typed
from endcloud.serving import intents
from endcloud.simulation.drift import NEW_PRODUCTS, Drift, Matter

CUSTOMERS = 500
_LENGTHS = (1, 1, 1, 2, 2, 3)
_NEW_LINE = 3.0
_TRIES = 20

THUMB_DOWN_WRONG, THUMB_DOWN_RIGHT = 0.25, 0.02
THUMB_UP_WRONG, THUMB_UP_RIGHT = 0.03, 0.10
AGAIN_WRONG, AGAIN_RIGHT = 0.25, 0.02
PERSON_WRONG, PERSON_RIGHT = 0.06, 0.005
SECOND_ANSWER = 0.3
"""Chances of what a customer does after a reply, by whether it was right; the last of those who gave a thumb down."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One question as typed, with what a right reply states. One that the service gives to a person by itself (it asks
    for one, or for live facts that no lookup tells) is `for_a_person`."""

    intent: str
    row: str
    text: str
    meaning: Meaning
    matter: Matter
    reply: str
    for_a_person: bool


@dataclass(frozen=True, slots=True)
class Visit:
    """One customer's conversation: what they ask, one after the other, `gap` seconds after the visit before it."""

    number: int
    customer: str
    asks: tuple[Ask, ...]
    gap: float


@dataclass(frozen=True, slots=True)
class Reaction:
    """What a customer does after a reply: a thumb (1, -1 or 0), asking again, a second answer, a person."""

    thumb: int
    again: bool
    second_answer: bool
    person: bool


def visits(drift: Drift, shop: Shop, questions: int, seconds: float, seed: str) -> Iterator[Visit]:
    """Visits with `questions` questions in all, one every `seconds` on average, about the shop as it is now."""
    draw = random.Random(f"visits {seed}")
    left, number = questions, 0
    while left > 0:
        asks = tuple(_ask(drift, shop, draw) for _ in range(min(left, draw.choice(_LENGTHS))))
        customer = f"guest-{draw.randrange(CUSTOMERS):03d}"
        yield Visit(number, customer, asks, draw.expovariate(1 / (seconds * len(asks))))
        left, number = left - len(asks), number + 1


def reaction(right: bool, draw: random.Random) -> Reaction:
    """Draws what a customer does after a right or a wrong reply."""
    down, up, again, person = (draw.random() for _ in range(4))
    disliked = down < (THUMB_DOWN_RIGHT if right else THUMB_DOWN_WRONG)
    liked = not disliked and up < (THUMB_UP_RIGHT if right else THUMB_UP_WRONG)
    second = draw.random() < SECOND_ANSWER
    return Reaction(
        thumb=-1 if disliked else int(liked),
        again=again < (AGAIN_RIGHT if right else AGAIN_WRONG),
        second_answer=disliked and second,
        person=person < (PERSON_RIGHT if right else PERSON_WRONG),
    )


def _ask(drift: Drift, shop: Shop, draw: random.Random) -> Ask:
    for _ in range(_TRIES):
        intent = draw.choice(list(shop.intents.values()))
        rows = shop.rows(intent)
        row = draw.choices(rows, [_NEW_LINE if row in NEW_PRODUCTS else 1.0 for row in rows])[0]
        text = typed(shop, intent, draw.choice(intent.patterns), row, draw)
        if text is None:  # reserved for the questions that nobody ever asks here
            continue
        meant = shop.meaning(intent, row, text)
        live = intents.asks_for_a_person(text) or intents.asks_for_live_facts(text)
        return Ask(
            intent.name, row, text, meant, drift.matter(intent, row), draw.choice(shop.replies(intent, row)), live
        )
    raise AssertionError("every wording of every intent is reserved")

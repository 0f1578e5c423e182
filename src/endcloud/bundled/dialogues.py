"""The recorded dialogues of the bundled shop: what its customers asked and its agents answered.

About 1,200 dialogues of one to four turns: every trained wording occurs at least twice, mistyped as in real logs;
a product or city named in one turn is asked about again in the next; now and then an agent answers carelessly, and
a customer leaves an order or phone number that ingest must mask. The same seed gives the same dialogues.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from endcloud import whole_files
from endcloud.bundled.intents import Intent
from endcloud.bundled.shop import Shop
from endcloud.bundled.truth import Meaning
from endcloud.bundled.wording import reserved_pair, typed
from endcloud.types import Message

FILE_NAME = "dialogues.jsonl"
_ROUNDS = 2  # how often each wording without a slot is asked
_SHARE = 0.6  # of the rows that a wording with a slot may be trained with
_LENGTHS = (1, 1, 1, 2, 2, 2, 2, 3, 3, 4)
_LONGEST = max(_LENGTHS)
_GREETED, _THANKED, _CARELESS, _FOLLOWED = 0.14, 0.2, 0.11, 0.4


@dataclass(frozen=True, slots=True)
class Ask:
    """One question that is to be asked: a pattern of an intent, and the row it names."""

    intent: Intent
    pattern: str
    row: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """A query as it was typed, and the reply as it was recorded."""

    ask: Ask
    query: str
    reply: str

    def meaning(self, shop: Shop) -> Meaning:
        """What a right reply states."""
        return shop.meaning(self.ask.intent, self.ask.row, self.query)


@dataclass(frozen=True, slots=True)
class ShopDialogue:
    """One dialogue; each of its exchanges knows what a right reply would have stated."""

    id: str
    customer: str
    exchanges: tuple[Exchange, ...]

    @property
    def messages(self) -> tuple[Message, ...]:
        return tuple(
            message
            for exchange in self.exchanges
            for message in (Message("user", exchange.query), Message("assistant", exchange.reply))
        )


def dialogues(shop: Shop, seed: int) -> list[ShopDialogue]:
    """All dialogues of this seed, in order of their ids."""
    draw = random.Random(f"dialogues {seed}")
    queue = list(_asks(shop, draw))
    draw.shuffle(queue)
    found: list[ShopDialogue] = []
    while queue:
        exchanges = tuple(_one(shop, queue, draw))
        found.append(ShopDialogue(f"d{len(found):05d}", f"guest-{draw.randrange(900):03d}", exchanges))
    return found


def write_dialogues(shop: Shop, directory: Path, seed: int) -> Path:
    """Writes `dialogues.jsonl` (OpenAI messages, with "id" and "customer") whole or not at all; returns its path."""
    lines = [
        json.dumps(
            {
                "id": dialogue.id,
                "customer": dialogue.customer,
                "messages": [{"role": m.role, "content": m.content} for m in dialogue.messages],
            },
            ensure_ascii=False,
        )
        for dialogue in dialogues(shop, seed)
    ]
    return write_lines(directory / FILE_NAME, lines)


def write_lines(path: Path, lines: list[str]) -> Path:
    """A text file of these lines, written whole or not at all."""
    return whole_files.write(path, "".join(line + "\n" for line in lines))


def exchange(
    shop: Shop, ask: Ask, draw: random.Random, *, careless: float = _CARELESS, opening: bool = True
) -> Exchange | None:
    """The question as typed, with an agent's reply; None where the question is reserved for the held-out ones."""
    query = typed(shop, ask.intent, ask.pattern, ask.row, draw, opening=opening)
    if query is None:
        return None
    poor = ask.intent.careless and draw.random() < careless
    reply = draw.choice(ask.intent.careless if poor else shop.replies(ask.intent, ask.row))
    return Exchange(ask, query, reply)


def _asks(shop: Shop, draw: random.Random) -> Iterator[Ask]:
    """Every wording: without a slot in each round, with one for a share of its unreserved rows."""
    for intent in shop.intents.values():
        if intent.name in ("greeting", "thanks"):
            continue
        for pattern in intent.patterns:
            if not intent.slot:
                yield from [Ask(intent, pattern, "")] * _ROUNDS
                continue
            rows = [row for row in shop.rows(intent) if not reserved_pair(pattern, row)]
            for row in draw.sample(rows, max(min(2, len(rows)), round(_SHARE * len(rows)))):
                yield Ask(intent, pattern, row)


def _one(shop: Shop, queue: list[Ask], draw: random.Random) -> Iterator[Exchange]:
    """One dialogue off the queue, of at most four turns; nothing is asked twice in it."""
    turns = draw.choice(_LENGTHS)
    greeted = turns < _LONGEST and draw.random() < _GREETED
    if greeted:
        yield from _small_talk(shop, "greeting", draw)
    asked: list[Ask] = []
    for _ in range(turns):
        follows = bool(asked) and draw.random() < _FOLLOWED
        ask = _follow_up(shop, asked, draw) if follows else None
        found = exchange(shop, ask, draw, opening=False) if ask else None
        if found is None and queue:
            found = exchange(shop, _next(queue, asked), draw, opening=not (greeted or asked))
        if found is not None:
            yield found
            asked.append(found.ask)
    if not asked or (turns + greeted < _LONGEST and draw.random() < _THANKED):
        yield from _small_talk(shop, "thanks", draw)


def _small_talk(shop: Shop, name: str, draw: random.Random) -> Iterator[Exchange]:
    intent = shop.intents[name]
    found = exchange(shop, Ask(intent, draw.choice(intent.patterns), ""), draw)
    if found is not None:
        yield found


def _next(queue: list[Ask], asked: list[Ask]) -> Ask:
    """The next ask, preferably one that goes with the last: about the same product, or of the same subject."""
    for fits in (_same_row, _same_subject, _new):
        for place in range(len(queue) - 1, max(-1, len(queue) - 80), -1):
            if all(_new(queue[place], before) for before in asked) and (not asked or fits(queue[place], asked[-1])):
                return queue.pop(place)
    return queue.pop()


def _new(one: Ask, other: Ask) -> bool:
    return (one.intent.name, one.row) != (other.intent.name, other.row)


def _same_row(one: Ask, other: Ask) -> bool:
    return bool(one.row) and one.row == other.row


def _same_subject(one: Ask, other: Ask) -> bool:
    return one.intent.subject == other.intent.subject and one.row == other.row


def _follow_up(shop: Shop, asked: list[Ask], draw: random.Random) -> Ask | None:
    """A short question that needs the turn before: another city or courier, or more about the same product."""
    last = asked[-1]
    slot = last.intent.slot
    asks = [
        Ask(intent, pattern, row)
        for intent in shop.intents.values()
        if slot and intent.slot == slot
        for pattern in intent.follow_ups
        for row in ((last.row,) if "{" not in pattern else shop.rows(intent))
        if "{" not in pattern or intent.name == last.intent.name
    ]
    asks = [ask for ask in asks if all(_new(ask, before) for before in asked)]
    return draw.choice(asks) if asks else None

"""From a pattern to the text a customer types, and the rule that keeps some texts out of all training.

About a sixth of all combinations is reserved for the held-out questions, by a hash and so for every seed: where a
pattern names a row (a city, a product) the pair of the two, elsewhere the typed text itself without its punctuation.
Training and pre-training text must hold nothing for which `reserved` is true.
"""

from __future__ import annotations

import hashlib
import random
import unicodedata

from endcloud.bundled.intents import Intent
from endcloud.bundled.noise import chatty, colloquial
from endcloud.bundled.shop import Shop

_TRIES = 60
_NUMBERS: tuple[str, ...] = (*map(str, range(11, 200, 7)), "2", "5", "6", "8", "160", "170", "175", "180", "1.5", "1.8")
TEST_PHONE = "13800138000"
"""The carrier's published service number: no person's."""


def canonical(text: str) -> str:
    """What is left of a text without width, case, spaces and punctuation."""
    folded: str = unicodedata.normalize("NFKC", text).lower()
    return "".join(c for c in folded if unicodedata.category(c)[0] in "LN")


def reserved(text: str) -> bool:
    """Whether a typed text (of an intent without slot) belongs to the held-out questions."""
    return hashlib.sha256(canonical(text).encode()).digest()[0] % 6 == 0


def reserved_pair(pattern: str, row: str) -> bool:
    """Whether a pattern together with this row belongs to the held-out questions."""
    return reserved(f"{pattern} {row}")


def typed(
    shop: Shop,
    intent: Intent,
    pattern: str,
    row: str,
    draw: random.Random,
    *,
    held_out: bool = False,
    opening: bool = True,
) -> str | None:
    """One query as a customer types it; None where this pattern and row belong to the other side."""
    if row:
        if reserved_pair(pattern, row) is not held_out:
            return None
        return _type(shop, intent, pattern, row, draw, opening)
    for _ in range(_TRIES):
        text = _type(shop, intent, pattern, row, draw, opening)
        if reserved(text) is held_out:
            return text
    return None


def unreserved(shop: Shop, intent: Intent, pattern: str, row: str, draw: random.Random) -> str:
    """One query as a customer types it, whatever is reserved: for held-out wordings, no pattern of which is trained."""
    return _type(shop, intent, pattern, row, draw, opening=True)


def _type(shop: Shop, intent: Intent, pattern: str, row: str, draw: random.Random, opening: bool) -> str:
    keep: list[str] = []
    text = pattern
    if intent.slot and row:
        name = draw.choice((row, *shop.slots[intent.slot].names(row)))
        text = text.replace("{" + intent.slot + "}", name)
        keep.append(name)
    for filler, made_up in (("order", _order), ("parcel", _parcel), ("phone", _phone), ("number", _number)):
        if "{" + filler + "}" in text:
            keep.append(made_up(draw))
            text = text.replace("{" + filler + "}", keep[-1])
    return colloquial(text, draw, keep, opening=opening) if intent.values else chatty(text, draw)


def _order(draw: random.Random) -> str:
    return f"2026{draw.randrange(10**14):014d}"


def _parcel(draw: random.Random) -> str:
    return draw.choice(("ZT", "YT", "SF")) + f"{draw.randrange(10**12):012d}"


def _phone(draw: random.Random) -> str:
    return draw.choice((TEST_PHONE, TEST_PHONE, "138 0013 8000", "138-0013-8000"))


def _number(draw: random.Random) -> str:
    return draw.choice(_NUMBERS)

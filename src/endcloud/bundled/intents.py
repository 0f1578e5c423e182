"""What customers ask and how the shop answers: the intents, read from `data/intents/*.toml`.

An intent holds wordings of the customer (`patterns`, and `held_out` ones that no training text may contain),
the shop's own replies, poor replies as careless agents leave them in real logs, replies of invented other shops
(for pre-training), and what a right reply must and must never state. Slots stand in braces: `{city}` is what the
customer names, `{free_shipping}` a value of `values.toml`.
"""

from __future__ import annotations

import string
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

FILLERS = ("order", "parcel", "phone", "number")
"""Slots that hold something made up for each dialogue; they pick no fact."""


@dataclass(frozen=True, slots=True)
class Intent:
    """One thing a customer can want. `slot` names what the query says (city, product, courier) or is empty.

    `values` are the facts a reply may state; `must` are groups of alternatives of which one each must be stated,
    `never` what makes a reply wrong, `about` the words that name the topic. `follow_ups` are short questions that need
    the turn before: with a slot they ask the same of another city or courier, without one they ask about the product
    named earlier.
    """

    name: str
    subject: str
    slot: str
    values: tuple[str, ...]
    patterns: tuple[str, ...]
    held_out: tuple[str, ...]
    replies: tuple[str, ...]
    other_shops: tuple[str, ...]
    careless: tuple[str, ...] = ()
    must: tuple[tuple[str, ...], ...] = ()
    never: tuple[str, ...] = ()
    about: tuple[str, ...] = ()
    follow_ups: tuple[str, ...] = ()


def read_intents() -> dict[str, Intent]:
    """All intents by name, in the order of the files (sorted) and of their lines."""
    folder = files("endcloud.bundled") / "data" / "intents"
    found: dict[str, Intent] = {}
    for entry in sorted(folder.iterdir(), key=lambda e: e.name):
        if entry.name.endswith(".toml"):
            subject = entry.name.removesuffix(".toml")
            for table in tomllib.loads(entry.read_text(encoding="utf-8"))["intent"]:
                intent = _intent(subject, table)
                found[intent.name] = intent
    return found


def slots_of(template: str) -> set[str]:
    """The names in braces."""
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def _intent(subject: str, table: dict[str, Any]) -> Intent:
    lists = ("values", "patterns", "held_out", "replies", "other_shops", "careless", "never", "about", "follow_ups")
    return Intent(
        name=table["name"],
        subject=subject,
        slot=table.get("slot", ""),
        must=tuple(tuple(group) for group in table.get("must", [])),
        **{name: tuple(table.get(name, ())) for name in lists},
    )

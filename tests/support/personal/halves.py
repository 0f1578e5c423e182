"""The two halves of the set: each has templates, words and names that the other has not.

A template is one or several messages, parted by `|`; one that begins with `@` is the agent's. `{x}` is the item that
is counted, `{mobile}` and the like are further personal data in the same message.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

HalfName = Literal["tried", "unseen"]


def words(text: str) -> tuple[str, ...]:
    """The words of a text as a pool."""
    return tuple(text.split())


@dataclass(frozen=True, slots=True)
class Pools:
    """What values are made of. Nothing in one half's pools is in the other's."""

    surnames: tuple[str, ...]
    given: tuple[str, ...]
    titles: tuple[str, ...]
    handles: tuple[str, ...]
    domains: tuple[str, ...]
    cities: tuple[str, ...]
    roads: tuple[str, ...]
    compounds: tuple[str, ...]
    villages: tuple[str, ...]
    campuses: tuple[str, ...]
    buildings: tuple[str, ...]
    first_names: tuple[str, ...]
    last_names: tuple[str, ...]
    streets: tuple[str, ...]
    street_kinds: tuple[str, ...]
    towns: tuple[str, ...]
    english_handles: tuple[str, ...]
    english_domains: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Half:
    """Templates by (kind, language), openings, endings and the agent's words in between by language,
    hard negatives by family."""

    name: HalfName
    pools: Pools
    templates: Mapping[tuple[str, str], tuple[str, ...]]
    openings: Mapping[str, tuple[str, ...]]
    endings: Mapping[str, tuple[str, ...]]
    between: Mapping[str, tuple[str, ...]]
    negatives: Mapping[str, tuple[str, ...]]

    def owns(self, value: str) -> bool:
        """Whether a made value belongs to this half: each value is one half's by its digest."""
        return hashlib.sha256(value.encode()).digest()[0] % 2 == (self.name == "unseen")


def half_of(name: HalfName) -> Half:
    """The half of that name; the other's templates are not even imported."""
    if name == "tried":
        from personal.tried import HALF
    else:
        from personal.unseen import HALF
    return HALF

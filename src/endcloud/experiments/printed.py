"""The paper's printed figures, from a file that whoever holds the paper writes; the project has none of its own.

    [[query]]                               # six times, in the paper's order
    english = "…"                           # as printed
    chinese = "…"                           # what to send for it; left out: our own question of that kind
    radar = true                            # whether it is one of the five inputs of Figure 3's caption
    before = "…"                            # Table III: the cloud's reply without the prompt
    after = "…"                             # and with it

    [scores]                                # Table VI: six numbers each, by query
    "base" = [0.1, …]
    "LoRA 3000" = [0.1, …]

Everything but `english` may be left out. They are shown in columns of their own and enter no computation of ours but
one: whether both order the versions alike.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from endcloud.errors import SourceError
from endcloud.experiments.paper_plan import Query

_KEYS = {"english", "chinese", "radar", "before", "after"}


@dataclass(frozen=True, slots=True)
class Printed:
    """What the paper prints: by query, and scores by its name of a version; empty where nothing is known."""

    english: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    scores: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    source: str = ""


def read_printed(path: Path, ours: Sequence[Query]) -> tuple[Printed, tuple[Query, ...]]:
    """The printed figures, and the queries to send. Raises SourceError for a file that does not fit."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SourceError(f"The printed figures {str(path)!r} cannot be read: {error}; give a TOML file.") from error
    tables: list[dict[str, Any]] = values.get("query", [])
    if len(tables) != len(ours):
        raise SourceError(f"{str(path)!r} has {len(tables)} [[query]] tables; the paper has {len(ours)} queries.")
    for place, table in enumerate(tables, 1):
        if unknown := sorted(set(table) - _KEYS) or [key for key in ["english"] if key not in table]:
            raise SourceError(f"Query {place} of {str(path)!r}: check {unknown!r}; known are {sorted(_KEYS)!r}.")
    scores = {name: _numbers(path, name, row, len(ours)) for name, row in values.get("scores", {}).items()}
    sent = tuple(
        replace(query, chinese=table.get("chinese", query.chinese), radar=table.get("radar", query.radar))
        for query, table in zip(ours, tables, strict=True)
    )

    def column(key: str) -> tuple[str, ...]:
        return tuple(str(table.get(key, "")) for table in tables)

    return Printed(column("english"), column("before"), column("after"), scores, path.name), sent


def _numbers(path: Path, name: str, row: object, number: int) -> tuple[float, ...]:
    if isinstance(row, list) and len(row) == number and all(isinstance(one, int | float) for one in row):
        return tuple(float(one) for one in row)
    raise SourceError(f"The scores {name!r} of {str(path)!r} are {row!r}; give {number} numbers, one a query.")

"""The paper's printed figures, from a file that whoever holds the paper writes; the project has none of its own.

    [[query]]                               # six times, in the paper's order
    english = "…"                           # as printed
    chinese = "…"                           # what to send for it; left out: a question of ours
    radar = true                            # whether it is one of the five inputs of Figure 3's caption
    before = "…"                            # Table III: the cloud's reply without the prompt
    after = "…"                             # and with it

    [scores]                                # Table VI: six numbers from 0 to 1 each, by query
    "base" = [0.1, …]
    "LoRA 3000" = [0.1, …]

Everything but `english` may be left out. They are shown in columns of their own and enter no computation of ours but
one: whether both order the versions alike.

What is said of a query of ours, and above all that it is sent unmasked, belongs to its text and never to its place:
a question that somebody writes into this file is masked like any other.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from endcloud.errors import SourceError
from endcloud.experiments.paper_plan import PAPER_NAMES, Query

_KEYS: Mapping[str, type] = {"english": str, "chinese": str, "radar": bool, "before": str, "after": str}


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
    if unknown := sorted(values.keys() - {"query", "scores"}):
        raise SourceError(f"{str(path)!r} has {unknown[0]!r}; it can have [[query]] tables and [scores].")
    tables = _tables(path, values.get("query", []), len(ours))
    rows = values.get("scores", {})
    if not isinstance(rows, dict):
        raise SourceError(f"The scores of {str(path)!r} are {rows!r}; give a table [scores] of versions.")
    scores = {name: _numbers(path, name, row, len(ours)) for name, row in rows.items()}

    def column(key: str) -> tuple[str, ...]:
        return tuple(table.get(key, "") for table in tables)

    return Printed(column("english"), column("before"), column("after"), scores, path.name), _sent(tables, ours)


def _tables(path: Path, tables: Any, number: int) -> list[dict[str, Any]]:
    """The query tables, each with known keys of the right kind."""
    if not isinstance(tables, list) or len(tables) != number:
        found = len(tables) if isinstance(tables, list) else repr(tables)
        raise SourceError(f"{str(path)!r} has {found} [[query]] tables; the paper has {number} queries.")
    for place, table in enumerate(tables, 1):
        where = f"Query {place} of {str(path)!r}"
        if not isinstance(table, dict):
            raise SourceError(f"{where} is {table!r}; give a [[query]] table.")
        if unknown := sorted(set(table) - set(_KEYS)):
            raise SourceError(f"{where} has {unknown!r}; known are {sorted(_KEYS)!r}.")
        for key, value in table.items():
            if not isinstance(value, _KEYS[key]) or (key == "chinese" and not str(value).strip()):
                wanted = "true or false" if key == "radar" else "a text in quotation marks"
                raise SourceError(f"{where} has {value!r} as {key}; give {wanted}, or leave it out.")
        if not table.get("english", "").strip():
            raise SourceError(f"{where} has no english; give the query as the paper prints it.")
    return tables


def _sent(tables: Sequence[Mapping[str, Any]], ours: Sequence[Query]) -> tuple[Query, ...]:
    """What is sent for each table: its Chinese; else our query of the same English; else one of ours in its stead."""
    by_text = {query.chinese: query for query in ours}
    by_english = {query.english: query for query in ours}
    found = [
        _given(table["chinese"].strip(), by_text) if "chinese" in table else by_english.get(table["english"].strip())
        for table in tables
    ]
    taken = {query.chinese for query in found if query}
    left = [query for query in ours if query.chinese not in taken]
    for place, query in enumerate(found):
        if query is None:
            chosen = ours[place] if ours[place] in left else left[0]
            left.remove(chosen)
            found[place] = replace(chosen, rendering=False)
    return tuple(
        replace(query, radar=table.get("radar", query.radar))
        for query, table in zip(found, tables, strict=True)
        if query
    )


def _given(chinese: str, ours: Mapping[str, Query]) -> Query:
    """A text of ours with all that is said of it; any other with nothing: it is masked, and has no English of ours."""
    return ours.get(chinese) or Query(chinese, english="")


def _numbers(path: Path, name: str, row: object, number: int) -> tuple[float, ...]:
    if name not in PAPER_NAMES:
        raise SourceError(
            f"The scores of {str(path)!r} name the version {name!r}; the paper's are {list(PAPER_NAMES)!r}."
        )
    if not isinstance(row, list) or len(row) != number:
        raise SourceError(f"The scores {name!r} of {str(path)!r} are {row!r}; give {number} numbers, one a query.")
    for place, one in enumerate(row, 1):
        # A bool is an int to Python, and nan is compared with nothing.
        if isinstance(one, bool) or not isinstance(one, int | float) or not 0 <= one <= 1:
            raise SourceError(
                f"Score {place} of {name!r} in {str(path)!r} is {one!r}; a final score is a number from 0 to 1."
            )
    return tuple(float(one) for one in row)

"""The cloud's answers, kept forever. Implements `endcloud.protocols.Labels`.

An answer that a newer truth has retired stays in its row and is given to nobody: not as a label to learn or judge by,
nor as the recorded answer to the same question.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from itertools import islice
from typing import Any

from sqlalchemy import Row, String, cast, exists, insert, literal, select
from sqlalchemy.orm import InstrumentedAttribute

from endcloud.protocols import Label
from endcloud.store.database import Database
from endcloud.store.evolution_tables import RetirementRow
from endcloud.store.tables import LabelRow
from endcloud.types import Tokens

# SQLite takes at most 32,766 values in one statement, older builds 999.
_VALUES = 900
RETIRED_AS = "label:"
"""What the number of an answer's row stands behind where it is retired."""
_HOLDS = ~exists().where(RetirementRow.item == literal(RETIRED_AS) + cast(LabelRow.id, String))


class StoredLabels:
    """Labels as rows; where a key or an example has several, the newest one counts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, keys: Iterable[str]) -> dict[str, Label]:
        """The newest label recorded under each of these content keys, by key."""
        return {label.key: label for label in self._find(LabelRow.key, keys)}

    def of(self, examples: Iterable[str]) -> dict[str, Label]:
        """The newest label of each of these example ids, by example id."""
        return {label.example: label for label in self._find(LabelRow.example, examples)}

    def add(self, labels: Sequence[Label]) -> None:
        """Records labels in one transaction: all of them or none."""
        rows = [_row(label) for label in labels]
        if rows:
            self._database.write(lambda connection: connection.execute(insert(LabelRow), rows))

    def standing(self) -> dict[str, Label]:
        """Every good answer that holds, oldest first, by the name it would be retired by (`label:NUMBER`)."""
        chosen = select(LabelRow.__table__).where(LabelRow.reason == "", _HOLDS).order_by(LabelRow.id)
        with self._database.reading() as connection:
            return {f"{RETIRED_AS}{row.id}": _label(row) for row in connection.execute(chosen)}

    def _find(self, column: InstrumentedAttribute[str], values: Iterable[str]) -> list[Label]:
        with self._database.reading() as connection:
            return [
                _label(row)
                for some in _chunks(values)
                for row in connection.execute(
                    select(LabelRow.__table__).where(column.in_(some), _HOLDS).order_by(LabelRow.id)
                )
            ]


def _chunks(values: Iterable[str]) -> Iterator[list[str]]:
    remaining = iter(values)
    while some := list(islice(remaining, _VALUES)):
        yield some


def _row(label: Label) -> dict[str, object]:
    columns = {field.name: getattr(label, field.name) for field in fields(label) if field.name != "tokens"}
    tokens = label.tokens
    return columns | {
        "prompt_tokens": tokens.prompt,
        "completion_tokens": tokens.completion,
        "cached_tokens": tokens.cached,
    }


def _label(row: Row[Any]) -> Label:
    return Label(
        example=row.example,
        key=row.key,
        text=row.text,
        reason=row.reason,
        note=row.note,
        model=row.model,
        prompt=row.prompt,
        terms=row.terms,
        at=row.at,
        seconds=row.seconds,
        tokens=Tokens(row.prompt_tokens, row.completion_tokens, row.cached_tokens),
        price=row.price,
    )

"""The cloud's answers, kept forever. Implements `endcloud.protocols.Labels`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute

from endcloud.protocols import Label
from endcloud.store.database import Database
from endcloud.store.tables import LabelRow
from endcloud.types import Tokens

# SQLite takes at most 32,766 values in one statement, older builds 999.
_VALUES = 900


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
        with self._database.writing() as session:
            session.add_all([_row(label) for label in labels])

    def _find(self, column: InstrumentedAttribute[str], values: Iterable[str]) -> list[Label]:
        with self._database.reading() as session:
            return [
                _label(row)
                for some in _chunks(values)
                for row in session.scalars(select(LabelRow).where(column.in_(some)).order_by(LabelRow.id))
            ]


def _chunks(values: Iterable[str]) -> Iterator[list[str]]:
    remaining = iter(values)
    while some := list(islice(remaining, _VALUES)):
        yield some


def _row(label: Label) -> LabelRow:
    return LabelRow(
        example=label.example,
        key=label.key,
        text=label.text,
        reason=label.reason,
        note=label.note,
        model=label.model,
        prompt=label.prompt,
        terms=label.terms,
        at=label.at,
        seconds=label.seconds,
        prompt_tokens=label.tokens.prompt,
        completion_tokens=label.tokens.completion,
        cached_tokens=label.tokens.cached,
        price=label.price,
    )


def _label(row: LabelRow) -> Label:
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

"""What is learned from service: choices, lessons and retirements. Implements their protocols of `endcloud.rounds`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC
from typing import Any

from sqlalchemy import Connection, RowMapping, func, select, update

from endcloud.errors import NotFoundError
from endcloud.rounds import Choice, Lesson, Retirement
from endcloud.store.database import Database, insert_once
from endcloud.store.evolution_tables import ChoiceRow, LessonRow, RetirementRow
from endcloud.types import Message

_CHOICE = tuple(field.name for field in fields(Choice))
_LESSON = tuple(field.name for field in fields(Lesson))
_RETIREMENT = tuple(field.name for field in fields(Retirement))


class StoredChoices:
    """Choices as rows; a reply is chosen once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, choices: Sequence[Choice]) -> None:
        """Records them; a reply that was chosen before keeps its row."""
        rows = [{name: getattr(one, name) for name in _CHOICE} | {"reasons": list(one.reasons)} for one in choices]

        def add(connection: Connection) -> None:
            for row in rows:
                connection.execute(insert_once(connection, ChoiceRow), row)

        self._database.write(add)

    def of_round(self, number: int) -> list[Choice]:
        """Heaviest first."""
        chosen = select(ChoiceRow.__table__).where(ChoiceRow.round == number)
        with self._database.reading() as connection:
            rows = connection.execute(chosen.order_by(ChoiceRow.weight.desc(), ChoiceRow.turn)).mappings()
            return [
                Choice(**{name: row[name] for name in _CHOICE} | {"reasons": tuple(row["reasons"])}) for row in rows
            ]

    def turns(self) -> frozenset[str]:
        """Every reply that was ever chosen."""
        with self._database.reading() as connection:
            return frozenset(connection.scalars(select(ChoiceRow.turn)))


class StoredLessons:
    """Lessons as rows; only their approval ever changes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, lessons: Sequence[Lesson]) -> None:
        """Records them; a lesson of a known id keeps its row."""
        rows = [_as_row(lesson) for lesson in lessons]

        def add(connection: Connection) -> None:
            for row in rows:
                connection.execute(insert_once(connection, LessonRow), row)

        self._database.write(add)

    def all(self) -> list[Lesson]:
        """All lessons, oldest first, the retired ones among them."""
        with self._database.reading() as connection:
            rows = connection.execute(select(LessonRow.__table__).order_by(LessonRow.number)).mappings()
            return [_as_lesson(row) for row in rows]

    def waiting(self) -> list[Lesson]:
        """Those a reviewer must look at before they are used, oldest first."""
        chosen = select(LessonRow.__table__).where(LessonRow.approval == "waiting").order_by(LessonRow.number)
        with self._database.reading() as connection:
            return [_as_lesson(row) for row in connection.execute(chosen).mappings()]

    def approve(self, lesson: str, by: str, reply: str | None = None) -> Lesson:
        """A reviewer accepts a lesson, or puts words of their own (masked) in its place; origin is then `human`.

        Raises NotFoundError for an unknown lesson.
        """
        words = {} if reply is None else {"reply": reply, "origin": "human"}
        return self._judge(lesson, by, {"approval": "approved", **words})

    def reject(self, lesson: str, by: str) -> Lesson:
        """A reviewer does not want this to be learned. Raises NotFoundError for an unknown lesson."""
        return self._judge(lesson, by, {"approval": "rejected"})

    def _judge(self, lesson: str, by: str, values: dict[str, Any]) -> Lesson:
        def judge(connection: Connection) -> Lesson:
            changed = update(LessonRow).where(LessonRow.id == lesson).values(by=by, **values)
            if not connection.execute(changed).rowcount:
                raise NotFoundError(f"There is no lesson {lesson!r}; reload the list.")
            row = connection.execute(select(LessonRow.__table__).where(LessonRow.id == lesson)).mappings().one()
            return _as_lesson(row)

        return self._database.write(judge)


class StoredRetirements:
    """Retirements as rows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, retirements: Sequence[Retirement]) -> None:
        """Records them; an item that is retired keeps its first reason."""
        rows = [
            {name: getattr(one, name) for name in _RETIREMENT} | {"at": one.at.astimezone(UTC)} for one in retirements
        ]

        def add(connection: Connection) -> None:
            for row in rows:
                connection.execute(insert_once(connection, RetirementRow), row)

        self._database.write(add)

    def all(self) -> list[Retirement]:
        """Oldest first."""
        chosen = select(RetirementRow.__table__).order_by(RetirementRow.at, RetirementRow.item)
        with self._database.reading() as connection:
            rows = connection.execute(chosen).mappings()
            return [Retirement(**{name: row[name] for name in _RETIREMENT}) for row in rows]

    def count(self) -> int:
        """How many items are retired."""
        with self._database.reading() as connection:
            return int(connection.scalar(select(func.count()).select_from(RetirementRow)) or 0)

    def items(self) -> frozenset[str]:
        """The ids of all that is retired."""
        with self._database.reading() as connection:
            return frozenset(connection.scalars(select(RetirementRow.item)))


def _as_row(lesson: Lesson) -> dict[str, Any]:
    row = {name: getattr(lesson, name) for name in _LESSON}
    return row | {
        "messages": [[message.role, message.content] for message in lesson.messages],
        "reasons": list(lesson.reasons),
        "at": lesson.at.astimezone(UTC),
    }


def _as_lesson(row: RowMapping) -> Lesson:
    values = {name: row[name] for name in _LESSON}
    values["messages"] = tuple(Message(role, content) for role, content in row["messages"])
    values["reasons"] = tuple(row["reasons"])
    return Lesson(**values)

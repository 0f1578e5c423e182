"""Every row that holds a person's words goes with them: the words, not the record that something left.

The ledger's rows stay (when, whither, how much, which digest), so that nobody can make an upload unseen; the text of
the messages that nobody else's upload holds goes, and so does every prompt that showed a pair of theirs, the cloud's
answers to them, their lessons, and what the gate quoted of these.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Select, delete, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute

from endcloud.store.conversation_tables import (
    ConversationRow,
    CustomerRow,
    FeedbackRow,
    HandoffRow,
    MemoryRow,
    TurnRow,
)
from endcloud.store.evolution_tables import AuditRow, ChoiceRow, DecisionRow, LessonRow, RetirementRow
from endcloud.store.labels import RETIRED_AS
from endcloud.store.tables import LabelRow, PayloadRow, ReviewRow, UploadPartRow, UploadRow

_AT_ONCE = 200  # names in one statement: SQLite bounds how deep a chain of "or" may be
_PIECES = 20  # texts looked for in one pass over what left


@dataclass(frozen=True, slots=True)
class Person:
    """Whose rows go: `customer` is the id in the shop's own system, `subject` its keyed hash.

    `examples` are the ids of the recorded examples made of what they said, `dialogues` where these come from; `texts`
    are masked words that are theirs alone, and `shown` the question-answer pairs of them as a prompt holds them.
    """

    customer: str
    subject: str = ""
    examples: frozenset[str] = frozenset()
    dialogues: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()
    shown: frozenset[str] = frozenset()


def forget_person(connection: Connection, person: Person) -> dict[str, int]:
    """Erases all rows of a person; returns how many of each kind went."""
    theirs = connection.scalars(select(ConversationRow.id).where(ConversationRow.customer == person.customer)).all()
    lessons = lessons_of(connection, person, theirs)
    items = {*lessons, *person.examples}
    left = _uploads_of(connection, person.dialogues)
    gone = Counter(
        {
            "payloads": _erase_messages(connection, left) + _erase_prompts(connection, person.shown),
            "labels": _unlabel(connection, person.examples),
            "lessons": _delete(connection, LessonRow, LessonRow.id, lessons),
            "retirements": _delete(connection, RetirementRow, RetirementRow.item, items),
            "quoted replies": _unquote(connection, items),
            "reviews": _delete(connection, ReviewRow, ReviewRow.query, person.texts),
            "choices": _count(connection, ChoiceRow, ChoiceRow.customer == person.subject) if person.subject else 0,
        }
    )
    gone.update(forget_conversations(connection, theirs))
    gone["memories"] = _count(connection, MemoryRow, MemoryRow.customer == person.customer)
    gone["facts"] = _count(connection, CustomerRow, CustomerRow.id == person.customer)
    return dict(gone)


def lessons_of(connection: Connection, person: Person, conversations: Collection[str]) -> set[str]:
    """The ids of the lessons made of a person's conversations, or of their recorded examples."""
    chosen = select(LessonRow.id)
    found: set[str] = set()
    for some in chunks([*conversations, *person.dialogues]):
        found.update(connection.scalars(chosen.where(LessonRow.conversation.in_(some))))
    if person.subject:
        found.update(connection.scalars(chosen.where(LessonRow.subject == person.subject)))
    return found


def forget_conversations(connection: Connection, conversations: Collection[str]) -> dict[str, int]:
    """Erases conversations with all that was said in and of them; lessons made of them stay, masked as they are.

    Returns how many rows of each kind went.
    """
    gone: Counter[str] = Counter()
    for some in chunks(conversations):
        turns = connection.scalars(select(TurnRow.id).where(TurnRow.conversation.in_(some))).all()
        rows = {
            "payloads": _erase_messages(connection, _uploads_of(connection, {*turns, *some})),
            "labels": _unlabel(connection, turns),
            "feedback": _count(connection, FeedbackRow, FeedbackRow.conversation.in_(some)),
            "hand-overs": _count(connection, HandoffRow, HandoffRow.conversation.in_(some)),
            "audits": _count(connection, AuditRow, AuditRow.conversation.in_(some)),
            "choices": _count(connection, ChoiceRow, ChoiceRow.conversation.in_(some)),
            "turns": _count(connection, TurnRow, TurnRow.conversation.in_(some)),
            "conversations": _count(connection, ConversationRow, ConversationRow.id.in_(some)),
        }
        gone.update(rows)
    return dict(gone)


def _uploads_of(connection: Connection, names: Iterable[str]) -> set[str]:
    """The uploads for these conversations, turns or recorded dialogues."""
    uploads: set[str] = set()
    for some in chunks(names):
        uploads.update(connection.scalars(select(UploadRow.upload).where(UploadRow.conversation.in_(some))))
    return uploads


def _erase_messages(connection: Connection, uploads: set[str]) -> int:
    """The messages of `uploads` that no other upload holds; what the shop tells every time stays."""
    theirs: set[str] = set()
    for some in chunks(uploads):
        theirs.update(connection.scalars(_spoken().where(UploadPartRow.upload.in_(some))))
    shared: set[str] = set()
    for some in chunks(theirs):
        holders = select(UploadPartRow.payload, UploadPartRow.upload).where(UploadPartRow.payload.in_(some))
        shared.update(row.payload for row in connection.execute(holders) if row.upload not in uploads)
    return sum(_blank(connection, PayloadRow.digest.in_(some)) for some in chunks(theirs - shared))


def _spoken() -> Select[str]:
    joined = select(UploadPartRow.payload).join(PayloadRow, PayloadRow.digest == UploadPartRow.payload)
    return joined.where(PayloadRow.role != "system")


def _erase_prompts(connection: Connection, shown: Iterable[str]) -> int:
    """Every message that left, whoever it was for, in which one of these pairs was shown."""
    pieces = sorted(shown)
    return sum(
        _blank(connection, or_(*(PayloadRow.content.contains(piece, autoescape=True) for piece in some)))
        for some in (pieces[at : at + _PIECES] for at in range(0, len(pieces), _PIECES))
    )


def _blank(connection: Connection, which: ColumnElement[bool]) -> int:
    return int(
        connection.execute(update(PayloadRow).where(which, PayloadRow.content != "").values(content="")).rowcount
    )


def _unlabel(connection: Connection, asked: Iterable[str]) -> int:
    """A label's example is a turn or a recorded example, or one way of asking it: `ID/way`, `ID~way`."""
    labels: list[int] = []
    for some in chunks(asked):
        ways = (LabelRow.example.startswith(f"{name}{mark}", autoescape=True) for name in some for mark in "/~")
        labels += connection.scalars(select(LabelRow.id).where(or_(LabelRow.example.in_(some), *ways)))
    for few in chunks(f"{RETIRED_AS}{label}" for label in labels):
        connection.execute(delete(RetirementRow).where(RetirementRow.item.in_(few)))
    return sum(_count(connection, LabelRow, LabelRow.id.in_(labels[at : at + _AT_ONCE])) for at in _starts(labels))


def _unquote(connection: Connection, items: Collection[str]) -> int:
    """The gate's decisions quote replies to some questions, by the questions' ids."""
    removed = 0
    if not items:
        return 0
    chosen = select(DecisionRow.number, DecisionRow.figures).where(DecisionRow.kind == "gate")
    for number, figures in connection.execute(chosen).all():
        quoted = figures.get("side by side", [])
        kept = [one for one in quoted if one["item"] not in items]
        if len(kept) < len(quoted):
            removed += len(quoted) - len(kept)
            changed = update(DecisionRow).where(DecisionRow.number == number)
            connection.execute(changed.values(figures={**figures, "side by side": kept}))
    return removed


def _delete(connection: Connection, table: type, column: InstrumentedAttribute[str], names: Iterable[str]) -> int:
    return sum(_count(connection, table, column.in_(some)) for some in chunks(names))


def _count(connection: Connection, table: type, which: ColumnElement[bool]) -> int:
    return int(connection.execute(delete(table).where(which)).rowcount)


def _starts(rows: Collection[object]) -> range:
    return range(0, len(rows), _AT_ONCE)


def chunks(names: Iterable[str]) -> Iterator[list[str]]:
    """The names in order, a statement's worth at a time."""
    ordered = sorted(names)
    for at in _starts(ordered):
        yield ordered[at : at + _AT_ONCE]

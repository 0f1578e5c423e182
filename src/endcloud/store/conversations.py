"""What was said to customers and by them. Implements `endcloud.protocols.Conversations`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, func, insert, select

from endcloud.errors import ConflictError
from endcloud.store.conversation_tables import ConversationRow, TurnRow
from endcloud.store.database import Database, insert_once, now
from endcloud.types import Exchange, Tokens, Turn

_TOKENS = tuple(field.name for field in fields(Tokens))
_PLAIN = tuple(field.name for field in fields(Turn) if field.name != "tokens")


class StoredConversations:
    """Conversations and their turns as rows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self, conversation: str, owner: str, customer: str = "") -> bool:
        """Begins a conversation that belongs to `owner`; False where it exists and belongs to somebody else."""

        def begin(connection: Connection) -> bool:
            found = _row(connection, conversation)
            if found is None:
                row = {"id": conversation, "owner": owner, "customer": customer, "at": now()}
                connection.execute(insert(ConversationRow), row)
            return found is None or found["owner"] == owner

        with self._database.reading() as connection:
            known = _row(connection, conversation)
        return known["owner"] == owner if known is not None else self._database.write(begin)

    def owner(self, conversation: str) -> str | None:
        """Who may go on with a conversation; None where there is none of this name."""
        with self._database.reading() as connection:
            row = _row(connection, conversation)
        return None if row is None else str(row["owner"])

    def customer(self, conversation: str) -> str:
        """Whose conversation it is; empty for a visitor whom the shop does not know."""
        with self._database.reading() as connection:
            row = _row(connection, conversation)
        return "" if row is None else str(row["customer"])

    def say(self, turn: Turn) -> bool:
        """Appends a turn, acknowledged when it is on disk; False where a turn of this id is there already.

        Raises ConflictError where the id is that of a turn in another conversation: nothing is lost in silence.
        """
        row = _as_row(turn)  # here and not in the writer's thread, which all others wait for

        def append(connection: Connection) -> bool:
            if connection.execute(insert_once(connection, TurnRow), row).rowcount:
                return True
            if connection.scalar(select(TurnRow.conversation).where(TurnRow.id == turn.id)) != turn.conversation:
                raise ConflictError(f"The id {turn.id!r} names a turn of another conversation; choose another one.")
            return False

        return self._database.write(append)

    def turns(self, conversation: str, after: str = "") -> list[Turn]:
        """All turns in their order, or those after the turn `after`; all where there is no such turn."""
        chosen = select(TurnRow.__table__).where(TurnRow.conversation == conversation).order_by(TurnRow.number)
        if after:
            known = (TurnRow.id == after) & (TurnRow.conversation == conversation)
            since = select(TurnRow.number).where(known).scalar_subquery()
            chosen = chosen.where(TurnRow.number > func.coalesce(since, 0))
        with self._database.reading() as connection:
            return [as_turn(row) for row in connection.execute(chosen).mappings()]

    def turn(self, name: str) -> Turn | None:
        """The turn of this id."""
        with self._database.reading() as connection:
            row = connection.execute(select(TurnRow.__table__).where(TurnRow.id == name)).mappings().first()
        return None if row is None else as_turn(row)

    def replies_since(self, since: datetime, beyond: int = 0) -> list[Turn]:
        """Every reply from `since` on, whoever gave it, oldest first: what charts and audits are made of.

        `beyond` leaves out turns up to this number (`store.newest`), such as those that were read before.
        """
        chosen = select(TurnRow.__table__).where(TurnRow.route.is_not(None), TurnRow.at >= since.astimezone(UTC))
        chosen = chosen.where(TurnRow.number > beyond)
        with self._database.reading() as connection:
            return [as_turn(row) for row in connection.execute(chosen.order_by(TurnRow.number)).mappings()]

    def texts(self, names: Sequence[str]) -> dict[str, str]:
        """What was said in the turns of these ids, by id; in a few reads, however many there are."""
        found: dict[str, str] = {}
        with self._database.reading() as connection:
            for start in range(0, len(names), 500):
                chosen = select(TurnRow.id, TurnRow.text).where(TurnRow.id.in_(list(names[start : start + 500])))
                found |= {row.id: row.text for row in connection.execute(chosen)}
        return found

    def belonging(self, names: Sequence[str]) -> dict[str, tuple[str, str]]:
        """The owner and the customer of each of these conversations, in a few reads."""
        found: dict[str, tuple[str, str]] = {}
        row = ConversationRow
        with self._database.reading() as connection:
            for start in range(0, len(names), 500):
                chosen = select(row.id, row.owner, row.customer).where(row.id.in_(list(names[start : start + 500])))
                found |= {one.id: (one.owner, one.customer) for one in connection.execute(chosen)}
        return found

    def lately(self, since: datetime, most: int) -> list[Turn]:
        """The last words of each conversation in which something was said since then, newest first; what the service
        itself says, such as that a person has been called, is left out."""
        last = select(func.max(TurnRow.number)).where(TurnRow.at >= since.astimezone(UTC), TurnRow.speaker != "shop")
        last = last.group_by(TurnRow.conversation).order_by(func.max(TurnRow.number).desc()).limit(most)
        chosen = select(TurnRow.__table__).where(TurnRow.number.in_(last)).order_by(TurnRow.number.desc())
        with self._database.reading() as connection:
            return [as_turn(row) for row in connection.execute(chosen).mappings()]

    def exchanges_of(self, customer: str, apart_from: str, most: int) -> list[Exchange]:
        """The newest questions of a customer with the last whole reply to each, newest first.

        Left out are the conversation `apart_from`, questions without a reply, and words of caution instead of one.
        """
        theirs = select(ConversationRow.id).where(
            ConversationRow.customer == customer, ConversationRow.id != apart_from
        )
        asked = select(TurnRow.__table__).where(TurnRow.conversation.in_(theirs), TurnRow.speaker == "customer")
        with self._database.reading() as connection:
            found = connection.execute(asked.order_by(TurnRow.number.desc()).limit(most)).mappings()
            queries = {row["id"]: as_turn(row) for row in found}
            within = {turn.conversation for turn in queries.values()}
            given = select(TurnRow.__table__).where(TurnRow.conversation.in_(within), TurnRow.answers.in_(queries))
            replies = [as_turn(row) for row in connection.execute(given.order_by(TurnRow.number)).mappings()]
        answers = {
            turn.answers: turn
            for turn in replies
            if turn.speaker != "shop" and turn.text and turn.finish == "stop" and not turn.cautious
        }
        return [Exchange(queries[name], answers[name]) for name in queries if name in answers]

    def of_customer(self, customer: str) -> list[str]:
        """The conversations of a customer, oldest first."""
        chosen = select(ConversationRow.id).where(ConversationRow.customer == customer).order_by(ConversationRow.at)
        with self._database.reading() as connection:
            return list(connection.scalars(chosen))


def _row(connection: Connection, conversation: str) -> RowMapping | None:
    chosen = select(ConversationRow.__table__).where(ConversationRow.id == conversation)
    return connection.execute(chosen).mappings().first()


def _as_row(turn: Turn) -> dict[str, Any]:
    row = {name: getattr(turn, name) for name in _PLAIN} | {"at": turn.at.astimezone(UTC)}
    return row | {f"{name}_tokens": getattr(turn.tokens, name) for name in _TOKENS}


def as_turn(row: RowMapping) -> Turn:
    """A turn from its row."""
    tokens = Tokens(**{name: row[f"{name}_tokens"] for name in _TOKENS})
    return Turn(**{name: row[name] for name in _PLAIN}, tokens=tokens)

"""What was written last: as long as it is the same, nothing that figures are made of has changed.

A few counts and highest numbers from the indexes, milliseconds for a hundred thousand turns, where the figures
themselves read every reply of a month. Deleted rows (a forgotten customer) change the counts.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from endcloud.store.conversation_tables import FeedbackRow, HandoffRow, TurnRow
from endcloud.store.database import Database
from endcloud.store.tables import ReservationRow, UploadRow


@dataclass(frozen=True, slots=True)
class Newest:
    """`turn` is the number of the newest turn, `turns` how many there are; `others` stands for all else."""

    turn: int
    turns: int
    others: tuple[object, ...] = ()


def newest(database: Database) -> Newest:
    """Where the store stands: turns, feedback, hand-overs, money and uploads."""
    price = func.coalesce(ReservationRow.settled, ReservationRow.reserved)
    asked = (
        select(func.coalesce(func.max(TurnRow.number), 0), func.count()).select_from(TurnRow),
        select(func.max(FeedbackRow.at), func.count()).select_from(FeedbackRow),
        select(func.max(HandoffRow.id), func.count()).select_from(HandoffRow),
        select(func.sum(price), func.count(), func.count(ReservationRow.settled)).select_from(ReservationRow),
        select(func.max(UploadRow.id)),
    )
    with database.reading() as connection:
        (turn, turns), *others = [tuple(connection.execute(one).one()) for one in asked]
    return Newest(int(turn), int(turns), tuple(others))

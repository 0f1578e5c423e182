"""What a row of a served conversation is: who spoke, what was said of it, who took over, and who may ask.

Turns, feedback and hand-offs are appended and never changed; they go when a customer is forgotten, and only then.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from endcloud.store.tables import Table, UtcTime


class ConversationRow(Table):
    """A conversation. `owner` is whoever may go on with it: a visitor, or a service's key and its user."""

    __tablename__ = "conversations"
    id: Mapped[str] = mapped_column(String(80), primary_key=True)
    owner: Mapped[str] = mapped_column(String(200), index=True)
    customer: Mapped[str] = mapped_column(String(80), index=True)
    at: Mapped[datetime] = mapped_column(UtcTime)


class TurnRow(Table):
    """One thing said. `number` is the order in which turns were written."""

    __tablename__ = "turns"
    number: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(String(80), unique=True)
    conversation: Mapped[str] = mapped_column(ForeignKey("conversations.id"), index=True)
    speaker: Mapped[str] = mapped_column(String(10))
    text: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    answers: Mapped[str] = mapped_column(String(80))
    route: Mapped[str | None] = mapped_column(String(10))
    version: Mapped[str] = mapped_column(String(80))
    reason: Mapped[str] = mapped_column(Text)
    probability: Mapped[float | None]
    finish: Mapped[str] = mapped_column(String(20))
    seconds: Mapped[float]
    first_token: Mapped[float]
    prompt_tokens: Mapped[int]
    completion_tokens: Mapped[int]
    cached_tokens: Mapped[int]
    price: Mapped[float]
    by: Mapped[str] = mapped_column(String(80))
    suggested: Mapped[str] = mapped_column(Text)


class FeedbackRow(Table):
    """What somebody said of a reply."""

    __tablename__ = "feedback"
    id: Mapped[str] = mapped_column(String(120), primary_key=True)
    turn: Mapped[str] = mapped_column(String(80), index=True)
    conversation: Mapped[str] = mapped_column(String(80), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    witness: Mapped[str] = mapped_column(String(10))
    by: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    value: Mapped[float | None]
    text: Mapped[str] = mapped_column(Text)


class HandoffRow(Table):
    """A step of a hand-over. Two agents who claim at once write the same `step`, and one of them fails."""

    __tablename__ = "handoffs"
    __table_args__ = (UniqueConstraint("conversation", "step"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    conversation: Mapped[str] = mapped_column(String(80), index=True)
    step: Mapped[int]
    stage: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str] = mapped_column(Text)
    agent: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime] = mapped_column(UtcTime)


class KeyRow(Table):
    """A key to the service: its hash, never itself."""

    __tablename__ = "keys"
    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    role: Mapped[str] = mapped_column(String(10))
    at: Mapped[datetime] = mapped_column(UtcTime)
    revoked: Mapped[datetime | None] = mapped_column(UtcTime)


class EndedLoginRow(Table):
    """A login of staff that was ended; after `until` its cookie opens nothing anyway, and the row may go."""

    __tablename__ = "ended_logins"
    login: Mapped[str] = mapped_column(String(40), primary_key=True)
    until: Mapped[datetime] = mapped_column(UtcTime)


class CustomerRow(Table):
    """What the shop's own system tells of a customer, newest wins: level, open orders, whatever it sends."""

    __tablename__ = "customers"
    id: Mapped[str] = mapped_column(String(80), primary_key=True)
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    at: Mapped[datetime] = mapped_column(UtcTime)


class MemoryRow(Table):
    """What a customer said of themself, such as a size; the newest of a `topic` wins."""

    __tablename__ = "memories"
    id: Mapped[int] = mapped_column(primary_key=True)
    customer: Mapped[str] = mapped_column(String(80), index=True)
    topic: Mapped[str] = mapped_column(String(40))
    text: Mapped[str] = mapped_column(Text)
    turn: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime] = mapped_column(UtcTime)


Index("turns_speaker_at", TurnRow.speaker, TurnRow.at)

"""What a row is. Rows are appended, seldom changed: history is the record of what happened.

Times are UTC; money is in the currency of the settings' price table.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Double, ForeignKey, Index, String, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from endcloud.types import Role


class UtcTime(TypeDecorator[datetime]):
    """A time in UTC: SQLite drops the zone and PostgreSQL tells its server's, so UTC is put back when a row is read."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Table(DeclarativeBase):
    """The base of all tables."""


class LabelRow(Table):
    """The cloud's answer to an example, or the reason why there is none."""

    __tablename__ = "labels"
    id: Mapped[int] = mapped_column(primary_key=True)
    example: Mapped[str] = mapped_column(String(80), index=True)
    key: Mapped[str] = mapped_column(String(80), index=True)
    text: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(String(80))
    note: Mapped[str] = mapped_column(Text)
    model: Mapped[str] = mapped_column(String(200))
    prompt: Mapped[str] = mapped_column(String(80))
    terms: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UtcTime)
    seconds: Mapped[float]
    prompt_tokens: Mapped[int]
    completion_tokens: Mapped[int]
    cached_tokens: Mapped[int]
    price: Mapped[float]


class ReservationRow(Table):
    """Money reserved for a call before it is sent; `settled` is the true price, null until it is known."""

    __tablename__ = "reservations"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcTime)
    purpose: Mapped[str] = mapped_column(String(40))
    reserved: Mapped[float]
    settled: Mapped[float | None]


class UploadRow(Table):
    """One upload: the first row says that it is about to happen (`sent`), a second how it ended (`settled`). A row
    `forgotten` is the proof that a person's words were erased.

    Rows are numbered from 1 without a gap, and `chain` is the digest of a row and of all before it (`ledger_chain`).
    """

    __tablename__ = "uploads"
    id: Mapped[int] = mapped_column(primary_key=True)
    upload: Mapped[str] = mapped_column(String(40), index=True)
    event: Mapped[str] = mapped_column(String(10))
    at: Mapped[datetime] = mapped_column(UtcTime)
    purpose: Mapped[str] = mapped_column(String(20), default="")
    conversation: Mapped[str] = mapped_column(String(200), default="")
    model: Mapped[str] = mapped_column(String(200), default="")
    host: Mapped[str] = mapped_column(String(200), default="")
    detector: Mapped[str] = mapped_column(String(80), default="")
    masked: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)
    digest: Mapped[str] = mapped_column(String(64), default="")
    size: Mapped[int] = mapped_column(default=0)
    outcome: Mapped[str] = mapped_column(Text, default="")
    prompt_tokens: Mapped[int] = mapped_column(default=0)
    completion_tokens: Mapped[int] = mapped_column(default=0)
    cached_tokens: Mapped[int] = mapped_column(default=0)
    price: Mapped[float | None] = mapped_column(Double)
    proof: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    chain: Mapped[str] = mapped_column(String(64))


class LedgerHeadRow(Table):
    """Where the ledger ends; the one row that whoever appends to it locks. It began with `begun` rows of old."""

    __tablename__ = "ledger_head"
    id: Mapped[int] = mapped_column(primary_key=True)
    count: Mapped[int]
    digest: Mapped[str] = mapped_column(String(64))
    begun: Mapped[int]


class PayloadRow(Table):
    """One message that left, by the digest of its content: a prompt sent a thousand times is kept once."""

    __tablename__ = "payloads"
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    role: Mapped[Role] = mapped_column(String(10))
    content: Mapped[str] = mapped_column(Text)


class UploadPartRow(Table):
    """Which messages an upload was made of, in their order."""

    __tablename__ = "upload_parts"
    upload: Mapped[str] = mapped_column(String(40), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    payload: Mapped[str] = mapped_column(ForeignKey("payloads.digest"))


class StandingRow(Table):
    """A version's standing from this moment on: candidate, active, retired or rejected."""

    __tablename__ = "standings"
    id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(String(80), index=True)
    standing: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UtcTime)


class MetricRow(Table):
    """Figures measured on a version."""

    __tablename__ = "metrics"
    id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(String(80), index=True)
    figures: Mapped[dict[str, Any]] = mapped_column(JSON)
    at: Mapped[datetime] = mapped_column(UtcTime)


class ReviewRow(Table):
    """A person's judgement of a reply; read twice it is one row, and a changed one replaces the old."""

    __tablename__ = "reviews"
    id: Mapped[str] = mapped_column(String(160), primary_key=True)
    sheet: Mapped[str] = mapped_column(String(80), index=True)
    query: Mapped[str] = mapped_column(Text)
    reply: Mapped[str] = mapped_column(Text)
    cloud: Mapped[str | None] = mapped_column(Text)
    version: Mapped[str] = mapped_column(Text)
    reviewer: Mapped[str] = mapped_column(String(80))
    grade: Mapped[int]
    note: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UtcTime)


Index("uploads_at", UploadRow.at)

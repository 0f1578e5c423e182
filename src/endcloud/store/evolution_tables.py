"""What a row of online evolution is: rounds, audits, choices, lessons, decisions, retirements, texts of the rules.

A round moves through its stages and a lesson may be approved; every other row is appended and never changed. Texts
stand masked; what customers said stays in their turns.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from endcloud.store.tables import Table, UtcTime


class RoundRow(Table):
    """A round and who works on it."""

    __tablename__ = "rounds"
    number: Mapped[int] = mapped_column(primary_key=True)
    stage: Mapped[str] = mapped_column(String(20))
    began: Mapped[datetime] = mapped_column(UtcTime)
    parent: Mapped[str] = mapped_column(String(80))
    candidate: Mapped[str] = mapped_column(String(80))
    outcome: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(Text)
    ended: Mapped[datetime | None] = mapped_column(UtcTime)
    worker: Mapped[str] = mapped_column(String(120))
    lease: Mapped[datetime | None] = mapped_column(UtcTime)
    figures: Mapped[dict[str, Any]] = mapped_column(JSON)


class AuditRow(Table):
    """A scored reply."""

    __tablename__ = "audits"
    turn: Mapped[str] = mapped_column(String(80), primary_key=True)
    query: Mapped[str] = mapped_column(String(80), index=True)
    conversation: Mapped[str] = mapped_column(String(80), index=True)
    version: Mapped[str] = mapped_column(String(80), index=True)
    round: Mapped[int]
    cause: Mapped[str] = mapped_column(String(40))
    similarity: Mapped[float | None]
    relevance: Mapped[float | None]
    cloud_relevance: Mapped[float | None]
    scorers: Mapped[list[str]] = mapped_column(JSON)
    final: Mapped[float | None]
    wrong: Mapped[list[str]] = mapped_column(JSON)
    at: Mapped[datetime] = mapped_column(UtcTime, index=True)


class ChoiceRow(Table):
    """A reply chosen to be learned from."""

    __tablename__ = "choices"
    turn: Mapped[str] = mapped_column(String(80), primary_key=True)
    query: Mapped[str] = mapped_column(String(80))
    conversation: Mapped[str] = mapped_column(String(80), index=True)
    customer: Mapped[str] = mapped_column(String(200))
    cluster: Mapped[str] = mapped_column(String(80))
    frequency: Mapped[int]
    reasons: Mapped[list[str]] = mapped_column(JSON)
    weight: Mapped[float]
    round: Mapped[int] = mapped_column(index=True)


class LessonRow(Table):
    """A lesson, masked."""

    __tablename__ = "lessons"
    number: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(String(100), unique=True)
    turn: Mapped[str] = mapped_column(String(80), index=True)
    conversation: Mapped[str] = mapped_column(String(80), index=True)
    subject: Mapped[str] = mapped_column(String(80), index=True)
    cluster: Mapped[str] = mapped_column(String(80))
    part: Mapped[str] = mapped_column(String(10))
    messages: Mapped[list[list[str]]] = mapped_column(JSON)
    reply: Mapped[str] = mapped_column(Text)
    poor: Mapped[str] = mapped_column(Text)
    origin: Mapped[str] = mapped_column(String(10))
    reasons: Mapped[list[str]] = mapped_column(JSON)
    approval: Mapped[str] = mapped_column(String(12), index=True)
    round: Mapped[int]
    at: Mapped[datetime] = mapped_column(UtcTime)
    by: Mapped[str] = mapped_column(String(80))


class DecisionRow(Table):
    """What the gate or the watch said."""

    __tablename__ = "decisions"
    number: Mapped[int] = mapped_column(primary_key=True)
    round: Mapped[int] = mapped_column(index=True)
    kind: Mapped[str] = mapped_column(String(10))
    version: Mapped[str] = mapped_column(String(80))
    against: Mapped[str] = mapped_column(String(80))
    judgement: Mapped[str] = mapped_column(String(12))
    reason: Mapped[str] = mapped_column(Text)
    figures: Mapped[dict[str, Any]] = mapped_column(JSON)
    at: Mapped[datetime] = mapped_column(UtcTime)


class RetirementRow(Table):
    """An item that holds no more."""

    __tablename__ = "retirements"
    item: Mapped[str] = mapped_column(String(100), primary_key=True)
    reason: Mapped[str] = mapped_column(Text)
    by: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime] = mapped_column(UtcTime)


class PolicyTextRow(Table):
    """The rules as they stood from this moment on."""

    __tablename__ = "policy_texts"
    number: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UtcTime)


class TrainingWindowRow(Table):
    """A time in which the service gives its memory to a training."""

    __tablename__ = "training_windows"
    number: Mapped[int] = mapped_column(primary_key=True)
    round: Mapped[int]
    worker: Mapped[str] = mapped_column(String(120))
    asked: Mapped[datetime] = mapped_column(UtcTime)
    lease: Mapped[datetime] = mapped_column(UtcTime)
    granted: Mapped[datetime | None] = mapped_column(UtcTime)
    closed: Mapped[datetime | None] = mapped_column(UtcTime)

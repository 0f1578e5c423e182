"""What left this machine. Implements `endcloud.protocols.Ledger`.

Two rows an upload, both appended: *sent* before the first byte leaves, *settled* when it ended. A message
that is part of many uploads, such as a prompt of 500 pairs, is kept once, by its digest.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from uuid import uuid4

from sqlalchemy import Connection, func, insert, select, update

from endcloud.protocols import UploadSum
from endcloud.store.database import Database, insert_once, now
from endcloud.store.tables import PayloadRow, UploadPartRow, UploadRow
from endcloud.types import MaskedRequest, Message, Tokens

_WELL = ("stop", "length")


@dataclass(frozen=True, slots=True)
class Upload:
    """One row of the ledger's list."""

    id: str
    at: datetime
    purpose: str
    conversation: str
    model: str
    host: str
    masked: dict[str, int]
    digest: str
    size: int


class StoredLedger:
    """The ledger of one shop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: set[str] = set()

    def sent(self, request: MaskedRequest, model: str, host: str, payload: str) -> str:
        """Records that `payload` is about to leave for `host`; returns the upload's id."""
        upload = uuid4().hex
        row = {
            "upload": upload,
            "event": "sent",
            "at": now(),
            "purpose": request.purpose,
            "conversation": request.conversation,
            "model": model,
            "host": host,
            "detector": request.detector,
            "masked": dict(request.masked),
            "digest": sha256(payload.encode()).hexdigest(),
            "size": len(payload.encode()),
        }
        digests = [_digest(message) for message in request.messages]
        new = {
            digest: {"digest": digest, "role": message.role, "content": message.content}
            for digest, message in zip(digests, request.messages, strict=True)
            if digest not in self._kept or message.role != "system"
        }
        parts = [{"upload": upload, "position": at, "payload": digest} for at, digest in enumerate(digests)]

        def send(connection: Connection) -> None:
            connection.execute(insert(UploadRow), row)
            if new:
                connection.execute(
                    insert_once(connection, PayloadRow),  # another process may have kept the same message meanwhile
                    list(new.values()),
                )
                for one in new.values():  # erased with a customer, it is kept again now that it leaves again
                    erased = (PayloadRow.digest == one["digest"]) & (PayloadRow.content == "")
                    connection.execute(update(PayloadRow).where(erased).values(content=one["content"]))
            connection.execute(insert(UploadPartRow), parts)

        self._database.write(send)
        self._kept.update(new)
        return upload

    def settled(self, upload: str, outcome: str, tokens: Tokens) -> None:
        """Records how an upload ended."""
        row = {
            "upload": upload,
            "event": "settled",
            "at": now(),
            "outcome": outcome,
            "prompt_tokens": tokens.prompt,
            "completion_tokens": tokens.completion,
            "cached_tokens": tokens.cached,
        }
        self._database.write(lambda connection: connection.execute(insert(UploadRow), row))

    def count(self) -> int:
        """How many uploads there were."""
        with self._database.reading() as connection:
            return connection.scalar(select(func.count()).where(UploadRow.event == "sent")) or 0

    def holding(self, text: str) -> int:
        """How many uploads had `text` in one of their messages, as it left."""
        chosen = (
            select(func.count(UploadPartRow.upload.distinct()))
            .join(PayloadRow, UploadPartRow.payload == PayloadRow.digest)
            .where(PayloadRow.content.contains(text, autoescape=True))
        )
        with self._database.reading() as connection:
            return connection.scalar(chosen) or 0

    def uploads(self, limit: int = 100) -> list[Upload]:
        """The newest uploads, newest first."""
        chosen = select(UploadRow.__table__).where(UploadRow.event == "sent").order_by(UploadRow.id.desc()).limit(limit)
        with self._database.reading() as connection:
            return [
                Upload(
                    row.upload,
                    row.at,
                    row.purpose,
                    row.conversation,
                    row.model,
                    row.host,
                    row.masked,
                    row.digest,
                    row.size,
                )
                for row in connection.execute(chosen)
            ]

    def sums(self, since: datetime) -> list[UploadSum]:
        """What left from `since` on, by host and purpose, the largest first."""
        ended = select(UploadRow.upload, UploadRow.outcome).where(UploadRow.event == "settled").subquery()
        chosen = (
            select(UploadRow.host, UploadRow.purpose, UploadRow.size, UploadRow.masked, ended.c.outcome)
            .outerjoin(ended, ended.c.upload == UploadRow.upload)
            .where(UploadRow.event == "sent", UploadRow.at >= since.astimezone(UTC))
        )
        sums: dict[tuple[str, str], UploadSum] = {}
        with self._database.reading() as connection:
            for row in connection.execute(chosen):
                known = sums.get((row.host, row.purpose), UploadSum(row.host, row.purpose, 0, 0, 0, 0))
                sums[row.host, row.purpose] = UploadSum(
                    row.host,
                    row.purpose,
                    known.uploads + 1,
                    known.size + row.size,
                    known.masked + sum(row.masked.values()),
                    known.failed + (row.outcome not in (*_WELL, None)),
                )
        return sorted(sums.values(), key=lambda one: -one.uploads)

    def messages(self, upload: str) -> list[Message]:
        """Exactly what left in this upload."""
        chosen = (
            select(PayloadRow.role, PayloadRow.content)
            .join(UploadPartRow, UploadPartRow.payload == PayloadRow.digest)
            .where(UploadPartRow.upload == upload)
            .order_by(UploadPartRow.position)
        )
        with self._database.reading() as connection:
            return [Message(row.role, row.content) for row in connection.execute(chosen)]


def _digest(message: Message) -> str:
    return sha256(f"{message.role}\0{message.content}".encode()).hexdigest()

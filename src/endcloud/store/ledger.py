"""What left this machine. Implements `endcloud.protocols.Ledger`.

Two rows an upload, both appended: *sent* before the first byte leaves, *settled* when it ended. A message
that is part of many uploads, such as a prompt of 500 pairs, is kept once, by its digest.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from uuid import uuid4

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from endcloud.store.database import Database, now
from endcloud.store.tables import PayloadRow, UploadPartRow, UploadRow
from endcloud.types import MaskedRequest, Message, Tokens


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
        row = UploadRow(
            upload=upload,
            event="sent",
            at=now(),
            purpose=request.purpose,
            conversation=request.conversation,
            model=model,
            host=host,
            detector=request.detector,
            masked=dict(request.masked),
            digest=sha256(payload.encode()).hexdigest(),
            size=len(payload.encode()),
        )
        with self._database.writing() as session:
            session.add(row)
            digests = [self._keep(session, message) for message in request.messages]
            session.flush()
            session.add_all(
                UploadPartRow(upload=upload, position=position, payload=digest)
                for position, digest in enumerate(digests)
            )
        self._kept.update(digests)
        return upload

    def settled(self, upload: str, outcome: str, tokens: Tokens) -> None:
        """Records how an upload ended."""
        with self._database.writing() as session:
            session.add(
                UploadRow(
                    upload=upload,
                    event="settled",
                    at=now(),
                    outcome=outcome,
                    prompt_tokens=tokens.prompt,
                    completion_tokens=tokens.completion,
                    cached_tokens=tokens.cached,
                )
            )

    def count(self) -> int:
        """How many uploads there were."""
        with self._database.reading() as session:
            return session.scalar(select(func.count()).where(UploadRow.event == "sent")) or 0

    def uploads(self, limit: int = 100) -> list[Upload]:
        """The newest uploads, newest first."""
        chosen = select(UploadRow).where(UploadRow.event == "sent").order_by(UploadRow.id.desc()).limit(limit)
        with self._database.reading() as session:
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
                for row in session.scalars(chosen)
            ]

    def messages(self, upload: str) -> list[Message]:
        """Exactly what left in this upload."""
        chosen = (
            select(PayloadRow)
            .join(UploadPartRow, UploadPartRow.payload == PayloadRow.digest)
            .where(UploadPartRow.upload == upload)
            .order_by(UploadPartRow.position)
        )
        with self._database.reading() as session:
            return [Message(row.role, row.content) for row in session.scalars(chosen)]

    def _keep(self, session: Session, message: Message) -> str:
        digest = sha256(f"{message.role}\0{message.content}".encode()).hexdigest()
        if digest not in self._kept and session.get(PayloadRow, digest) is None:
            session.add(PayloadRow(digest=digest, role=message.role, content=message.content))
        return digest

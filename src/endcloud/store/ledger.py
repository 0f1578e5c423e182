"""What left this machine. Implements `endcloud.protocols.Ledger`.

Two rows an upload, both appended: *sent* before the first byte leaves, *settled* when it ended. A row *forgotten* is
the proof that a person's words were erased. All rows are one hash chain (`ledger_chain`), whose head is kept outside
the database too (`ledger_head`). A message that is part of many uploads, such as a prompt of 500 pairs, is kept once,
by its digest, in a table of its own: erasing it leaves the chain whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from math import inf
from time import monotonic
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Row, func, insert, select, update

from endcloud.errors import EndcloudError, NotFoundError
from endcloud.protocols import UploadSum
from endcloud.store.database import Database, insert_once, now
from endcloud.store.ledger_chain import Link, append, chained, end_of
from endcloud.store.ledger_head import HeadFile
from endcloud.store.tables import LedgerHeadRow, PayloadRow, UploadPartRow, UploadRow
from endcloud.types import MaskedRequest, Message, Tokens

WELL = ("stop", "length")
"""The outcomes of an upload that was answered."""

_TRUSTED_SECONDS = 3600.0
"""How long a prompt that was kept is taken to be there: no retention time is so short that it is erased before."""
_SHORTEST_ID = 10  # a name of digits alone is a row's number below this length
_AT_ONCE = 500
Pricing = Callable[[str, Tokens], float | None]


@dataclass(frozen=True, slots=True)
class Upload:
    """One upload as the ledger's list shows it: what was sent, and how it ended.

    `number` is that of its row *sent*. `outcome` is empty while it is under way, and for good where the process was
    killed; `price` is None where nobody said what it cost.
    """

    id: str
    number: int
    at: datetime
    purpose: str
    conversation: str
    model: str
    host: str
    masked: dict[str, int]
    digest: str
    size: int
    outcome: str
    tokens: Tokens
    price: float | None


@dataclass(frozen=True, slots=True)
class Proof:
    """That a person's words were erased: `subject` is a keyed hash of their id, `versions` had learned from them."""

    number: int
    at: datetime
    subject: str
    erased: dict[str, int]
    versions: tuple[str, ...]


class StoredLedger:
    """The ledger of one shop."""

    def __init__(self, database: Database, outside: HeadFile | None = None, pricing: Pricing | None = None) -> None:
        """`outside` is where the head is kept beside the database; `pricing` says what some tokens of a model cost."""
        self._database = database
        self._outside = outside
        self._pricing = pricing
        self._kept: dict[str, float] = {}
        if outside is not None:
            self._begin(outside)

    def sent(self, request: MaskedRequest, model: str, host: str, payload: str) -> str:
        """Records that `payload` is about to leave for `host`; returns the upload's id.

        Raises EndcloudError where that cannot be recorded, on disk and with its head; nothing may be sent then.
        """
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
        digests = [digest_of(message) for message in request.messages]
        trusted = monotonic() - _TRUSTED_SECONDS
        new = {
            digest: {"digest": digest, "role": message.role, "content": message.content}
            for digest, message in zip(digests, request.messages, strict=True)
            if message.role != "system" or self._kept.get(digest, -inf) < trusted
        }
        parts = [{"upload": upload, "position": at, "payload": digest} for at, digest in enumerate(digests)]

        def send(connection: Connection) -> Link:
            _refuse_what_cannot_be_kept(connection, request.messages)
            if new:
                _keep(connection, list(new.values()))
            connection.execute(insert(UploadPartRow), parts)
            return append(connection, row)

        self._append(send)
        self._kept.update(dict.fromkeys(new, monotonic()))
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

        def settle(connection: Connection) -> Link:
            return append(connection, row | {"price": self._price(connection, upload, tokens)})

        self._append(settle)

    def forgotten(self, subject: str, erased: Mapping[str, int], versions: Sequence[str]) -> None:
        """Records the proof that a person's words were erased, after they were.

        `subject` is a keyed hash of the customer's id, never the id; `erased` counts what went by kind; `versions` are
        the digests of the adapter versions that had learned from it.
        """
        proof = {"subject": subject, "erased": dict(erased), "versions": list(versions)}
        row = {"upload": uuid4().hex, "event": "forgotten", "at": now(), "proof": proof}
        self._append(lambda connection: append(connection, row))

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

    def uploads(self, limit: int = 100, *, before: int = 0, purpose: str = "", conversation: str = "") -> list[Upload]:
        """The newest uploads, newest first; those of rows before the number `before`, where it is given."""
        chosen = select(UploadRow.__table__).where(UploadRow.event == "sent").order_by(UploadRow.id.desc()).limit(limit)
        if before:
            chosen = chosen.where(UploadRow.id < before)
        if purpose:
            chosen = chosen.where(UploadRow.purpose == purpose)
        if conversation:
            chosen = chosen.where(UploadRow.conversation == conversation)
        with self._database.reading() as connection:
            return _with_their_ends(connection, connection.execute(chosen).all())

    def upload(self, name: str) -> Upload:
        """The upload of this id, an unambiguous beginning of one, or the number of one of its rows.

        Raises NotFoundError where there is none, or several.
        """
        chosen = (
            select(UploadRow.upload)
            .distinct()
            .where(
                UploadRow.event != "forgotten",
                UploadRow.id == int(name)
                if name.isascii() and name.isdigit() and len(name) < _SHORTEST_ID
                else UploadRow.upload.startswith(name, autoescape=True),
            )
        )
        with self._database.reading() as connection:
            found = connection.scalars(chosen.limit(2)).all()
            if len(found) != 1:
                what = "is the beginning of several uploads" if found else "is no upload of this shop"
                raise NotFoundError(f"{name!r} {what}; `endcloud ledger list` shows them.")
            sent = select(UploadRow.__table__).where(UploadRow.event == "sent", UploadRow.upload == found[0])
            return _with_their_ends(connection, connection.execute(sent).all())[0]

    def proofs(self) -> list[Proof]:
        """The proofs that somebody's words were erased, newest first."""
        chosen = select(UploadRow.id, UploadRow.at, UploadRow.proof).where(UploadRow.event == "forgotten")
        with self._database.reading() as connection:
            return [
                Proof(row.id, row.at, row.proof["subject"], row.proof["erased"], tuple(row.proof["versions"]))
                for row in connection.execute(chosen.order_by(UploadRow.id.desc()))
            ]

    def rows(self) -> Iterator[dict[str, Any]]:
        """Every row as it is chained, oldest first, as plain JSON values; columns at their empty value are left out."""
        with self._database.reading() as connection:
            chosen = select(UploadRow.__table__).order_by(UploadRow.id).execution_options(yield_per=_AT_ONCE)
            for row in connection.execute(chosen).mappings():
                yield chained(dict(row)) | {"chain": row["chain"]}

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
                    known.failed + (row.outcome not in (*WELL, None)),
                )
        return sorted(sums.values(), key=lambda one: -one.uploads)

    def messages(self, upload: str) -> list[Message]:
        """Exactly what left in this upload; a message that was erased with a customer is empty."""
        chosen = (
            select(PayloadRow.role, PayloadRow.content)
            .join(UploadPartRow, UploadPartRow.payload == PayloadRow.digest)
            .where(UploadPartRow.upload == upload)
            .order_by(UploadPartRow.position)
        )
        with self._database.reading() as connection:
            return [Message(row.role, row.content) for row in connection.execute(chosen)]

    def erased(self, upload: str) -> frozenset[int]:
        """The positions of the messages of this upload that were erased with a customer."""
        chosen = (
            select(UploadPartRow.position, PayloadRow.role, PayloadRow.digest)
            .join(UploadPartRow, UploadPartRow.payload == PayloadRow.digest)
            .where(UploadPartRow.upload == upload, PayloadRow.content == "")
        )
        with self._database.reading() as connection:
            rows = connection.execute(chosen).all()
        return frozenset(row.position for row in rows if digest_of(Message(row.role, "")) != row.digest)

    def _append(self, work: Callable[[Connection], Link]) -> None:
        link = self._database.write(work)
        if self._outside is not None:
            self._outside.advance(link, self._digest_at)

    def _begin(self, outside: HeadFile) -> None:
        """The first head, before the first row: from then on a head that is missing was taken away."""
        if outside.path.exists():
            return
        with self._database.reading() as connection:
            begun, head = connection.scalar(select(LedgerHeadRow.begun)), end_of(connection)
        if begun == head.count:
            outside.begin(head)

    def _digest_at(self, number: int) -> str | None:
        with self._database.reading() as connection:
            return "" if number == 0 else connection.scalar(select(UploadRow.chain).where(UploadRow.id == number))

    def _price(self, connection: Connection, upload: str, tokens: Tokens) -> float | None:
        """None where the provider told no tokens, or the model has no price."""
        if self._pricing is None or tokens == Tokens():
            return None
        sent = (UploadRow.upload == upload) & (UploadRow.event == "sent")
        model = connection.scalar(select(UploadRow.model).where(sent))
        return None if model is None else self._pricing(model, tokens)


def digest_of(message: Message) -> str:
    """The name under which a message that left is kept: the digest of role and content."""
    return sha256(f"{message.role}\0{message.content}".encode()).hexdigest()


def _keep(connection: Connection, messages: list[dict[str, str]]) -> None:
    """Keeps messages, each once. One that was erased with a customer is kept again, now that it leaves again."""
    kept = connection.execute(insert_once(connection, PayloadRow), messages)
    if kept.rowcount == len(messages):
        return  # none of them was there, not even erased
    for one in messages:
        erased = (PayloadRow.digest == one["digest"]) & (PayloadRow.content == "")
        connection.execute(update(PayloadRow).where(erased).values(content=one["content"]))


def _with_their_ends(connection: Connection, sent: Sequence[Row[Any]]) -> list[Upload]:
    chosen = select(UploadRow.__table__).where(UploadRow.event == "settled")
    ends: dict[str, Row[Any]] = {}
    for at in range(0, len(sent), _AT_ONCE):
        some = [row.upload for row in sent[at : at + _AT_ONCE]]
        ends |= {row.upload: row for row in connection.execute(chosen.where(UploadRow.upload.in_(some)))}
    return [_upload(row, ends.get(row.upload)) for row in sent]


def _upload(sent: Row[Any], end: Row[Any] | None) -> Upload:
    return Upload(
        id=sent.upload,
        number=sent.id,
        at=sent.at,
        purpose=sent.purpose,
        conversation=sent.conversation,
        model=sent.model,
        host=sent.host,
        masked=sent.masked,
        digest=sent.digest,
        size=sent.size,
        outcome="" if end is None else end.outcome,
        tokens=Tokens() if end is None else Tokens(end.prompt_tokens, end.completion_tokens, end.cached_tokens),
        price=None if end is None else end.price,
    )


def _refuse_what_cannot_be_kept(connection: Connection, messages: Sequence[Message]) -> None:
    """PostgreSQL keeps no NUL in a text: what left could not be shown as it was."""
    if connection.dialect.name == "postgresql" and any("\0" in message.content for message in messages):
        raise EndcloudError(
            "Nothing was sent: a message holds the character NUL, which PostgreSQL cannot keep, so the ledger could "
            "not show what left. Take it out of the text."
        )

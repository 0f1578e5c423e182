"""Keys to the service: made once, shown once, kept as hashes; and the logins by them that were ended.

A key is a long random word, so that a plain SHA-256 of it is as good as any slow hash: there is nothing to guess.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast, get_args

from sqlalchemy import Connection, delete, insert, select, update

from endcloud.errors import NotFoundError, UsageError
from endcloud.store.conversation_tables import EndedLoginRow, KeyRow
from endcloud.store.database import Database, insert_once, now

Role = Literal["service", "customer", "agent", "reviewer", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
_LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class Key:
    """What is known of a key; the key itself is not."""

    name: str
    role: Role
    at: datetime
    revoked: datetime | None = None


class StoredKeys:
    """The keys of one shop."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def make(self, name: str, role: str) -> str:
        """A new key; this is the only time it can be seen.

        Raises UsageError for no such role, and for a name that is known, blank, too long or holds a control character.
        """
        if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
            raise UsageError(f"A key cannot be named {name!r}; name it in 1 to {_LONGEST_NAME} printable characters.")
        if role not in ROLES:
            raise UsageError(f"The role {role!r} does not exist; use one of {', '.join(ROLES)}.")
        key = f"ec_{role}_{secrets.token_urlsafe(32)}"

        def enter(connection: Connection) -> None:
            if connection.scalar(select(KeyRow.name).where(KeyRow.name == name)) is not None:
                raise UsageError(f"A key named {name!r} exists already; revoke it by name or choose another name.")
            connection.execute(insert(KeyRow), {"hash": _hash(key), "name": name, "role": role, "at": now()})

        self._database.write(enter)
        return key

    def find(self, key: str) -> Key | None:
        """Whose key this is; None for an unknown or revoked one. Every known hash is compared in constant time."""
        asked, found = _hash(key), None
        for row in self._rows():
            if hmac.compare_digest(row[0], asked) and row[1].revoked is None:
                found = row[1]
        return found

    def of_login(self, name: str, login: str) -> Key | None:
        """The key that a login was made with; None where it was revoked since, or the login was ended."""
        with self._database.reading() as connection:
            row = connection.execute(
                select(KeyRow.__table__).where(KeyRow.name == name, KeyRow.revoked.is_(None))
            ).first()
            if connection.scalar(select(EndedLoginRow.login).where(EndedLoginRow.login == login)) is not None:
                return None
        return None if row is None else Key(row.name, cast("Role", row.role), row.at)

    def end_login(self, login: str, until: datetime) -> None:
        """From now on the login opens nothing. `until` is when its cookie would have ended by itself."""

        def enter(connection: Connection) -> None:
            connection.execute(delete(EndedLoginRow).where(EndedLoginRow.until < now()))
            connection.execute(insert_once(connection, EndedLoginRow), {"login": login, "until": until})

        self._database.write(enter)

    def all(self) -> list[Key]:
        """All keys ever made, oldest first."""
        return [key for _, key in self._rows()]

    def revoke(self, name: str) -> None:
        """From now on the key opens nothing. Raises NotFoundError where there is none of this name."""

        def enter(connection: Connection) -> int:
            changed = update(KeyRow).where(KeyRow.name == name, KeyRow.revoked.is_(None)).values(revoked=now())
            return int(connection.execute(changed).rowcount)

        if not self._database.write(enter):
            raise NotFoundError(f"There is no key named {name!r} in force; `endcloud keys list` shows them.")

    def _rows(self) -> list[tuple[str, Key]]:
        with self._database.reading() as connection:
            rows = connection.execute(select(KeyRow.__table__).order_by(KeyRow.at)).all()
        return [(row.hash, Key(row.name, cast("Role", row.role), row.at, row.revoked)) for row in rows]


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()

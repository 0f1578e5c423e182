"""Opens the store and brings its tables up to date.

SQLite: write-ahead log, `synchronous=FULL` (NORMAL can lose the last commits on a power cut), foreign keys
on, and every writing transaction begins with BEGIN IMMEDIATE, since a deferred one that turns into a writer
fails at once whatever the busy time-out.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from endcloud.errors import EndcloudError, SettingsError

BUSY_SECONDS = 30
_MIGRATIONS = Path(__file__).parent / "migrations"


class Database:
    """A store that is open. Reads and writes go through `reading` and `writing`."""

    def __init__(self, url: str) -> None:
        """Opens `url` (an SQLAlchemy URL) and migrates it; raises SettingsError where that cannot be done."""
        try:
            self.engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS} if _is_sqlite(url) else {})
            if _is_sqlite(url):
                _prepare_sqlite(self.engine)
            self._migrate()
        except (DBAPIError, ImportError, ValueError) as error:
            shown = url.split("@")[-1]
            raise SettingsError(
                f"The store at {shown!r} cannot be opened: {error}. Check the setting store.url."
            ) from error

    def _migrate(self) -> None:
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS))
        # One process migrates at a time; the others find the work done.
        with self.engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_lock(70711)"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that only reads."""
        with Session(self.engine) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A transaction that writes: committed as a whole at the end, or not at all."""
        try:
            with Session(self.engine.execution_options(writing=True)) as session, session.begin():
                yield session
        except DBAPIError as error:
            raise EndcloudError(f"The store refused a write and nothing was changed: {error.orig}.") from error

    def close(self) -> None:
        """Gives all connections back."""
        self.engine.dispose()


def sqlite_url(path: Path) -> str:
    """The URL of the store in a shop's directory."""
    return f"sqlite:///{path}"


def now() -> datetime:
    """The time as rows keep it."""
    return datetime.now(UTC)


def _is_sqlite(url: str) -> bool:
    return url.startswith("sqlite")


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def configure(connection: SqliteConnection, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, see below
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writing = connection.get_execution_options().get("writing", True)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

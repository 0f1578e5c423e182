"""Opens the store, brings its tables up to date, and writes to it from one thread.

Writes that come while another is being committed are committed together, each in a savepoint of its own: waiting
for the disk, not computing, is what a write costs, and eight callers then wait once instead of eight times. A
write is acknowledged after its commit and not before.

SQLite: write-ahead log, `synchronous=FULL` (NORMAL can lose the last commits on a power cut), foreign keys
on, and every writing transaction begins with BEGIN IMMEDIATE, since a deferred one that turns into a writer
fails at once whatever the busy time-out.

PostgreSQL: a group of writes begins by taking one advisory lock, so that there too one process writes at a time and
what a write reads holds until it has committed; everything else behaves as on SQLite, and is tested by the same tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue
from sqlite3 import Connection as SqliteConnection
from sqlite3 import OperationalError
from threading import Thread
from time import monotonic, sleep
from typing import Any, Generic, TypeVar, cast

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Insert, create_engine, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase

from endcloud.errors import EndcloudError, SettingsError

BUSY_SECONDS = 30
Result = TypeVar("Result")
_GROUP = 64  # writes in one commit at most, so that none waits long for its neighbours
_MIGRATIONS = Path(__file__).parent / "migrations"
_MIGRATING, _WRITING = 70711, 70712
"""Advisory locks on PostgreSQL, held to the end of a transaction."""


class Database:
    """A store that is open. `reading` gives a connection to look with; `write` commits."""

    def __init__(self, url: str, password: str = "") -> None:
        """Opens `url` (an SQLAlchemy URL) and migrates it; raises SettingsError where that cannot be done.

        `password` belongs to the URL and is never shown. A store that a newer endcloud has migrated is refused.
        """
        shown = url.split("@")[-1]
        try:
            parsed = make_url(url)
            shown = parsed.set(password=None).render_as_string()
            if parsed.password:
                raise SettingsError(
                    f"The setting store.url ({shown!r}) holds a password, where others may read it; take it out, and "
                    "put it into the environment variable that store.password_variable names."
                )
            self.engine = create_engine(parsed.set(password=password) if password else parsed, **_connecting(parsed))
            _PREPARE.get(self.engine.dialect.name, _leave_as_it_is)(self.engine)
            self._migrate(shown)
        except (SQLAlchemyError, ImportError, ValueError) as error:
            raise SettingsError(
                f"The store at {shown!r} cannot be opened: {_reason(error)}. Check the setting store.url."
            ) from error
        self._jobs: SimpleQueue[_Job[Any] | None] = SimpleQueue()
        self._writer = Thread(target=self._work, name="store writer", daemon=True)
        self._writer.start()

    def _migrate(self, shown: str) -> None:
        """Brings the tables up to date; one process at a time, the others find the work done."""
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS))
        with self.engine.connect() as connection:
            _lock(connection, _MIGRATING)
            known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
            newer = set(MigrationContext.configure(connection).get_current_heads()) - known
            if newer:
                raise SettingsError(
                    f"The store at {shown!r} was migrated by a newer endcloud (to {max(newer)!r}; this one knows "
                    f"{max(known)!r} at most); run `pip install --upgrade endcloud`, or go back to a backup."
                )
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that only reads."""
        with self.engine.connect().execution_options(writing=False) as connection:
            yield connection

    def write(self, work: Callable[[Connection], Result]) -> Result:
        """Runs `work` in a transaction and returns its result once that is committed.

        What `work` raises is raised here and undoes its own changes only. Raises EndcloudError where the store
        refuses.
        """
        job = _Job(work, Future[Result]())
        self._jobs.put(job)
        try:
            return job.done.result()
        except DBAPIError as error:
            raise EndcloudError(
                f"The store refused a write and nothing was changed ({type(error.orig).__name__})."
            ) from error

    def scrub(self) -> None:
        """Sees that what was erased is in none of the store's files any more; call it after an erasure.

        SQLite overwrites what it deletes, but its write-ahead log still holds the pages as they were: they are written
        back, and the log is emptied, as soon as nobody reads from it. PostgreSQL's files are its own server's matter.
        """
        if self.engine.dialect.name != "sqlite":
            return
        connection = self.engine.raw_connection()
        try:
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            connection.close()

    def close(self) -> None:
        """Waits for the writes under way and gives all connections back."""
        self._jobs.put(None)
        self._writer.join()
        self.engine.dispose()

    def _work(self) -> None:
        """The writer's thread: takes all jobs that wait, commits them together, tells each how it went."""
        while (job := self._jobs.get()) is not None:
            group, last = [job], False
            while not self._jobs.empty() and len(group) < _GROUP:
                following = self._jobs.get()
                if following is None:
                    last = True
                    break
                group.append(following)
            self._commit(group)
            if last:
                return

    def _commit(self, group: Sequence[_Job[Any]]) -> None:
        try:
            with self.engine.begin() as connection:
                _lock(connection, _WRITING)
                for job in group:
                    job.run(connection)
        except Exception as error:
            for job in group:
                job.fail(error)
            return
        for job in group:
            job.acknowledge()


@dataclass(slots=True)
class _Job(Generic[Result]):
    """A piece of work for the writer, and what came of it."""

    work: Callable[[Connection], Result]
    done: Future[Result]
    _result: Result | None = None
    _error: Exception | None = None

    def run(self, connection: Connection) -> None:
        try:
            with connection.begin_nested():
                self._result = self.work(connection)
        except Exception as error:
            self._error = error

    def fail(self, error: Exception) -> None:
        self.done.set_exception(self._error or error)

    def acknowledge(self) -> None:
        if self._error is not None:
            self.done.set_exception(self._error)
        else:
            self.done.set_result(cast("Result", self._result))


def insert_once(connection: Connection, table: type[DeclarativeBase]) -> Insert:
    """An insert that leaves a row alone that is there already; the `rowcount` of its result says which it was."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing().execution_options(preserve_rowcount=True)
    return postgresql.insert(table).on_conflict_do_nothing().execution_options(preserve_rowcount=True)


def sqlite_url(path: Path) -> str:
    """The URL of the store in a shop's directory."""
    return f"sqlite:///{path}"


def now() -> datetime:
    """The time as rows keep it."""
    return datetime.now(UTC)


def _lock(connection: Connection, number: int) -> None:
    """Waits until no other transaction holds this lock; on SQLite the transaction itself has locked the file."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})


def _connecting(url: URL) -> dict[str, Any]:
    """How long a connection waits for another process that writes, and what else a kind of store is told."""
    if url.get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": BUSY_SECONDS}}
    return {"connect_args": {"options": f"-c lock_timeout={BUSY_SECONDS}s"}, "pool_pre_ping": True, "pool_size": 16}


def _reason(error: Exception) -> str:
    """What the driver says, on one line and without SQLAlchemy's link to its manual."""
    told = error.orig if isinstance(error, DBAPIError) else error
    return " ".join(str(told).split()).rstrip(".")


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def configure(connection: SqliteConnection, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, see below
        _into_wal(connection)
        for pragma in ("synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):  # what is erased is overwritten
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writing = connection.get_execution_options().get("writing", True)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _into_wal(connection: SqliteConnection) -> None:
    """Puts a file into write-ahead mode, however many open it at once.

    The change needs the file alone, and SQLite does not wait for that: the busy time-out, which holds for everything
    else, is passed over when another connection is just changing it too. So the waiting is done here.
    """
    until = monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except OperationalError as error:
            if "locked" not in str(error) or monotonic() > until:
                raise
            sleep(0.02)


def _prepare_postgresql(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        from psycopg.types.string import StrDumperUnknown  # comes with the extra `postgresql`

        class WithoutNul(StrDumperUnknown):
            """PostgreSQL cannot keep the sign NUL, which no text of a person holds."""

            def dump(self, obj: str) -> bytes:
                return bytes(super().dump(obj.replace("\0", "")) or b"")

        connection.adapters.register_dumper(str, WithoutNul)


def _leave_as_it_is(engine: Engine) -> None:
    """A kind of store that needs nothing told."""


_PREPARE = {"sqlite": _prepare_sqlite, "postgresql": _prepare_postgresql}

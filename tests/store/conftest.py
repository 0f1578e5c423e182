"""Every test of the store runs twice: on an SQLite file and on a real PostgreSQL server.

Where PostgreSQL is not installed, its half is skipped by name and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from postgresql_server import ABSENT, PASSWORD, PostgreSQL, postgresql, programs

from endcloud.store.database import Database, sqlite_url

Opens = Callable[[], Database]


@pytest.fixture(scope="session")
def server() -> Iterator[PostgreSQL]:
    where = programs()
    if where is None:
        pytest.skip(ABSENT)
    with postgresql(where) as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty store is."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "store.db")
    server: PostgreSQL = request.getfixturevalue("server")
    return server.fresh()


@pytest.fixture
def opens(url: str) -> Iterator[Opens]:
    """Opens the test's store; each time as another process would."""
    with ExitStack() as held:

        def opened() -> Database:
            database = Database(url, PASSWORD if url.startswith("postgresql") else "")
            held.callback(database.close)
            return database

        yield opened


@pytest.fixture
def database(opens: Opens) -> Database:
    return opens()

"""A real PostgreSQL server for tests: in a folder of its own, on a socket of its own, with a password."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg

PASSWORD = "p@ss:wort/?"
ABSENT = "PostgreSQL is not installed here (Debian's package is `postgresql`), so nothing is tested on it."


@dataclass
class PostgreSQL:
    """A running server. Every test gets an empty database."""

    folder: Path
    _numbers: Iterator[int]

    def fresh(self) -> str:
        """The URL of a new, empty database, without the password."""
        name = f"shop{next(self._numbers)}"
        with psycopg.connect(host=str(self.folder), user="owner", password=PASSWORD, dbname="postgres") as connection:
            connection.autocommit = True
            connection.execute(f"CREATE DATABASE {name}".encode())
        return f"postgresql+psycopg://owner@/{name}?host={self.folder}"


def programs() -> Path | None:
    """Where initdb and pg_ctl are; Debian keeps them out of the path."""
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "initdb").exists() and (place / "pg_ctl").exists()), None)


@contextmanager
def postgresql(where: Path) -> Iterator[PostgreSQL]:
    """Starts a server with the programs in `where`; PostgreSQL refuses root, so root becomes the user postgres."""
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="endcloud-pg-"))  # a short path: a socket's name has at most 107 letters
    secret = folder / "secret"
    secret.write_text(PASSWORD)
    if user:
        for path in (folder, secret):
            shutil.chown(path, user)
    data, log = folder / "data", folder / "log"

    def call(*command: str | Path) -> None:
        subprocess.run(command, user=user, check=True, cwd=folder, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)

    call(where / "initdb", "-D", data, "-U", "owner", "-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "-N")
    options = f"-c listen_addresses='' -k {folder} -c timezone=Asia/Shanghai -c fsync=off -c max_connections=60"
    try:
        call(where / "pg_ctl", "-D", data, "-l", log, "-w", "-o", options, "start")
        yield PostgreSQL(folder, count())
    finally:
        if (data / "postmaster.pid").exists():
            call(where / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder, ignore_errors=True)

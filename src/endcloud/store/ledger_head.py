"""The head of the ledger, kept outside the database: how many rows there are, and the digest of the last.

Who can write to the database can cut off its end and mend what the database says of itself, but the file then still
says how many rows there were. It is replaced whole after every commit; a crash between the two leaves rows beyond the
head, which is no error. A head that the ledger does not continue is left as it is, for `endcloud ledger verify` to
show: nothing that is written later covers it up.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from threading import Lock

from filelock import FileLock

from endcloud.errors import EndcloudError
from endcloud.store.ledger_chain import Head

_WAIT = 0.002  # seconds between two looks at a lock that another process holds for about a millisecond
DigestAt = Callable[[int], str | None]


class HeadFile:
    """The file with the head; several threads and processes may bring it forward."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writing, self._noting = Lock(), Lock()
        self._newest = self._written = Head()

    def read(self) -> Head | None:
        """The head as it was kept last, None where there is no file; raises EndcloudError for a damaged one."""
        try:
            found = json.loads(self.path.read_text("utf-8"))
            return Head(int(found["count"]), str(found["digest"]))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise EndcloudError(
                f"The head of the ledger, {str(self.path)!r}, cannot be read ({type(error).__name__}); put back the "
                "copy of a backup (an older one will do)."
            ) from error

    def begin(self, head: Head) -> None:
        """Writes the first head of a ledger; one that is there stays."""
        with self._writing, self._across_processes():
            if not self.path.exists():
                self._replace(head)

    def advance(self, head: Head, digest_at: DigestAt) -> None:
        """Brings the file forward to `head`, or to a later one that is waiting too.

        `digest_at` gives the digest of a row of the ledger, "" of row 0: the file goes forward only where the ledger
        continues it. Raises EndcloudError where it cannot be written.
        """
        with self._noting:
            self._newest = max(self._newest, head, key=lambda one: one.count)
        with self._writing:
            if self._written.count >= head.count:
                return  # whoever had the file before has written for us too
            with self._across_processes():
                newest = self._newest
                if self._continued(newest, digest_at):
                    self._replace(newest)
                self._written = newest

    def _continued(self, newest: Head, digest_at: DigestAt) -> bool:
        try:
            known = self.read()
        except EndcloudError:
            return False
        if known is None or known.count >= newest.count:
            return False
        return known == self._written or digest_at(known.count) == known.digest

    def _across_processes(self) -> FileLock:
        locks = self.path.parent / "locks"
        locks.mkdir(mode=0o700, exist_ok=True)
        return FileLock(locks / "ledger.lock", poll_interval=_WAIT)

    def _replace(self, head: Head) -> None:
        unfinished = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        try:
            descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                json.dump({"count": head.count, "digest": head.digest}, file)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(self.path)
        except OSError as error:
            raise EndcloudError(
                f"The head of the ledger, {str(self.path)!r}, cannot be written: {error.strerror}."
            ) from error

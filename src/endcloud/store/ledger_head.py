"""The head of the ledger, kept outside the database: how many rows there are, and the digest of the last.

Who can write to the database can cut off its end and mend what the database says of itself, but the file then still
says how many rows there were. It is written after every commit, in one write of less than a disk's sector over what
was there: new or old, never half. It is not forced to the disk, which would double what a row costs; so a crash, or
the power, may leave rows beyond the head, and that is no error.

A head that the ledger does not continue is left as it is, for `endcloud ledger verify` to show: nothing that is written
later covers it up.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock

from endcloud.errors import EndcloudError
from endcloud.store.ledger_chain import Head, Link

_WIDTH = 128  # bytes: always as many, so that nothing of an older head is left behind a shorter one
DigestAt = Callable[[int], str | None]


class HeadFile:
    """The file with the head; several threads and processes may bring it forward."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writing, self._noting = Lock(), Lock()
        self._newest, self._written = Link(Head(), Head()), 0

    def read(self) -> Head | None:
        """The head as it was kept last, None where there is no file; raises EndcloudError for a damaged one."""
        try:
            return _parsed(self.path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise EndcloudError(
                f"The head of the ledger, {str(self.path)!r}, cannot be read ({type(error).__name__}); put back the "
                "copy of a backup (an older one will do)."
            ) from error

    def begin(self, head: Head) -> None:
        """Writes the first head of a ledger, whole or not at all; one that is there stays."""
        mine = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        try:
            descriptor = os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(_line(head))
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):
                os.link(mine, self.path)
            mine.unlink()
        except OSError as error:
            raise self._unwritable(error) from error

    def advance(self, link: Link, digest_at: DigestAt) -> None:
        """Brings the file forward to the head that `link` makes, or to a later one that is waiting too.

        The file goes forward only where the ledger continues it: where it says what was the head before, or what
        `digest_at` gives as the digest of the row (that of row 0 is empty). A file that is gone or damaged stays so.
        Raises EndcloudError where it cannot be written.
        """
        with self._noting:
            self._newest = max(self._newest, link, key=lambda one: one.head.count)
        with self._writing:
            if self._written >= link.head.count:
                return  # whoever had the file before has written for us too
            newest = self._newest
            try:
                with self._alone() as descriptor:
                    if _continues(newest, _read(descriptor), digest_at):
                        os.pwrite(descriptor, _line(newest.head), 0)
            except FileNotFoundError:
                return
            except OSError as error:
                raise self._unwritable(error) from error
            self._written = newest.head.count

    @contextmanager
    def _alone(self) -> Iterator[int]:
        """The file, opened, and locked against other processes until it is closed."""
        descriptor = os.open(self.path, os.O_RDWR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
        finally:
            os.close(descriptor)

    def _unwritable(self, error: OSError) -> EndcloudError:
        return EndcloudError(f"The head of the ledger, {str(self.path)!r}, cannot be written: {error.strerror}.")


def _continues(newest: Link, known: Head | None, digest_at: DigestAt) -> bool:
    if known is None or known.count >= newest.head.count:
        return False
    return known == newest.before or digest_at(known.count) == known.digest


def _line(head: Head) -> bytes:
    return json.dumps({"count": head.count, "digest": head.digest}).encode().ljust(_WIDTH - 1) + b"\n"


def _read(descriptor: int) -> Head | None:
    with suppress(ValueError, KeyError, TypeError):
        return _parsed(os.pread(descriptor, _WIDTH, 0))
    return None


def _parsed(line: bytes) -> Head:
    found = json.loads(line)
    return Head(int(found["count"]), str(found["digest"]))

"""A shop is a directory. This is what lies where in it, who may read it, and who may write.

    endcloud.toml  policies.md  catalogue.csv      the owner's words
    key                                            the secret that customers' ids are hashed with
    store.db                                       everything that happened
    ledger.head                                    how many uploads were recorded, and the digest of the last
    corpus/  versions/  results/  models/          examples, adapter versions, evaluations, what was trained here
    work/    locks/                                checkpoints of unfinished jobs; one lock for each writing job

The directory is made with mode 0700, the key with 0600: what customers wrote is in here.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from endcloud.errors import LockedError, UsageError

SETTINGS = "endcloud.toml"


class ShopDirectory:
    """The paths of one shop."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.settings = self.root / SETTINGS
        self.policies = self.root / "policies.md"
        self.catalogue = self.root / "catalogue.csv"
        self.database = self.root / "store.db"
        self.ledger_head = self.root / "ledger.head"
        self.corpus = self.root / "corpus"
        self.versions = self.root / "versions"
        self.results = self.root / "results"
        self.models = self.root / "models"
        self.work = self.root / "work"

    @classmethod
    def open(cls, root: Path) -> ShopDirectory:
        """The shop at `root`; raises UsageError where there is none."""
        shop = cls(root)
        if not shop.settings.is_file():
            raise UsageError(f"{str(root)!r} is not a shop (no {SETTINGS} in it); run `endcloud init {root}` first.")
        return shop

    def create(self) -> None:
        """Makes the directory and its key; what is there already stays."""
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.root.chmod(0o700)
        except OSError as error:
            raise UsageError(f"The directory {str(self.root)!r} cannot be made: {error.strerror}.") from error
        self.key()

    def key(self) -> bytes:
        """The shop's secret, 32 bytes, made at first use."""
        path = self.root / "key"
        if not path.exists():
            # Written beside and linked into place: of two processes at once, both read the one that came first.
            mine = path.with_name(f"key.{os.getpid()}")
            descriptor = os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_hex(32))
            with suppress(FileExistsError):
                os.link(mine, path)
            mine.unlink()
        return bytes.fromhex(path.read_text().strip())

    @contextmanager
    def lock(self, job: str) -> Iterator[None]:
        """Lets one process at a time do a writing job; raises LockedError where another one does it now."""
        locks = self.root / "locks"
        locks.mkdir(mode=0o700, exist_ok=True)
        lock = FileLock(locks / f"{job}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise LockedError(
                f"Another process is running `endcloud {job}` on {str(self.root)!r}; wait for it, or stop it."
            ) from error
        try:
            yield
        finally:
            lock.release()

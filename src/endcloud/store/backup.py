"""A copy of a whole shop while it is served: the store by SQLite's own backup, the files beside it as they are.

Versions, corpora and results are written whole or not at all and never changed, so copying them needs no lock. The
store is copied last: every version that its rows name is then in the copy already. The copy is made beside its
destination and renamed when it is complete: whole, or not there.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterable
from pathlib import Path

from endcloud.errors import UsageError
from endcloud.store.directory import ShopDirectory

_LEFT_OUT = {"locks", "work"}
"""Checkpoints of unfinished jobs can be made again, and locks belong to processes here."""


def back_up(shop: ShopDirectory, destination: Path) -> int:
    """Copies the shop to `destination`, which must not exist; returns the bytes copied.

    Raises UsageError where the destination is there, lies within the shop, or cannot be written.
    """
    destination = destination.resolve()
    if destination.exists():
        raise UsageError(f"{str(destination)!r} exists already; name a directory that does not.")
    if destination.is_relative_to(shop.root):
        raise UsageError(f"{str(destination)!r} lies within the shop itself; name a directory outside of it.")
    unfinished = destination.with_name(f".{destination.name}.{os.getpid()}.unfinished")
    try:
        unfinished.mkdir(mode=0o700, parents=True)
        _copy_files(shop, unfinished)
        if shop.database.exists():
            _copy_store(shop.database, unfinished / shop.database.name)
        _to_disk([unfinished, *unfinished.rglob("*")])
        size = sum(path.stat().st_size for path in unfinished.rglob("*") if path.is_file())
        unfinished.rename(destination)
        _to_disk([destination.parent])
    except (OSError, sqlite3.Error) as error:
        raise UsageError(
            f"The backup to {str(destination)!r} failed and nothing of it was left: {error}. The shop is as it was."
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return size


def _copy_files(shop: ShopDirectory, destination: Path) -> None:
    for path in sorted(shop.root.iterdir()):
        if path.name in _LEFT_OUT or path.name.startswith(shop.database.name):
            continue
        if path.is_dir():
            shutil.copytree(path, destination / path.name, symlinks=True)
        elif path.is_file():
            shutil.copy2(path, destination / path.name)


def _copy_store(source: Path, destination: Path) -> None:
    """A consistent copy, whatever is written meanwhile, looked over before anybody relies on it."""
    with sqlite3.connect(source) as reading, sqlite3.connect(destination) as writing:
        reading.backup(writing)
        (found,) = writing.execute("PRAGMA quick_check").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(f"the copy of {source.name} is damaged ({found})")
    reading.close()
    writing.close()
    destination.chmod(0o600)


def _to_disk(paths: Iterable[Path]) -> None:
    for path in paths:
        if path.is_symlink():
            continue
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

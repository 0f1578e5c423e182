"""How long a shop keeps personal data is in its settings, and kept by whoever works for it: the service, the evolution.

Both look by themselves, so that either is enough; `endcloud customers retain` looks once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from threading import Event, Thread
from typing import TYPE_CHECKING

from endcloud.errors import EndcloudError

if TYPE_CHECKING:
    from endcloud.assembly.shop import Shop

_LOOK_SECONDS = 3600.0


def retain(shop: Shop, now: datetime | None = None) -> dict[str, int]:
    """Erases what is older than the settings allow at `now`; returns how many rows of each kind went."""
    from endcloud.store.database import now as today
    from endcloud.store.retention import Keeping, erase_old

    keeping = Keeping(**shop.settings.privacy.retention.model_dump())
    return erase_old(shop.database, keeping, now or today())


@contextmanager
def retaining(shop: Shop) -> Iterator[None]:
    """Looks now and every hour for as long as the block runs, in a thread of its own."""
    ended = Event()

    def look() -> None:
        while True:
            try:
                if gone := retain(shop):
                    told = ", ".join(f"{rows} {kind}" for kind, rows in gone.items())
                    shop.progress.say(f"Older than privacy.retention allows, and erased: {told}.")
            except EndcloudError as error:
                shop.progress.say(f"What is older than privacy.retention allows is erased later: {error}")
            if ended.wait(_LOOK_SECONDS):
                return

    thread = Thread(target=look, name="retention", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()

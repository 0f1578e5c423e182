"""Two copies of the base beside each other, or, where memory does not allow that, one after the other.

Before a child loads its copy it looks whether there is room. Where there is not, and a service of this shop runs, it
asks that service for a training window and both say so: the service lets the replies under way end, gives its memory
up, and hands what customers ask meanwhile to the cloud and to people; when the window closes, or whoever asked for it
is gone, it loads the version in service again.
"""

from __future__ import annotations

import gc
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from typing import TYPE_CHECKING

from endcloud.assembly.training import TrainingChoice, plan_of
from endcloud.errors import EndcloudError, LockedError, ModelError, TrainingError
from endcloud.types import Delta, Request

if TYPE_CHECKING:
    from endcloud.assembly.evolving import Evolution
    from endcloud.assembly.shop import Shop
    from endcloud.end.generation import LocalEndModel
    from endcloud.rounds import TrainingWindow
    from endcloud.store.training_windows import StoredTrainingWindows

LEASE_SECONDS = 30.0
_LOOK_SECONDS = 0.2
_GRANT_SECONDS = 180.0
"""How long a service may take to let its replies end and give its memory up."""
_DRAIN_SECONDS = 60.0
_GIB = 2**30


@contextmanager
def room_beside_the_service(evolution: Evolution, round: int) -> Iterator[None]:
    """Sees that a copy of the base fits in for as long as the block runs.

    Raises TrainingError where there is no room and no service of this shop that could make some, or it does not.
    """
    shop = evolution.shop
    needed, free = memory_needed(shop), memory_free(shop)
    if needed <= free:
        yield
        return
    lack = f"A second copy of the base needs about {needed / _GIB:.1f} GiB, and {free / _GIB:.1f} GiB are free"
    if not _is_served(shop):
        raise TrainingError(
            f"{lack}: close other programs, set end.quantization to 'int8' or 'int4', or choose a smaller end.model."
        )
    shop.progress.say(
        f"{lack}: the service is asked for a training window. Until it ends, the cloud and people answer its customers."
    )
    windows = windows_of(shop)
    window = windows.ask(round, evolution.worker, evolution.clock.now(), LEASE_SECONDS)
    try:
        with _held(evolution, windows, window):
            _await_grant(shop, windows, window, lack)
            if needed > (free := memory_free(shop)):
                raise TrainingError(f"{lack}, even without the service's copy ({free / _GIB:.1f} GiB); free some more.")
            shop.progress.say("The service has given its memory up.")
            yield
    finally:
        windows.close(window.number, evolution.clock.now())


def memory_needed(shop: Shop) -> int:
    """Bytes that a training as the settings say takes, its copy of the base included."""
    from endcloud.assembly.base import base_location
    from endcloud.end.memory import needed

    settings = shop.settings.end
    _, plan = plan_of(settings, TrainingChoice())
    tokens = plan.rows * (plan.row_tokens if plan.packing else plan.input_tokens + plan.output_tokens)
    return needed(
        str(base_location(shop)),
        device=settings.device,
        precision=settings.precision,
        quantization=settings.quantization,
        tokens=tokens,
    )


def memory_free(shop: Shop) -> int:
    """Bytes that another process can have where the end model runs."""
    from endcloud.end.base_model import choose_device
    from endcloud.end.memory import free

    return free(choose_device(shop.settings.end.device))


def windows_of(shop: Shop) -> StoredTrainingWindows:
    from endcloud.store.training_windows import StoredTrainingWindows

    return StoredTrainingWindows(shop.database)


@dataclass(slots=True)
class Away:
    """The end model while its memory is lent: it answers nobody, so the router goes on to the cloud."""

    version: str
    name: str = "away"

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        """Raises ModelError, as a model that fails before its first word."""
        nothing: tuple[Delta, ...] = ()
        for delta in nothing:
            yield delta
        raise ModelError("The end model is away in a training window; ask the cloud or a person.")


def drain(model: LocalEndModel) -> None:
    """Lets the replies under way end, for a minute at most, and takes no more."""
    ends = time.monotonic() + _DRAIN_SECONDS
    while (load := model.engine.state()).in_flight + load.waiting and time.monotonic() < ends:
        time.sleep(_LOOK_SECONDS)
    model.engine.close()


def give_memory_up(shop: Shop) -> None:
    """Frees the base, which nobody but the shop may hold any more; it is loaded again at its next use."""
    on_gpu = shop.base.device.type == "cuda"
    del shop.base
    gc.collect()
    if on_gpu:
        import torch

        torch.cuda.empty_cache()


def _is_served(shop: Shop) -> bool:
    """Whether a service of this shop runs on this machine."""
    try:
        with shop.directory.lock("serve"):
            return False
    except LockedError:
        return True


def _await_grant(shop: Shop, windows: StoredTrainingWindows, window: TrainingWindow, lack: str) -> None:
    ends = time.monotonic() + _GRANT_SECONDS
    while windows.get(window.number).granted is None and _is_served(shop):
        if time.monotonic() > ends:
            raise TrainingError(f"{lack}, and the service did not make room within {_GRANT_SECONDS:.0f} s; try again.")
        time.sleep(_LOOK_SECONDS)


@contextmanager
def _held(evolution: Evolution, windows: StoredTrainingWindows, window: TrainingWindow) -> Iterator[None]:
    """Moves the lease on while the block runs."""
    ended = Event()

    def beat() -> None:
        while not ended.wait(LEASE_SECONDS / 3):
            try:
                windows.hold(window.number, evolution.clock.now(), LEASE_SECONDS)
            except EndcloudError:
                continue  # a store that is busy now may not be in ten seconds

    thread = Thread(target=beat, name="training window", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()

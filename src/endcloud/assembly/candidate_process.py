"""The child in which a candidate is trained or judged: `python -m endcloud.assembly.candidate_process`.

It stands back behind the service (its threads were counted by whoever started it), tells its progress and its answer
as lines of JSON, and ends at once when its parent is gone. `endcloud.assembly.stage_process` starts it and reads them.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock, Thread
from typing import IO, Any

from endcloud.errors import EndcloudError
from endcloud.protocols import ProgressTask


class Telling:
    """Progress as lines of JSON (`protocols.Progress`)."""

    def __init__(self, out: IO[str]) -> None:
        self._out, self._lock, self._tasks = out, Lock(), 0

    def tell(self, kind: str, **about: Any) -> None:
        """One line."""
        with self._lock:
            self._out.write(json.dumps({"kind": kind, **about}, ensure_ascii=False) + "\n")
            self._out.flush()

    @contextmanager
    def task(self, name: str, total: int | None, unit: str) -> Iterator[ProgressTask]:
        self._tasks += 1
        number = self._tasks
        self.tell("task", task=number, name=name, total=total, unit=unit)
        try:
            yield _Task(self, number)
        finally:
            self.tell("ended", task=number)

    def say(self, sentence: str) -> None:
        self.tell("said", sentence=sentence)


class _Task:
    """One piece of work under way (`protocols.ProgressTask`)."""

    def __init__(self, telling: Telling, number: int) -> None:
        self._telling, self._number = telling, number

    def advance(self, steps: int = 1, **figures: float | str) -> None:
        self._telling.tell("advanced", task=self._number, steps=steps, figures=figures)


def main(root: str, number: str, stage: str, nice: str) -> None:
    """Does one stage of one round of the shop at `root`."""
    telling = Telling(_own_output())
    Thread(target=_end_with_parent, daemon=True).start()
    stand_back(int(nice))
    try:
        done = _work(Path(root), int(number), stage, telling)
    except EndcloudError as error:
        telling.tell("failed", error=type(error).__name__, sentence=str(error))
    else:
        telling.tell("done", figures=done.figures, outcome=done.outcome, reason=done.reason, candidate=done.candidate)


def _work(root: Path, number: int, stage: str, telling: Telling) -> Any:
    from endcloud.assembly.evolving import Evolution
    from endcloud.assembly.shop import Shop
    from endcloud.assembly.training_window import room_beside_the_service
    from endcloud.cloud.retry import WallClock

    with Shop.open(root, telling) as shop:
        evolution = Evolution(shop, WallClock(), in_process=True)
        round = evolution.rounds.get(number)
        with room_beside_the_service(evolution, number):
            return getattr(evolution, stage)(round)


LAST = 19
"""The lowest priority there is."""


def stand_back(nice: int, *, own_session: bool = True) -> None:
    """Lowers this process' claim to the processors, and offers it first should memory run out.

    At 19, the last of all, Linux is also asked for its idle class: a service that wakes up then takes the processor at
    once, where among merely nice ones it waits for the end of a slice.
    Linux shares them out by session first where it groups processes so (sched(7), "autogroup"): a priority within our
    own session would mean nothing to a service in another, so the session's is lowered too, if it is ours alone.
    """
    if hasattr(os, "setpriority"):
        os.setpriority(os.PRIO_PROCESS, 0, max(nice, os.getpriority(os.PRIO_PROCESS, 0)))
    if nice >= LAST and hasattr(os, "SCHED_IDLE"):
        with suppress(OSError):  # a container may forbid it
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    for name, value in (("oom_score_adj", 1000), ("autogroup", nice))[: 2 if own_session else 1]:
        with suppress(OSError):  # only Linux has these
            Path(f"/proc/self/{name}").write_text(str(value))


def _own_output() -> IO[str]:
    """Our standard output for ourselves: what a library prints goes to standard error from now on."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return out


def _end_with_parent() -> None:
    """Waits for the end of standard input, which the parent holds open, and ends this process."""
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""A round of online evolution, from top to bottom: audit, watch, select, label, train, gate, promote.

A round is a row with a stage. Every stage leaves its own rows and may be done twice without harm, so a worker that was
killed at any point is followed by one that goes on at the same stage. While a stage works, a heartbeat keeps the
lease; a worker that has lost it writes nothing any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any, Protocol

from endcloud.errors import EndcloudError, LockedError
from endcloud.evolution.worker import is_gone
from endcloud.protocols import Clock, Progress
from endcloud.rounds import Outcome, Round, Rounds, Stage

LEASE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Done:
    """What a stage did. With an `outcome` the round ends here, for the `reason` given."""

    figures: Mapping[str, Any] = field(default_factory=dict)
    outcome: Outcome = ""
    reason: str = ""
    candidate: str | None = None


class Stages(Protocol):
    """What is done at each stage; see the modules of this package in this order."""

    def audit(self, round: Round) -> Done:
        """Scores recent replies of the end model."""
        ...

    def watch(self, round: Round) -> Done:
        """Looks whether the version in service has become worse than the one before it, and rolls back if so."""
        ...

    def select(self, round: Round) -> Done:
        """Chooses the replies worth learning from."""
        ...

    def label(self, round: Round) -> Done:
        """Finds what should have been said: a person's words, else the cloud's."""
        ...

    def train(self, round: Round) -> Done:
        """Learns the lessons, with replay of what was known; names the candidate."""
        ...

    def gate(self, round: Round) -> Done:
        """Judges the candidate against the version in service, on what neither was trained on."""
        ...

    def promote(self, round: Round) -> Done:
        """Puts the candidate into service."""
        ...


def run(
    rounds: Rounds, stages: Stages, *, worker: str, parent: Callable[[], str], clock: Clock, progress: Progress
) -> Round:
    """One round, or the rest of the one that is open. `parent` tells the version in service when a round begins.

    Raises LockedError where another worker holds the round. What else a stage raises leaves the round open at that
    stage, so that the same command goes on with it.
    """
    round = rounds.begin(worker, parent(), clock.now(), LEASE_SECONDS, is_gone)
    progress.say(f"Round {round.number} goes on at the stage {round.stage!r}." if round.stage != "audit" else
                 f"Round {round.number} begins.")  # fmt: skip
    try:
        with _heartbeat(rounds, round.number, worker, clock):
            while round.stage != "done":
                round = _stage(rounds, stages, round, worker, clock)
    finally:
        rounds.release(round.number, worker)
    return round


def _stage(rounds: Rounds, stages: Stages, round: Round, worker: str, clock: Clock) -> Round:
    stage: Stage = round.stage
    work: Callable[[Round], Done] = getattr(stages, stage)
    done = work(round)
    if done.outcome:
        return rounds.end(round.number, worker, done.outcome, done.reason, clock.now(), done.figures)
    return rounds.advance(round.number, worker, stage, done.figures, done.candidate)


@contextmanager
def _heartbeat(rounds: Rounds, number: int, worker: str, clock: Clock) -> Iterator[None]:
    """Moves the lease on three times in its length, for as long as the block runs."""
    ended = Event()

    def beat() -> None:
        while not ended.wait(LEASE_SECONDS / 3):
            try:
                rounds.hold(number, worker, clock.now(), LEASE_SECONDS)
            except LockedError:
                return  # the next write of a stage says so
            except EndcloudError:
                continue  # a store that is busy now may not be in twenty seconds

    thread = Thread(target=beat, name="round heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()

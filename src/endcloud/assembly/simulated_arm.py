"""One arm of the simulation on a shop of its own: the real service, the real store, real rounds, simulated time.

A round runs between two groups of customers and in this process; the seconds it took are added to the simulated clock,
since customers of a real shop would have met the old version for so long. Service and evolution each open the shop for
themselves, as the two commands do.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from endcloud import whole_files
from endcloud.assembly.evolving import Evolution, due
from endcloud.assembly.following import Follower
from endcloud.assembly.serving import service_of
from endcloud.assembly.shop import Shop
from endcloud.assembly.superseding import remember
from endcloud.bundled.shop import load_shop
from endcloud.end.generation import LocalEndModel
from endcloud.errors import EndcloudError, ModelError, UnrestorableError
from endcloud.evolution.round import Done, Stages
from endcloud.evolution.round import run as run_round
from endcloud.rounds import Decision
from endcloud.serving.confidence import Always
from endcloud.serving.router import EndRoute
from endcloud.simulation.attacks import LIE
from endcloud.simulation.clock import SimulatedClock
from endcloud.simulation.course import Course
from endcloud.simulation.drift import Drift
from endcloud.simulation.records import RoundMark, Run
from endcloud.simulation.schedule import Arm, Schedule
from endcloud.types import Delta, Message, Request, Sampling

if TYPE_CHECKING:
    from endcloud.protocols import Progress
    from endcloud.rounds import Round

KEY_VARIABLE = "ENDCLOUD_SIMULATION_KEY"
BUDGET = 1.0
"""What an arm may spend on the cloud, in the invented money of the bundled price list; the flood is after it."""


def run_arm(root: Path, arm: Arm, seed: int, schedule: Schedule, cloud_url: str, progress: Progress) -> Run:
    """Runs an arm on the prepared shop at `root`, which it changes. `cloud_url` is where the stand-in answers."""
    os.environ.setdefault(KEY_VARIABLE, "any")  # the stand-in takes every key, and a client wants to send one
    began, clock = time.monotonic(), SimulatedClock(datetime.now(UTC))
    with (
        _opened(root, arm, cloud_url, progress) as serving,
        _opened(root, arm, cloud_url, progress) as evolving,
        Follower.of(serving) as follower,
        progress.task(f"{arm}, seed {seed}", schedule.questions, "questions") as task,
    ):
        remember(Evolution(serving, clock))  # as `endcloud serve` does when it starts
        service = service_of(serving, follower, clock)
        evolution = _evolution(evolving, arm, clock)
        host = ShopHost(serving, follower, evolution, arm)
        if arm == "cloud only":
            service.router.end = lambda: EndRoute(Nobody(), "", Always())
        course = Course(service, host, clock, Drift.of(load_shop()), schedule, seed, task)
        asyncio.run(course.run())
        rows = (tuple(course.asked), tuple(course.called), tuple(course.rounds), tuple(course.looked))
        return Run(arm, seed, *rows, _attacks(course, evolution), round(time.monotonic() - began, 1))


class Nobody:
    """The end model of the arm that has none: the next route answers."""

    name = "nobody"

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        """Raises at once."""
        for _ in request.messages:
            raise ModelError("This arm has no end model.")
        yield Delta("", "stop")


class Ungated(Evolution):
    """Evolution that believes every candidate."""

    def gate(self, round: Round) -> Done:
        against, now = self.shop.versions.active() or "base", self.clock.now()
        believed = Decision(round.number, "gate", round.candidate, against, "promote", "The gate is off.", {}, now)
        self.rounds.decide(believed)
        return Done({"gate": "off"})


@dataclass
class Timed:
    """Stages that note how long each took, in real seconds."""

    stages: Stages
    seconds: dict[str, float] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Callable[[Round], Done]:
        stage = cast("Callable[[Round], Done]", getattr(self.stages, name))

        def timed(round: Round) -> Done:
            began = time.monotonic()
            try:
                return stage(round)
            finally:
                self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - began

        return timed


@dataclass
class ShopHost:
    """What the simulation may do to a real shop. Implements `endcloud.simulation.course.Host`."""

    shop: Shop
    follower: Follower
    evolution: Evolution | None
    arm: Arm
    _since: datetime = field(default_factory=lambda: datetime.now(UTC))
    _spent: float = field(init=False)

    def __post_init__(self) -> None:
        self._spent = self.shop.budget.spent()

    def write_policies(self, text: str) -> None:
        self._write(self.shop.directory.policies, text)

    def write_catalogue(self, text: str) -> None:
        self._write(self.shop.directory.catalogue, text)

    def round(self) -> RoundMark | None:
        """One round, where one is due. A round that fails is a mark too, and goes on when the next one is due."""
        evolution = self.evolution
        if evolution is None or not due(evolution):
            return None
        stages = Timed(evolution)
        try:
            done = run_round(
                evolution.rounds,
                cast("Stages", stages),
                worker=evolution.worker,
                parent=lambda: evolution.shop.versions.active() or "base",
                clock=evolution.clock,
                progress=evolution.shop.progress,
            )
        except EndcloudError as error:
            return RoundMark(0, 0, 0.0, "failed", f"{type(error).__name__}: {error}", "", dict(stages.seconds))
        finally:
            self.follower.look()
        work = {name: round(seconds, 2) for name, seconds in stages.seconds.items()}
        figures = {name: dict(found) for name, found in done.figures.items()}
        return RoundMark(done.number, 0, 0.0, done.outcome, done.reason, done.candidate, work, figures)

    def version(self) -> str:
        return "" if self.arm == "cloud only" else self.shop.versions.active() or "base"

    def answers(self, queries: Sequence[str]) -> list[str]:
        masked = [self.shop.masker.mask((Message("user", query),)) for query in queries]
        sampling = Sampling(max_tokens=self.shop.settings.end.max_tokens)
        model = self.follower.model
        assert isinstance(model, LocalEndModel)  # the bundled shop has no other
        replies = model.answer_all([one.messages for one in masked], sampling, self.shop.progress)
        found = []
        for one, reply in zip(masked, replies, strict=True):
            try:
                found.append(one.restore(reply.text))
            except UnrestorableError:
                found.append("")  # the service would not show it
        return found

    def bill(self) -> tuple[Mapping[str, int], float]:
        calls = {one.purpose: one.uploads for one in self.shop.ledger.sums(self._since)}
        return calls, self.shop.budget.spent() - self._spent

    def _write(self, path: Path, text: str) -> None:
        whole_files.write(path, text)
        self.follower.look()


@contextmanager
def _opened(root: Path, arm: Arm, cloud_url: str, progress: Progress) -> Iterator[Shop]:
    """The shop with what the arm does otherwise than its settings."""
    with Shop.open(root, progress) as shop:
        settings = shop.settings
        cloud = {"base_url": cloud_url, "key_variable": KEY_VARIABLE, "budget": shop.budget.spent() + BUDGET}
        changed: dict[str, dict[str, Any]] = {"cloud": cloud, "serving": {"office_hours": "00:00-24:00"}}
        if arm == "without replay":
            changed["evolution"] = {"replay": 0.0}
        update = {name: getattr(settings, name).model_copy(update=values) for name, values in changed.items()}
        with Shop(shop.directory, settings.model_copy(update=update), progress) as own:
            yield own


def _evolution(shop: Shop, arm: Arm, clock: SimulatedClock) -> Evolution | None:
    if arm in ("no evolution", "cloud only"):
        return None
    return (Ungated if arm == "gate off" else Evolution)(shop, clock, in_process=True)


def _attacks(course: Course, evolution: Evolution | None) -> dict[str, float]:
    """What the attackers reached: calls, showings of the lie, lessons of theirs, lessons that state it, roll-backs."""
    hostile = [one for one in course.asked if one.attack]
    lessons = [] if evolution is None else [one for one in evolution.lessons.all() if one.part == "train"]
    attack = course.schedule.attack
    return {
        "messages": len(hostile),
        "cloud calls": sum(one.route == "cloud" for one in hostile),
        "lie shown": sum(one.right is False for one in hostile),
        "lessons of attackers": sum(one.conversation.startswith("attack") for one in lessons),
        "lessons that state the lie": sum(LIE in one.reply.replace("就", "") for one in lessons),
        "roll-backs in the attack": sum(one.outcome == "rolled back" and one.at >= attack for one in course.rounds),
    }

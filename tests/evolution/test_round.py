"""A round goes through its stages in order, goes on where it was killed, and ends where a stage ends it."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from endcloud.cloud.retry import WallClock
from endcloud.errors import LockedError, TrainingError
from endcloud.evolution.round import Done, run
from endcloud.evolution.worker import is_gone, own_name
from endcloud.rounds import STAGES, Round
from endcloud.store.database import Database, sqlite_url
from endcloud.store.rounds import StoredRounds
from endcloud.testing.silent_progress import SilentProgress


class Recorded:
    """Stages that note what was asked of them; `fails` raises once at a stage, `ends` ends the round there."""

    def __init__(self, fails: str = "", ends: str = "") -> None:
        self.done: list[str] = []
        self.fails, self.ends = fails, ends

    def __getattr__(self, stage: str) -> Any:
        if stage not in STAGES:
            raise AttributeError(stage)

        def work(round: Round) -> Done:
            assert round.stage == stage
            if self.fails == stage:
                self.fails = ""
                raise TrainingError("killed here")
            self.done.append(stage)
            if self.ends == stage:
                return Done({"why": 1}, "refused", "not better")
            return Done({"did": stage}, candidate="v2" if stage == "train" else None)

        return work


@pytest.fixture
def rounds(tmp_path: Path) -> Iterator[StoredRounds]:
    database = Database(sqlite_url(tmp_path / "store.db"))
    yield StoredRounds(database)
    database.close()


def goes(rounds: StoredRounds, stages: Recorded, worker: str = "w") -> Round:
    return run(rounds, stages, worker=worker, parent=lambda: "v1", clock=WallClock(), progress=SilentProgress())


def test_the_stages_come_in_their_order(rounds: StoredRounds) -> None:
    stages = Recorded(ends="promote")
    round = goes(rounds, stages)
    assert stages.done == list(STAGES[:-1])
    assert (round.outcome, round.parent, round.candidate) == ("refused", "v1", "v2")
    assert round.figures["audit"] == {"did": "audit"} and round.figures["promote"] == {"why": 1}


def test_a_stage_can_end_the_round(rounds: StoredRounds) -> None:
    stages = Recorded(ends="select")
    assert goes(rounds, stages).reason == "not better" and stages.done == ["audit", "watch", "select"]
    assert goes(rounds, Recorded(ends="audit")).number == 2


@pytest.mark.parametrize("stage", STAGES[:-1])
def test_a_round_that_broke_off_goes_on_at_its_stage_with_whoever_comes(rounds: StoredRounds, stage: str) -> None:
    stages = Recorded(fails=stage, ends="promote")
    with pytest.raises(TrainingError, match="killed here"):
        goes(rounds, stages)
    before = list(stages.done)
    assert goes(rounds, stages, "another").number == 1
    assert stages.done == list(STAGES[:-1]) and before == list(STAGES[: STAGES.index(stage)])


def test_two_workers_never_run_the_same_round(rounds: StoredRounds) -> None:
    clock = WallClock()
    rounds.begin("other", "v1", clock.now(), 60)
    with pytest.raises(LockedError, match="'other'"):
        goes(rounds, Recorded())


def test_a_killed_worker_of_this_machine_is_followed_at_once(rounds: StoredRounds) -> None:
    """Its lease has not run out, and nobody will ever give it back."""
    asked = [sys.executable, "-c", "from endcloud.evolution.worker import own_name; print(own_name()); input()"]
    with subprocess.Popen(asked, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        name = other.stdout.readline().strip()
        rounds.begin(name, "v1", WallClock().now(), 60)
        assert not is_gone(name)
        with pytest.raises(LockedError, match="worked on by"):
            goes(rounds, Recorded())
        other.kill()
        other.wait()
    assert is_gone(name)
    assert goes(rounds, Recorded(ends="promote")).number == 1


@pytest.mark.parametrize("name", ["w", "", "elsewhere:1:2:abc", f"{socket.gethostname()}:one:2:abc"])
def test_of_a_worker_elsewhere_nobody_can_tell(name: str) -> None:
    assert not is_gone(name)


def test_a_process_number_that_was_given_again_is_another_worker() -> None:
    host, process, started, nonce = own_name().split(":")
    assert not is_gone(f"{host}:{process}:{started}:{nonce}")
    assert is_gone(f"{host}:{process}:{int(started) - 60}:{nonce}")

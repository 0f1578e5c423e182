"""kill -9 at 30 random points of a round: the next worker finishes it, and nothing that was acknowledged is lost.

A real shop with the nano model, served with a rule that has changed; `endcloud evolve` runs as a process of its own
and is killed, children and all, again and again while customers' feedback is acknowledged beside it.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from evolving_shop import EDITS, asked_about, change_the_rules, trained_shop, write_service

from endcloud.assembly import Shop
from endcloud.end.versions import verify
from endcloud.rounds import STAGES
from endcloud.store.feedback import StoredFeedbacks
from endcloud.store.lessons import StoredChoices, StoredLessons
from endcloud.store.rounds import StoredRounds
from endcloud.testing.silent_progress import SilentProgress
from endcloud.types import Feedback

pytestmark = pytest.mark.proof

KILLS = 30
_COMMAND = [sys.executable, "-c", "from endcloud.cli.main import main; main()", "evolve", "--json", "--shop"]


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop as it stands before its first round."""
    root = tmp_path_factory.mktemp("evolving") / "shop"
    trained_shop(root)
    questions = asked_about(change_the_rules(root, EDITS), 90)
    with Shop.open(root, SilentProgress()) as shop:
        assert write_service(shop, questions) > 30
    return root


def started(root: Path) -> subprocess.Popen[str]:
    """A worker in a process group of its own, so that a kill takes its children too."""
    return subprocess.Popen(
        [*_COMMAND, str(root)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def seconds_of_a_round(root: Path) -> tuple[float, dict[str, object]]:
    """How long an undisturbed round takes from the start of its process, and what came of it."""
    began = time.monotonic()
    worker = started(root)
    told, said = worker.communicate(timeout=900)
    assert worker.returncode == 0, said
    return time.monotonic() - began, json.loads(told)


def test_thirty_kills_lose_nothing(before: Path, tmp_path: Path) -> None:
    shutil.copytree(before, tmp_path / "undisturbed")
    whole, undisturbed = seconds_of_a_round(tmp_path / "undisturbed")
    print(f"\nan undisturbed round takes {whole:.1f} s and ends {undisturbed['outcome']!r}")
    draw, stages, outcomes = random.Random(30), Counter[str](), Counter[str]()
    kills, number, root = 0, 0, tmp_path / "0"
    shutil.copytree(before, root)
    acknowledged: list[str] = []
    while kills < KILLS:
        worker = started(root)
        ended = time.monotonic() + draw.uniform(0.5, 0.8 * whole)
        while time.monotonic() < ended and worker.poll() is None:
            acknowledged.append(acknowledge(root, len(acknowledged)))
            time.sleep(0.2)
        if worker.poll() is None:
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()
            kills += 1
            stages[check(root, acknowledged)] += 1
            continue
        assert worker.returncode == 0, worker.stderr.read() if worker.stderr else ""
        outcomes[outcome_of_the_first(root)] += 1
        check(root, acknowledged)
        number, acknowledged, root = number + 1, [], tmp_path / str(number + 1)
        shutil.copytree(before, root)
    seconds_of_a_round(root)
    outcomes[outcome_of_the_first(root)] += 1
    check(root, acknowledged)
    print(f"{kills} kills, at {dict(stages)}; rounds ended {dict(outcomes)}")
    assert set(outcomes) == {undisturbed["outcome"]}, "a kill changed what a round came to"
    # The moments are drawn by time, and of a round's time training and gate take nine tenths.
    assert {"train", "gate"} <= set(stages), "the kills met too few of the stages"


def acknowledge(root: Path, number: int) -> str:
    """A customer's word that is on disk when this returns; written by another process than the worker's."""
    with Shop.open(root, SilentProgress()) as shop:
        said = Feedback(f"kept-{number}", "e-none", "c-none", "note", "customer", "k", datetime.now(UTC), None, "好")
        StoredFeedbacks(shop.database).add(said)
    return said.id


def outcome_of_the_first(root: Path) -> str:
    """A worker that is killed after its round has ended is followed by one that begins another round."""
    with Shop.open(root, SilentProgress()) as shop:
        return StoredRounds(shop.database).all()[0].outcome


def check(root: Path, acknowledged: list[str]) -> str:
    """What must hold after any kill; returns the stage that the newest round stands at."""
    with Shop.open(root, SilentProgress()) as shop:
        kept = {one.id for one in StoredFeedbacks(shop.database).since(datetime(2020, 1, 1, tzinfo=UTC))}
        assert set(acknowledged) <= kept
        standings = [shop.versions.standing(version.digest) for version in shop.versions.all()]
        assert standings.count("active") == 1
        active = shop.versions.active()
        assert active is not None
        assert verify(shop.versions.path(active)).digest == active
        rounds = StoredRounds(shop.database).all()
        assert sum(round.stage != "done" for round in rounds) <= 1
        for round in rounds:
            reached = STAGES.index(round.stage) if not round.outcome else len(round.figures)
            assert set(round.figures) <= set(STAGES[: max(reached, 1) + 1])
        chosen = [choice.turn for round in rounds for choice in StoredChoices(shop.database).of_round(round.number)]
        lessons = [lesson.turn for lesson in StoredLessons(shop.database).all() if lesson.turn]  # an edit's have none
        assert len(set(chosen)) == len(chosen) and len(set(lessons)) == len(lessons)
        assert shop.budget.spent() <= shop.budget.limit()
        return rounds[-1].stage if rounds else "before"

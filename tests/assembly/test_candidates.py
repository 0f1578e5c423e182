"""A round's candidate: what it learns and from where, in this process and in one of its own."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import torch

from endcloud.assembly import Shop, training_window
from endcloud.assembly.candidates import gathered, train
from endcloud.assembly.evolving import Evolution
from endcloud.assembly.following import Follower
from endcloud.assembly.stage_process import _died, in_child
from endcloud.assembly.training_window import room_beside_the_service, windows_of
from endcloud.cli.profiles import make_shop
from endcloud.cloud.retry import WallClock
from endcloud.end.memory import free, needed, weights
from endcloud.errors import ModelError, NotFoundError, TrainingError
from endcloud.rounds import Lesson, Retirement, Round
from endcloud.testing.silent_progress import SilentProgress
from endcloud.testing.tiny_base import TEXTS, save_tiny_base
from endcloud.types import Message, Request

AT = datetime(2026, 1, 5, tzinfo=UTC)
EVOLUTION = {"fewest_lessons": 4, "steps": 6, "replay": 0.08, "from_base": 3, "nice": 0}
END = {"data": "natural", "precision": "float32", "device": "cpu", "steps": 6, "learning_rate": 1e-3}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop with a base and a corpus; each test works on a copy."""
    root = tmp_path_factory.mktemp("prepared")
    base = save_tiny_base("glm", root / "base")
    make_shop(root / "shop", "bundled", {"end": {"model": str(base), **END}, "evolution": EVOLUTION})
    lines = [
        json.dumps({"id": f"d{n}", "messages": [{"role": "user", "content": f"{TEXTS[n % 3 * 2]}{n}号"},
                                                {"role": "assistant", "content": f"{TEXTS[n % 3 * 2 + 1]}{n}"}]})
        for n in range(30)
    ]  # fmt: skip
    (root / "dialogues.jsonl").write_text("\n".join(lines), encoding="utf-8")
    with Shop.open(root / "shop", SilentProgress()) as opened:
        opened.prepare([root / "dialogues.jsonl"])
    return root / "shop"


@pytest.fixture
def shop(prepared: Path, tmp_path: Path) -> Iterator[Shop]:
    with Shop.open(Path(shutil.copytree(prepared, tmp_path / "shop")), SilentProgress()) as opened:
        yield opened


@pytest.fixture
def evolution(shop: Shop) -> Evolution:
    return Evolution(shop, WallClock(), in_process=True)


def lesson(number: int, **otherwise: str) -> Lesson:
    made = Lesson(
        f"lesson:t{number}", f"t{number}", f"c{number}", "", f"k{number}", "train",
        (Message("user", f"请问多少钱包邮{number}"),), "满八十八元包邮哦", "满五十九元包邮哦", "pseudo", ("wrong",),
        "not needed", 1, AT,
    )  # fmt: skip
    return replace(made, **otherwise)  # type: ignore[arg-type]


def round_of(evolution: Evolution) -> Round:
    active = evolution.shop.versions.active() or "base"
    return evolution.rounds.begin(evolution.worker, active, evolution.clock.now(), 60)


def promoted(evolution: Evolution, *numbers: int) -> str:
    """Teaches lessons in a round and puts the candidate into service."""
    evolution.lessons.add([lesson(number) for number in numbers])
    round = round_of(evolution)
    candidate = train(evolution, round).candidate
    assert candidate is not None
    evolution.shop.put_into_service(candidate, "in a test")
    evolution.rounds.end(round.number, evolution.worker, "promoted", "in a test", evolution.clock.now(), {})
    return candidate


def test_a_few_lessons_wait_for_more(evolution: Evolution) -> None:
    evolution.lessons.add([lesson(number) for number in range(3)])
    done = train(evolution, round_of(evolution))
    assert done.outcome == "nothing to learn" and "3 lessons" in done.reason and not evolution.shop.versions.all()
    assert "base" not in vars(evolution.shop), "nothing was loaded to find that out"


def test_the_first_candidate_comes_from_the_base_and_the_next_from_the_version_in_service(evolution: Evolution) -> None:
    first = evolution.shop.versions.get(promoted(evolution, 0, 1, 2, 3))
    assert first.parent == "" and {f"lesson:t{n}" for n in range(4)} <= set(first.examples)
    assert first.settings["plan"]["learning_rate"] == 1e-3
    second = evolution.shop.versions.get(promoted(evolution, 4, 5, 6, 7))
    lessons = {name for name in second.examples if name.startswith("lesson")}
    assert second.parent == first.digest and {f"lesson:t{n}" for n in range(4, 8)} <= lessons
    assert len(second.examples) == 4 + 8 and len(lessons) == 4 + 4, "24 times 0.08 a lesson, half of it old lessons"
    assert second.settings["plan"]["learning_rate"] == pytest.approx(1e-3 / 16)


def test_every_few_promotions_training_starts_from_the_base_again(evolution: Evolution) -> None:
    parents = []
    for start in range(0, 20, 4):
        parents.append(evolution.shop.versions.get(promoted(evolution, *range(start, start + 4))).parent)
    assert [bool(parent) for parent in parents] == [False, True, True, False, True]
    whole = evolution.shop.versions.all()[3]
    assert {f"lesson:t{number}" for number in range(16)} <= set(whole.examples), "all that was ever taught is in it"


def test_what_is_retired_is_neither_learned_nor_replayed(evolution: Evolution) -> None:
    promoted(evolution, 0, 1, 2, 3)
    old = [each.id for each in evolution.shop.examples("train")]
    retired = ["lesson:t1", "lesson:t4", *old[:-2]]
    evolution.retirements.add([Retirement(name, "the rule changed", "edit", AT) for name in retired])
    evolution.lessons.add([lesson(number) for number in range(4, 9)])
    material = gathered(evolution, round_of(evolution))
    assert [each.id for each in material.lessons] == [f"lesson:t{number}" for number in (5, 6, 7, 8)]
    replayed = {each.id for each in material.replayed}
    assert replayed and not replayed & set(retired)


def test_the_same_lessons_make_the_same_candidate_and_a_refused_one_is_not_judged_again(evolution: Evolution) -> None:
    evolution.lessons.add([lesson(number) for number in range(4)])
    round = round_of(evolution)
    first, again = train(evolution, round), train(evolution, round)
    assert first.candidate == again.candidate and first.candidate and first.outcome == ""
    evolution.shop.versions.stand(first.candidate, "rejected", "by the gate")
    refused = train(evolution, round)
    assert refused.outcome == "nothing to learn" and "refused before" in refused.reason


def test_preference_learning_takes_the_poor_replies_along(shop: Shop) -> None:
    settings = shop.settings.model_copy(
        update={"evolution": shop.settings.evolution.model_copy(update={"objective": "dpo"})}
    )
    evolution = Evolution(Shop(shop.directory, settings, shop.progress), WallClock(), in_process=True)
    with evolution.shop:
        evolution.lessons.add([lesson(0, poor=""), *[lesson(number) for number in range(1, 5)]])
        candidate = train(evolution, round_of(evolution)).candidate
        assert candidate is not None
        assert evolution.shop.versions.get(candidate).settings["objective"]["pairs"] == 4


# -- in a process of its own -------------------------------------------------------------------------------------


def test_a_child_makes_the_very_same_candidate_and_tells_how_far_it_is(evolution: Evolution) -> None:
    evolution.lessons.add([lesson(number) for number in range(4)])
    round, progress = round_of(evolution), SilentProgress()
    evolution.shop.progress = progress
    done = train(replace(evolution, in_process=False), round)
    assert progress.tasks[0].name == "train lora" and progress.tasks[0].done == 6
    assert "loss" in progress.tasks[0].figures and done.figures["steps"] == 6 and done.figures["seconds"] > 0
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as the child has
    try:
        assert train(evolution, round).candidate == done.candidate
    finally:
        torch.set_num_threads(threads)


def test_what_goes_wrong_in_a_child_is_raised_here(evolution: Evolution) -> None:
    with pytest.raises(NotFoundError, match="no round 99"):
        in_child(evolution, "train", replace(round_of(evolution), number=99))


def test_a_child_goes_when_its_parent_is_gone(evolution: Evolution) -> None:
    evolution.lessons.add([lesson(number) for number in range(4)])
    root, number = str(evolution.shop.directory.root), str(round_of(evolution).number)
    command = [sys.executable, "-m", "endcloud.assembly.candidate_process", root, number, "train", "1"]
    endless = {**os.environ, "ENDCLOUD_END__STEPS": "1000000"}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, start_new_session=True, env=endless) as child:
        assert child.stdin is not None and child.stdout is not None
        assert json.loads(child.stdout.readline())["kind"] == "task", "it has begun to train"
        if sys.platform == "linux":
            assert os.getpriority(os.PRIO_PROCESS, child.pid) == os.getpriority(os.PRIO_PROCESS, 0) + 1
        child.stdin.close()  # what the system does when a process ends, however it ends
        assert child.wait(30) == 1


def test_a_child_that_dies_without_a_word_is_told_of() -> None:
    sentence = _died("train", -9, "Fatal: no memory\n")
    assert "killed by signal 9" in sentence and "when memory runs out" in sentence and "no memory" in sentence
    assert "ended with code 3;" in _died("gate", 3, "")


# -- where memory is short ---------------------------------------------------------------------------------------


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.02)


def test_memory_is_told_from_the_headers_of_the_files(shop: Shop) -> None:
    directory = Path(shop.settings.end.model)
    assert weights(directory, 4) == sum(each.numel() * 4 for each in shop.base.model.parameters())
    assert weights(directory, 4, "int4") < weights(directory, 4, "int8") < weights(directory, 2)
    kwargs = {"device": "cpu", "precision": "float32", "quantization": "none"}
    assert needed(str(directory), tokens=2000, **kwargs) > needed(str(directory), tokens=1000, **kwargs)
    assert 0 < free(torch.device("cpu")) < 2**50


def test_without_room_and_without_a_service_that_could_make_some_training_is_refused(
    evolution: Evolution, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_window, "memory_free", lambda _: 1000)
    with pytest.raises(TrainingError, match="are free: close other"), room_beside_the_service(evolution, 1):
        pytest.fail("it must not begin")


def test_a_service_lends_its_memory_and_takes_it_back(evolution: Evolution, monkeypatch: pytest.MonkeyPatch) -> None:
    progress, service_progress = SilentProgress(), SilentProgress()
    service = Shop.open(evolution.shop.directory.root, service_progress)
    monkeypatch.setattr(training_window, "memory_free", lambda _: 0 if "base" in vars(service) else 2**40)
    evolution.shop.progress = progress
    with (
        service,
        service.directory.lock("serve"),
        Follower.of(service) as follower,
    ):
        assert list_of(follower)
        weights_there = weakref.ref(service.base.model)
        with room_beside_the_service(evolution, 1):
            assert weights_there() is None, "nobody holds the base any more"
            assert "base" not in vars(service) and follower.engine is None
            with pytest.raises(ModelError, match="is away"):
                list_of(follower)
        until(lambda: follower.engine is not None)
        assert list_of(follower)
    assert "window begins" in service_progress.said[-2] and "answers again" in service_progress.said[-1]
    assert "cloud and people" in progress.said[0] and "given its memory up" in progress.said[1]


def test_a_window_whose_owner_died_is_taken_back(evolution: Evolution) -> None:
    windows, now = windows_of(evolution.shop), evolution.clock.now()
    window = windows.ask(1, "w", now, 0.5)
    assert windows.open(now) == window
    windows.grant(window.number, now)
    with evolution.shop.directory.lock("serve"), Follower.of(evolution.shop) as follower:
        until(lambda: windows.open(evolution.clock.now()) is None and follower.engine is not None)
        assert list_of(follower)


def list_of(follower: Follower) -> list[str]:

    async def answer() -> list[str]:
        request = Request((Message("user", "请问多少钱包邮"),))
        return [delta.text async for delta in follower.end().model.stream(request)]

    return asyncio.run(answer())

"""Versions under load, planted adapters, planted candidates: nobody notices a swap, and nothing bad is swapped in.

Under load the base is a tiny random model in fp32, so that replies can be compared token by token; the gate judges
candidates of the nano model on the bundled shop.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import pickle
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import psutil
import pytest
import torch
from evolving_shop import EDITS, change_the_rules, trained_shop
from planted_candidates import Planting, give_lessons
from safetensors.torch import load, save

from endcloud.assembly import Shop, superseding
from endcloud.assembly.evolving import Evolution
from endcloud.assembly.following import Follower
from endcloud.assembly.gating import Comparison
from endcloud.bundled.shop import load_shop
from endcloud.cli.profiles import make_shop
from endcloud.cloud.retry import WallClock
from endcloud.end.base_model import load_base
from endcloud.end.methods import LoRA, Method, PrefixTuning, PTuningV2, TrainingPlan
from endcloud.end.training import PeftTrainer
from endcloud.end.versions import MANIFEST, WEIGHTS
from endcloud.errors import EndcloudError
from endcloud.evolution.gate import Verdict
from endcloud.testing.silent_progress import SilentProgress
from endcloud.testing.tiny_base import SYSTEM, save_tiny_base, tiny_example
from endcloud.types import Request, Sampling

pytestmark = pytest.mark.proof

STREAMS, SWAPS = 32, 50
EXAMPLES = [tiny_example(number) for number in range(12)]
GREEDY = Sampling(max_tokens=24)
NEAR_TIE = 1e-4
METHODS: list[tuple[Method, float]] = [
    (LoRA(dropout=0.0, targets="all"), 1e-3),
    (LoRA(rank=4, dropout=0.0), 3e-3),
    (PrefixTuning(8), 1e-3),
    (PTuningV2(5), 1e-2),
]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    base = save_tiny_base("glm", tmp_path / "base")
    make_shop(tmp_path / "shop", "bundled", {"end": {"model": str(base), "precision": "float32", "device": "cpu"}})
    return Shop.open(tmp_path / "shop", SilentProgress())


def trained(shop: Shop, method: Method, rate: float) -> str:
    plan = TrainingPlan(12, rate, rows=2, check_every=12)
    trainer = PeftTrainer(shop.base, method, plan, shop.versions, system=SYSTEM, work=shop.directory.work)
    return trainer.train(EXAMPLES, [], SilentProgress()).digest


# -- swaps under load ------------------------------------------------------------------------------------------------


@dataclass
class Said:
    """A reply: the version of the route it was asked by, its text, and how sure the model was of each token."""

    version: str
    question: int
    text: str
    margins: tuple[float, ...]


@dataclass
class Streams:
    """So many readers, each asking one question after another of whatever version answers, until told to end."""

    follower: Follower
    ended: Event = field(default_factory=Event)
    said: list[Said] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    async def all(self) -> None:
        await asyncio.gather(*(self._one(number) for number in range(STREAMS)))

    async def _one(self, number: int) -> None:
        at = number
        while not self.ended.is_set():
            at = (at + 1) % len(EXAMPLES)
            route = self.follower.end()
            try:
                self.said.append(await reply(route, at))
            except EndcloudError as error:
                self.failed.append(str(error))


async def reply(route: object, question: int) -> Said:
    text, margins = "", list[float]()
    async for delta in route.model.stream(Request(EXAMPLES[question].messages, sampling=GREEDY)):  # type: ignore[attr-defined]
        text += delta.text
        margins += [drawn.margin for drawn in delta.drawn]
    return Said(route.version, question, text, tuple(margins))  # type: ignore[attr-defined]


def test_thirty_two_streams_do_not_notice_fifty_swaps(shop: Shop) -> None:
    with shop:
        versions = ["base", *(trained(shop, method, rate) for method, rate in METHODS)]
        with Follower.of(shop) as alone:
            routes = {name: alone._route_of(alone.model.at(name)) for name in versions}  # type: ignore[union-attr]
            asked = range(len(EXAMPLES))
            truth = {(name, at): asyncio.run(reply(route, at)) for name, route in routes.items() for at in asked}
        assert len({tuple(truth[name, at].text for at in asked) for name in versions}) == len(versions)
        with Follower.of(shop) as follower:
            streams = Streams(follower)
            thread = Thread(target=lambda: asyncio.run(streams.all()))
            thread.start()
            process, memory = psutil.Process(), list[float]()
            for swap in range(SWAPS):
                version = versions[1 + swap % (len(versions) - 1)]
                shop.versions.stand(version, "active", f"swap {swap}")
                follower.look()
                assert follower.end().version == version
                before = len(streams.said)
                while (
                    len(streams.said) < before + STREAMS
                ):  # every version is met by as many replies as there are readers
                    assert thread.is_alive()
                memory.append(process.memory_info().rss / 2**20)
            streams.ended.set()
            thread.join()
            held = follower.engine.residents.held() if follower.engine else {}
            loaded = follower.engine.residents.loaded() if follower.engine else ()
    assert streams.failed == []
    wrong = [one for one in streams.said if one.text != truth[one.version, one.question].text]
    ties = [one for one in wrong if min(truth[one.version, one.question].margins) < NEAR_TIE]
    early, late = max(memory[10:20]), max(memory[-10:])
    print(
        f"{len(streams.said)} replies of {STREAMS} streams over {SWAPS} swaps: none failed, {len(wrong)} differ from "
        f"their version's own ({len(ties)} at near ties); memory {early:.0f} MiB after 20 swaps, {late:.0f} at the end"
    )
    assert len(wrong) == len(ties) and len(wrong) <= len(streams.said) // 20
    assert {one.version for one in streams.said} >= set(versions[1:])
    assert late <= early * 1.05 + 20 and held == {} and len(loaded) <= 5


# -- planted adapters ------------------------------------------------------------------------------------------------


def consistent(path: Path, weights: bytes | None = None, **manifest: object) -> Path:
    """Changes a version so that every digest fits again; it then has another name."""
    told = json.loads((path / MANIFEST).read_bytes()) | manifest
    if weights is not None:
        (path / WEIGHTS).write_bytes(weights)
        told["files"][WEIGHTS] = hashlib.sha256(weights).hexdigest()
    data = (json.dumps(told, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()
    (path / MANIFEST).write_bytes(data)
    renamed = path.with_name(hashlib.sha256(data).hexdigest()[:16])
    path.rename(renamed)
    return renamed


class Harm:
    """What a pickle would do: it writes a file where it is told to."""

    def __init__(self, where: str) -> None:
        self.where = where

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, str]]:
        return open, (self.where, "w")


def not_a_number(path: Path) -> Path:
    state = load((path / WEIGHTS).read_bytes())
    first = next(iter(state))
    return consistent(path, save({**state, first: torch.full_like(state[first], float("nan"))}))


def truncated(path: Path) -> Path:
    return consistent(path, (path / WEIGHTS).read_bytes()[:-100])


def other_base(path: Path) -> Path:
    return consistent(path, base="0" * 64)


def half_its_keys(path: Path) -> Path:
    state = load((path / WEIGHTS).read_bytes())
    return consistent(path, save({name: state[name] for name in sorted(state)[::2]}))


def other_shapes(path: Path) -> Path:
    state = load((path / WEIGHTS).read_bytes())
    return consistent(path, save({name: tensor[..., :1].contiguous() for name, tensor in state.items()}))


def pickled(path: Path) -> Path:
    return consistent(path, pickle.dumps(Harm(str(path.parent.parent / "harmed"))))


def pickle_beside(path: Path) -> Path:
    (path / "adapter_model.bin").write_bytes(pickle.dumps(Harm(str(path.parent.parent / "harmed"))))
    return path


def wrong_digest(path: Path) -> Path:
    data = bytearray((path / WEIGHTS).read_bytes())
    data[-1] ^= 1
    (path / WEIGHTS).write_bytes(bytes(data))
    return path


def renamed(path: Path) -> Path:
    return path.rename(path.with_name("f" * 16))


def linked_weights(path: Path) -> Path:
    outside = path.parent.parent / "outside.safetensors"
    shutil.move(path / WEIGHTS, outside)
    (path / WEIGHTS).symlink_to(outside)
    return path


def linked_directory(path: Path) -> Path:
    outside = path.parent.parent / "outside"
    shutil.move(path, outside)
    path.symlink_to(outside)
    return path


def named_outside(path: Path) -> Path:
    outside = path.parent.parent / "outside.txt"
    outside.write_text("secret")
    files = json.loads((path / MANIFEST).read_bytes())["files"]
    return consistent(path, files={**files, "../../outside.txt": hashlib.sha256(b"secret").hexdigest()})


PLANTED = [not_a_number, truncated, other_base, half_its_keys, other_shapes, pickled, pickle_beside, wrong_digest,
           renamed, linked_weights, linked_directory, named_outside]  # fmt: skip


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_planted_adapter_is_refused_before_the_flip(shop: Shop, plant: Callable[[Path], Path]) -> None:
    with shop:
        good, other = trained(shop, *METHODS[0]), trained(shop, *METHODS[1])
        shop.put_into_service(good, "good")
        with Follower.of(shop) as follower:
            before = asyncio.run(reply(follower.end(), 0)).text
            bad = plant(shop.versions.path(other)).name
            with pytest.raises(EndcloudError) as refused:
                shop.put_into_service(bad, "planted")
            print(f"{plant.__name__}: {refused.value}")
            assert shop.versions.active() == good
            shop.versions.stand(bad, "active", "planted by hand, past every check")
            follower.look()
            assert follower.end().version == good, "the old one still serves"
            assert asyncio.run(reply(follower.end(), 0)).text == before
        assert not os.path.lexists(shop.directory.versions.parent / "harmed"), "no pickle was ever opened"


def test_a_version_of_another_architecture_is_refused(shop: Shop, tmp_path: Path) -> None:
    """Its digests fit and it names its own base: it is that base which is not here."""
    with shop:
        good = trained(shop, *METHODS[0])
        shop.put_into_service(good, "good")
        other = load_base(str(save_tiny_base("qwen3", tmp_path / "other")), device="cpu", precision="float32")
        plan = TrainingPlan(12, 1e-3, rows=2, check_every=12)
        trainer = PeftTrainer(other, LoRA(), plan, shop.versions, system=SYSTEM, work=shop.directory.work)
        foreign = trainer.train(EXAMPLES, [], SilentProgress()).digest
        with pytest.raises(EndcloudError, match="was trained for the base"):
            shop.put_into_service(foreign, "planted")
        assert shop.versions.active() == good


# -- the gate by itself ----------------------------------------------------------------------------------------------

KINDS = ("shuffled", "old_policy", "over_trained", "forgetting", "empty")


@pytest.fixture(scope="module")
def changed_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled shop with its nano model, taught and trained, after its rules have changed."""
    root = tmp_path_factory.mktemp("gate") / "shop"
    trained_shop(root, labelled=700, steps=400)
    with Shop.open(root, SilentProgress()) as shop:
        superseding.remember(Evolution(shop, WallClock()))
    change_the_rules(root, EDITS)
    with Shop.open(root, SilentProgress()) as shop:
        evolution = Evolution(shop, WallClock(), in_process=True)
        superseding.carry_out(evolution, 1)
    return root


def test_twenty_bad_candidates_are_refused_and_nine_of_ten_good_ones_accepted(changed_shop: Path) -> None:
    with Shop.open(changed_shop, SilentProgress()) as shop:
        evolution = Evolution(shop, WallClock(), in_process=True)
        planting = Planting(evolution, give_lessons(evolution, load_shop().changed(EDITS)))
        active = shop.versions.active()
        assert active is not None
        said: list[tuple[str, str, Verdict]] = []
        for kind in (*(kind for kind in KINDS for _ in range(4)), *("good",) * 10):
            number = sum(kind == other for other, _, _ in said)
            candidate = getattr(planting, kind)(number)
            verdict, _ = Comparison.of(evolution, active, candidate).verdict()
            said.append((kind, candidate, verdict))
            print(f"{kind} {number}: {verdict.judgement}. {verdict.reason}", flush=True)
    bad = [verdict.judgement for kind, _, verdict in said if kind != "good"]
    good = [verdict.judgement for kind, _, verdict in said if kind == "good"]
    sizes = {name: part.figures()["items"] for name, part in said[-1][2].parts.items()}
    print(f"{bad.count('refuse')} of {len(bad)} bad candidates refused, {bad.count('promote')} promoted; "
          f"{good.count('promote')} of {len(good)} good ones promoted; evidence {sizes}")  # fmt: skip
    assert bad == ["refuse"] * 20
    assert good.count("promote") >= 9

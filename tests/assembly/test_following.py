"""A running service follows its shop: a promoted version answers without a restart, a broken one changes nothing."""

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from endcloud.assembly import Shop
from endcloud.assembly.following import Follower
from endcloud.cli.profiles import make_shop
from endcloud.end.methods import LoRA, PTuningV2
from endcloud.end.training import PeftTrainer, TrainingPlan
from endcloud.testing.silent_progress import SilentProgress
from endcloud.testing.tiny_base import SYSTEM, save_tiny_base, tiny_example
from endcloud.types import Delta, Message, Request, Sampling

EXAMPLES = [tiny_example(number) for number in range(12)]


class Sentences(SilentProgress):
    """Keeps what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, sentence: str) -> None:
        self.said.append(sentence)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    base = save_tiny_base("glm", tmp_path / "base")
    make_shop(tmp_path / "shop", "bundled", {"end": {"model": str(base), "precision": "float32", "device": "cpu"}})
    with Shop.open(tmp_path / "shop", Sentences()) as opened:
        yield opened


def trained(shop: Shop, method: LoRA | PTuningV2) -> str:
    plan = TrainingPlan(12, 1e-3, rows=2, check_every=12)
    trainer = PeftTrainer(shop.base, method, plan, shop.versions, system=SYSTEM, work=shop.directory.work)
    return trainer.train(EXAMPLES, [], SilentProgress()).digest


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.05)


def said(shop: Shop) -> str:
    progress = shop.progress
    assert isinstance(progress, Sentences)
    return "\n".join(progress.said)


async def answer(follower: Follower) -> list[Delta]:
    request = Request((Message("user", "请问多少钱包邮"),), sampling=Sampling(max_tokens=8))
    return [delta async for delta in follower.end().model.stream(request)]


def test_a_promoted_version_answers_without_a_restart_and_a_rollback_too(shop: Shop) -> None:
    first, second = trained(shop, LoRA(dropout=0.0)), trained(shop, PTuningV2(5))
    with Follower.of(shop) as follower:
        assert follower.end().version == "base"
        for digest in (first, second):
            shop.put_into_service(digest, "in a test")
            until(lambda digest=digest: follower.end().version == digest)
            assert asyncio.run(answer(follower))[-1].finish is not None
        shop.roll_back("in a test")
        until(lambda: follower.end().version == first)


def test_a_request_under_way_ends_with_the_version_it_began_with(shop: Shop) -> None:
    digest = trained(shop, LoRA(dropout=0.0))

    async def across(follower: Follower) -> str:
        route = follower.end()
        request = Request((Message("user", "请问多少钱包邮"),), sampling=Sampling(max_tokens=8))
        stream = route.model.stream(request)
        pieces = [(await anext(stream)).text]  # type: ignore[arg-type]
        shop.put_into_service(digest, "in a test")
        await asyncio.to_thread(until, lambda: follower.end().version == digest)
        return "".join([*pieces, *[delta.text async for delta in stream]])

    with Follower.of(shop) as follower:
        alone = "".join(delta.text for delta in asyncio.run(answer(follower)))
        assert asyncio.run(across(follower)) == alone


def test_a_broken_version_changes_nothing_and_is_said_once(shop: Shop) -> None:
    digest = trained(shop, LoRA(dropout=0.0))
    with Follower.of(shop) as follower:
        (shop.versions.path(digest) / "adapter_model.safetensors").write_bytes(b"damaged")
        shop.versions.stand(digest, "active", "in a test, unchecked")
        until(lambda: "goes on as it was" in said(shop))
        follower.look()
        follower.look()
        assert follower.end().version == "base" and said(shop).count("goes on as it was") == 1
        assert asyncio.run(answer(follower))[-1].finish is not None


def test_an_unreadable_list_of_words_leaves_the_old_one_in_force(shop: Shop) -> None:
    with Follower.of(shop) as follower:
        before = list(follower.checks)
        assert before[0].problem("全网最低", ()) == "forbidden word '全网最低'"
        (shop.directory.root / "forbidden_words.txt").write_bytes(b"\xff\xfe\x00bad")
        until(lambda: "cannot be read" in said(shop))
        assert follower.checks[0].problem("全网最低", ()) == "forbidden word '全网最低'"


def test_a_share_of_conversations_meets_a_canary_until_it_is_decided(shop: Shop) -> None:
    first, second = trained(shop, LoRA(dropout=0.0)), trained(shop, PTuningV2(5))
    shop.put_into_service(first, "in a test")
    shop.settings = shop.settings.model_copy(
        update={"evolution": shop.settings.evolution.model_copy(update={"canary_share": 0.25})}
    )
    talks = [f"c{number}" for number in range(400)]

    def met(follower: Follower) -> list[str]:
        follower.look()
        return [follower.end().met_in(talk).version for talk in talks]

    with Follower.of(shop) as follower:
        assert set(met(follower)) == {first}
        shop.versions.stand(second, "canary", "in a test")
        drawn = met(follower)
        assert 60 <= drawn.count(second) <= 140 and drawn == met(follower), "the same conversations, each time"
        shop.versions.stand(second, "rejected", "in a test")
        assert set(met(follower)) == {first}
        shop.versions.stand(second, "canary", "in a test")
        met(follower)
        shop.put_into_service(second, "in a test")
        assert set(met(follower)) == {second}


def test_a_broken_canary_is_met_by_nobody(shop: Shop) -> None:
    digest = trained(shop, LoRA(dropout=0.0))
    with Follower.of(shop) as follower:
        (shop.versions.path(digest) / "adapter_model.safetensors").write_bytes(b"damaged")
        shop.versions.stand(digest, "canary", "in a test, unchecked")
        until(lambda: "goes on as it was" in said(shop))
        assert follower.end().canary is None and follower.end().version == "base"

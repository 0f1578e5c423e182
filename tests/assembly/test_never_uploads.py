"""`privacy.upload = "never"`: the whole product works without a cloud, and opens no connection at all."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from endcloud.assembly import Shop
from endcloud.assembly.evolving import Evolution, evolve
from endcloud.assembly.serving import keys_of, running
from endcloud.cli.main import app
from endcloud.cli.profiles import make_shop
from endcloud.cloud.retry import WallClock
from endcloud.errors import EndcloudError, SettingsError
from endcloud.loop import run as run_loop
from endcloud.settings import Price
from endcloud.store.feedback import StoredFeedbacks
from endcloud.testing.loopback_cloud import LoopbackCloud
from endcloud.testing.silent_progress import SilentProgress
from endcloud.testing.tiny_base import TEXTS, save_tiny_base
from endcloud.types import Feedback, Message, Request

END = {"data": "cloud", "precision": "float32", "device": "cpu", "steps": 4, "learning_rate": 1e-3, "max_tokens": 8}
EVOLUTION = {"fewest_lessons": 1, "steps": 2, "audit_share": 1.0, "approval": "none", "held_out_share": 0.001}


@pytest.fixture(autouse=True)
def connections(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every connection that is tried; none is made."""
    tried: list[Any] = []

    def refuse(_: socket.socket, address: Any) -> None:
        tried.append(address)
        raise ConnectionRefusedError(f"A connection to {address!r} was tried.")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    monkeypatch.setenv("ENDCLOUD_CLOUD_KEY", "any")
    return tried


@pytest.fixture(scope="module")
def cloud() -> Iterator[LoopbackCloud]:
    """A cloud that would answer, and that nobody may ask."""
    with LoopbackCloud() as server:
        yield server


@pytest.fixture
def root(tmp_path: Path, cloud: LoopbackCloud) -> Path:
    make_shop(
        tmp_path / "shop",
        "bundled",
        {
            "cloud": {"base_url": cloud.base_url, "model": "loopback", "prices": {"loopback": Price()}},
            "end": {"model": str(save_tiny_base("glm", tmp_path / "base")), **END},
            "evolution": EVOLUTION,
            "privacy": {"upload": "never"},
        },
    )
    rows = [
        {"messages": [{"role": "user", "content": f"{TEXTS[n % 3 * 2]}{n}号，我电话1380013{n:04d}"},
                      {"role": "assistant", "content": f"{TEXTS[n % 3 * 2 + 1]}{n}"}]}
        for n in range(30)
    ]  # fmt: skip
    logs = tmp_path / "logs.jsonl"
    logs.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    return tmp_path / "shop"


def command(*arguments: object) -> str:
    done = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def refusal(*arguments: object) -> str:
    done = CliRunner().invoke(app, list(map(str, arguments)))
    assert isinstance(done.exception, EndcloudError), done.output
    return str(done.exception)


def test_the_whole_product_works_and_no_connection_is_tried(
    root: Path, cloud: LoopbackCloud, connections: list[Any]
) -> None:
    command("corpus", root.parent / "logs.jsonl", "--shop", root)
    assert "nothing is sent to any cloud" in " ".join(command("teach", "--shop", root).split())
    command("train", "--shop", root)
    assert "Equation 1 cannot be computed" in command("evaluate", "--seeds", "0", "--limit", "2", "--shop", root)
    assert "nothing may leave" in command("status", "--shop", root)
    assert "people do all" in " ".join(command("doctor", "--ask", "--shop", root).split())
    clock = WallClock()
    with Shop.open(root, SilentProgress()) as shop:
        shop.put_into_service(shop.versions.all()[-1].digest, "in a test")
        with running(shop) as service, TestClient(service.app, "http://127.0.0.1", client=("127.0.0.1", 1)) as web:
            body = {"model": "endcloud", "messages": [{"role": "user", "content": "我叫王小明，包邮吗"}]}
            secret = keys_of(shop).make("shop", "service")
            headers = {"x-endcloud-conversation": "c1", "authorization": f"Bearer {secret}"}
            told = web.post("/v1/chat/completions", json=body, headers=headers)
            assert told.status_code == 200, told.text
            reply = service.service.conversations.turns("c1")[-1]
            assert reply.speaker in ("end", "service", "system") and "cloud" not in reply.speaker
        StoredFeedbacks(shop.database).add(
            Feedback("f1", reply.id, "c1", "correction", "reviewer", "anna", clock.now(), None, "满五十九元包邮哦")
        )
        evolution = Evolution(shop, clock, in_process=True)
        round = evolve(evolution)
        assert [lesson.reply for lesson in evolution.lessons.all()] == ["满五十九元包邮哦"]
        assert round.candidate, "the correction was learned"
        assert shop.ledger.count() == 0 and shop.budget.spent() == 0
    assert "privacy.upload is 'never'" in refusal("experiment", "paper", "--shop", root)
    assert (connections, cloud.calls) == ([], [])


def test_the_loop_in_python_promotes_nothing_where_nothing_can_be_compared(
    root: Path, cloud: LoopbackCloud, connections: list[Any]
) -> None:
    with Shop.open(root, SilentProgress()) as shop:
        turn = run_loop(shop, [root.parent / "logs.jsonl"], ["lora"])
        assert (turn.labels, len(turn.versions), turn.promoted) == (0, 1, None)
    assert (connections, cloud.calls) == ([], [])


def test_whoever_asks_the_cloud_by_itself_is_told_why_not(root: Path, connections: list[Any]) -> None:
    async def ask(shop: Shop) -> None:
        async for _ in shop.cloud.stream(Request((Message("user", "包邮吗"),))):
            pass

    with Shop.open(root, SilentProgress()) as shop, pytest.raises(SettingsError, match=r"privacy\.upload is 'never'"):
        asyncio.run(ask(shop))
    assert connections == []


@pytest.mark.parametrize("what", ["demo", "simulate --quick"])
def test_what_lives_by_a_cloud_says_so(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, connections: list[Any]
) -> None:
    monkeypatch.setenv("ENDCLOUD_PRIVACY__UPLOAD", "never")
    assert "privacy.upload is 'never'" in refusal(*what.split(), "--shop", tmp_path / "another")
    assert connections == []

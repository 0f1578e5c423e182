"""The service under load, killed and thrown at: nothing acknowledged is lost, and nobody notices anybody."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from fuzzed import answers
from served_shop import set_up
from web_server import serving

from endcloud.end.base_model import load_base
from endcloud.end.chat_format import ChatFormat, with_system
from endcloud.end.continuous import Row, generator, stop_ids_of
from endcloud.end.engine import Engine, Flight
from endcloud.end.methods import LoRA, Method, PrefixTuning, PTuningV2, TrainingPlan
from endcloud.end.residents import BASE, Residents
from endcloud.end.training import PeftTrainer
from endcloud.end.versions import VersionDirectory
from endcloud.store.conversations import StoredConversations
from endcloud.store.database import Database, sqlite_url
from endcloud.store.feedback import StoredFeedbacks
from endcloud.store.versions import StoredVersions
from endcloud.testing.loopback_cloud import LoopbackCloud
from endcloud.testing.silent_progress import SilentProgress
from endcloud.testing.tiny_base import SYSTEM, save_tiny_base, tiny_example
from endcloud.types import Sampling

pytestmark = pytest.mark.proof

NEAR_TIE = 1e-4
KILLS = 5
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def test_a_thousand_generated_requests_are_no_server_error(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        seen = answers(served, 2_000)  # many an operation has less to vary
    print(f"{sum(seen.values())} requests: " + ", ".join(f"{n} × {s}" for s, n in sorted(_by_status(seen).items())))
    assert sum(seen.values()) >= 1_000 and [found for found in seen if found[1] >= 500] == []


def _by_status(seen: dict[tuple[str, int], int]) -> dict[int, int]:
    found: dict[int, int] = {}
    for (_, status), number in seen.items():
        found[status] = found.get(status, 0) + number
    return found


# -- killed ----------------------------------------------------------------------------------------------------


@contextmanager
def service(shop: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "endcloud.cli.main", "serve", "--shop", str(shop), "--port", "0", "--json"]
    environment = os.environ | {"ENDCLOUD_CLOUD_KEY": "any", "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        try:
            yield process, json.loads(process.stdout.readline())["url"]
        finally:
            process.kill()


class Acknowledged:
    """What the service has said it keeps: turns and feedback by their ids, and a reply to judge."""

    def __init__(self) -> None:
        self.turns: set[str] = set()
        self.feedback: set[str] = set()
        self.corrections: set[str] = set()

    def talk(self, url: str, key: str, reviewer: str) -> None:
        """Asks, rates and corrects until the service is gone; notes only what was answered with success."""
        client = httpx.Client(base_url=url, timeout=20)
        token = {"authorization": f"Bearer {_token(client, key)}"}
        conversation = uuid4().hex
        with suppress(httpx.HTTPError, KeyError, IndexError):
            while True:
                query = uuid4().hex
                asked = {"id": query, "text": f"满多少包邮 {query[:4]}"}
                if client.post(f"/v1/conversations/{conversation}/turns", json=asked, headers=token).status_code != 202:
                    time.sleep(0.02)
                    continue
                self.turns.add(query)
                turns = client.get(f"/v1/conversations/{conversation}/turns", headers=token).json()["turns"]
                self.turns |= {turn["id"] for turn in turns}  # what was shown is on disk
                replies = [turn for turn in turns if turn["speaker"] in ("end", "cloud")]
                if not replies:
                    continue
                rating = {"id": uuid4().hex, "turn": replies[-1]["id"], "kind": "thumb", "value": -1}
                if client.post("/v1/feedback", json=rating, headers=token).json().get("recorded"):
                    self.feedback.add(rating["id"])
                right = {"id": uuid4().hex, "turn": replies[-1]["id"], "kind": "correction", "text": "满59元包邮"}
                told = client.post("/v1/feedback", json=right, headers={"authorization": f"Bearer {reviewer}"})
                if told.json().get("recorded"):
                    self.corrections.add(right["id"])


def _token(client: httpx.Client, key: str) -> str:
    answer = client.post("/v1/tokens", json={"customer": uuid4().hex}, headers={"authorization": f"Bearer {key}"})
    return str(answer.json()["token"])


def _key(shop: Path, name: str, role: str) -> str:
    command = [sys.executable, "-m", "endcloud.cli.main", "keys", "make", name, "--role", role, "--shop", str(shop)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    shop, kept, chance = tmp_path / "shop", Acknowledged(), random.Random(7)
    with LoopbackCloud(lambda _: "亲，满59元包邮哦", logprob=-0.01) as end, LoopbackCloud() as cloud:
        set_up(shop, end, cloud)
        key, reviewer = _key(shop, "system", "service"), _key(shop, "reviewer", "reviewer")
        for _ in range(KILLS):
            with service(shop) as (process, url):
                talkers = [threading.Thread(target=kept.talk, args=(url, key, reviewer)) for _ in range(6)]
                for talker in talkers:
                    talker.start()
                time.sleep(chance.uniform(2, 4))
                process.kill()  # SIGKILL, in the middle of whatever it does
                for talker in talkers:
                    talker.join(timeout=60)
    database = Database(sqlite_url(shop / "store.db"))
    conversations, feedbacks = StoredConversations(database), StoredFeedbacks(database)
    lost = [name for name in kept.turns if conversations.turn(name) is None]
    known = {one.id for one in feedbacks.since(_LONG_AGO)}
    database.close()
    found = f"{len(kept.turns)} turns, {len(kept.feedback)} ratings and {len(kept.corrections)} corrections"
    print(f"{found} acknowledged before {KILLS} kills; {len(lost)} turns lost")
    assert lost == [] and kept.feedback <= known and kept.corrections <= known
    assert len(kept.turns) > 50 and kept.feedback and kept.corrections


# -- mixed -----------------------------------------------------------------------------------------------------


def test_thirty_two_streams_of_mixed_versions_say_what_each_says_alone(tmp_path: Path) -> None:
    base = load_base(str(save_tiny_base("glm", tmp_path / "base")), device="cpu", precision="float32")
    versions = StoredVersions(Database(sqlite_url(tmp_path / "s.db")), VersionDirectory(tmp_path / "versions"))
    examples = [tiny_example(number) for number in range(12)]
    digests = [BASE]
    methods: list[tuple[Method, float]] = [
        (LoRA(dropout=0.0, targets="all"), 1e-3),
        (LoRA(rank=4, dropout=0.0), 3e-3),
        (PrefixTuning(8), 1e-3),
        (PTuningV2(5), 1e-2),
    ]
    for method, rate in methods:
        plan = TrainingPlan(12, rate, rows=2, check_every=12)
        trainer = PeftTrainer(base, method, plan, versions, system=SYSTEM, work=tmp_path)
        digests.append(trainer.train(examples, [], SilentProgress()).digest)
    asked = [(digest, example.messages) for _ in range(4) for example in examples for digest in digests]
    residents = Residents(base, versions, SYSTEM, 256, most=8)
    form = ChatFormat(base.tokenizer)

    def drawn(rows: int, prefix_tokens: int) -> list[Row]:
        engine = Engine(residents, stop_ids_of(form, base.model), rows=rows, prefix_tokens=prefix_tokens)
        ended = threading.Semaphore(0)

        def hear(flight: Flight) -> None:
            if flight.error is not None or flight.row.finish is not None:
                ended.release()

        flights = []
        for number, (digest, messages) in enumerate(asked):
            resident = engine.hold(digest)
            prompt = form.prompt_ids(with_system(resident.system, messages))
            sampling = Sampling(1.0, 0.9, 24, seed=number) if number % 3 == 0 else Sampling(max_tokens=24)
            flights.append(Flight(Row(prompt, resident, sampling, generator(sampling.seed, number)), hear))
        for flight in flights:
            engine.submit(flight)
        for _ in flights:
            assert ended.acquire(timeout=300)
        assert [flight.error for flight in flights if flight.error] == []
        return [flight.row for flight in flights]

    alone, together = drawn(1, 0), drawn(32, 16_384)
    ties = [_tie(one, other) for one, other in zip(alone, together, strict=True) if one.ids != other.ids]
    print(
        f"{len(asked)} replies of {len(digests)} versions, 32 at once: "
        f"{len(ties)} differ from the single ones; margins {ties}"
    )
    assert all(margin < NEAR_TIE for margin in ties) and len(ties) < len(asked) // 20


def _tie(alone: Row, together: Row) -> float:
    """How far the two likeliest tokens were apart where two replies part."""
    pairs = enumerate(zip(alone.ids, together.ids, strict=False))
    at = next((at for at, (one, other) in pairs if one != other), min(len(alone.ids), len(together.ids)))
    return alone.margins[at]

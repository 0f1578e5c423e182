"""The teacher against a cloud that fails, and a teacher that is killed: each item labelled once, budget never passed.

A real HTTP server on a loopback port, the real client behind the real guard, a real store on disk.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Row, select

from endcloud.cloud.budget import Prices
from endcloud.cloud.client import OpenAICloud
from endcloud.cloud.exemplars import Exemplars
from endcloud.cloud.labelling import LabelReport, label
from endcloud.cloud.persona import Persona
from endcloud.cloud.policies import Policies
from endcloud.cloud.retry import RetryPolicy
from endcloud.cloud.teacher import Teacher
from endcloud.privacy.detection import Detector
from endcloud.privacy.guard import Guard
from endcloud.privacy.masking import ConversationMasker
from endcloud.store.budget import StoredBudget
from endcloud.store.database import Database, sqlite_url
from endcloud.store.labels import StoredLabels
from endcloud.store.ledger import StoredLedger
from endcloud.store.tables import LabelRow, ReservationRow
from endcloud.testing.loopback_cloud import Fault, LoopbackCloud
from endcloud.testing.silent_progress import SilentProgress
from endcloud.types import Example, Message

pytestmark = pytest.mark.proof

CONCURRENCY = 8
PRICES = Prices(prompt=10.0, cached=1.0, completion=20.0)
FAULTS: tuple[Fault, ...] = ("rate limit", "server error", "timeout", "cut", "bad json")


def examples(count: int) -> list[Example]:
    """Questions of one shop; every fifth names a telephone number, which must not reach the cloud."""
    return [
        Example(
            id=f"e{n}",
            dialogue=f"d{n}",
            subject="s",
            messages=(Message("user", f"第{n}件商品什么时候到" + ("，我电话13800138000" if n % 5 == 0 else "")),),
            reply=f"亲，第{n}件正在路上",
            origin="natural",
            source="proof",
            split=("train", "train", "validation", "test")[n % 4],
        )
        for n in range(count)
    ]


def teach(
    base_url: str, store: Path, count: int, limit: float = 1e6, concurrency: int = CONCURRENCY, timeout: float = 30.0
) -> LabelReport:
    """What `endcloud teach` does, with all its real parts."""
    database = Database(sqlite_url(store))
    asked = examples(count)
    cloud = OpenAICloud(base_url, "loopback", "key", timeout=timeout)
    guard = Guard(cloud, ConversationMasker(Detector()), StoredLedger(database))
    exemplars = Exemplars([e for e in asked if e.split == "train"], pairs=40)
    teacher = Teacher(guard, Persona("你是客服。", "亲切。"), Policies(["付款后48小时内发货。"]), exemplars)
    try:
        return label(
            asked,
            teacher,
            StoredLabels(database),
            StoredBudget(database, limit),
            prices=PRICES,
            progress=SilentProgress(),
            concurrency=concurrency,
            retry=RetryPolicy(attempts=12, first=0.02, longest=0.2),
        )
    finally:
        database.close()


def rows(store: Path) -> tuple[list[Row[Any]], list[Row[Any]]]:
    database = Database(sqlite_url(store))
    with database.reading() as connection:
        found = list(connection.execute(select(LabelRow))), list(connection.execute(select(ReservationRow)))
    database.close()
    return found


def failing(share: float, seed: int) -> Callable[[int, str], Fault | None]:
    draw = random.Random(seed)
    return lambda number, question: draw.choice(FAULTS) if draw.random() < share else None


def test_a_cloud_that_fails_thirty_percent_of_calls_labels_every_item_once(tmp_path: Path) -> None:
    store = tmp_path / "store.db"
    with LoopbackCloud(lambda messages: "亲，已经安排了", failing(0.3, 5), silence=3.0) as cloud:
        report = teach(cloud.base_url, store, 400, timeout=1.5)
    labels, reservations = rows(store)
    assert Counter(row.example for row in labels) == Counter({f"e{n}": 1 for n in range(400)})
    assert report.labelled == 400 and report.reasons == {}
    failed = Counter(call.fault for call in cloud.calls if call.fault)
    assert set(failed) == set(FAULTS), "every kind of failure happened"
    assert sum(failed.values()) == sum(report.failed_calls.values()) > 0.2 * len(cloud.calls)
    assert all(count == 1 for count in Counter(cloud.answered).values()), "nothing answered was asked again"
    assert all(row.settled is not None for row in reservations) and len(reservations) == report.calls == len(
        cloud.calls
    )
    sent = "".join(str(call.body) for call in cloud.calls)
    assert "13800138000" not in sent and "[电话_1]" in sent and cloud.calls[0].key == "key"


def test_the_budget_is_never_passed_by_a_failing_cloud(tmp_path: Path) -> None:
    store = tmp_path / "store.db"
    database = Database(sqlite_url(store))
    watched, limit, seen = StoredBudget(database, 0.0), 1.5, list[float]()
    faults = failing(0.3, 6)

    def watch(number: int, question: str) -> Fault | None:
        seen.append(watched.spent())
        return faults(number, question)

    with LoopbackCloud(lambda messages: "亲，已经安排了", watch, silence=3.0) as cloud:
        report = teach(cloud.base_url, store, 400, limit=limit, timeout=1.5)
        assert report.stopped and 0 < report.labelled < 400 and report.unasked == 400 - report.labelled
        assert max(seen) <= limit and watched.spent() <= limit
        more = teach(cloud.base_url, store, 400, limit=100.0, timeout=1.5)
    database.close()
    assert more.labelled == 400 and more.kept == report.labelled
    labels, _ = rows(store)
    assert Counter(row.example for row in labels) == Counter({f"e{n}": 1 for n in range(400)})


def test_a_killed_teacher_goes_on_and_asks_only_what_was_in_flight(tmp_path: Path) -> None:
    store, count, kills = tmp_path / "store.db", 240, 3
    with LoopbackCloud(lambda messages: "亲，已经安排了", seconds=0.05) as cloud:
        for kill in range(kills):
            child = _child(cloud.base_url, store, count)
            _wait(lambda wanted=(kill + 1) * 55: len(cloud.calls) >= wanted, child)
            os.kill(child.pid, signal.SIGKILL)
            child.wait()
        time.sleep(0.3)
        done = len(rows(store)[0])
        assert 0 < done < count, "the kills came in the middle"
        assert _child(cloud.base_url, store, count).wait(400) == 0
    labels, reservations = rows(store)
    assert Counter(row.example for row in labels) == Counter({f"e{n}": 1 for n in range(count)})
    again = sum(times - 1 for times in Counter(call.question for call in cloud.calls).values())
    assert again <= kills * CONCURRENCY, f"{again} questions were asked again after {kills} kills"
    lost = [row for row in reservations if row.settled is None]
    assert len(lost) <= kills * CONCURRENCY
    database = Database(sqlite_url(store))
    settled = sum(row.settled for row in reservations if row.settled is not None)
    assert StoredBudget(database, 1.0).spent() == pytest.approx(settled + sum(row.reserved for row in lost))
    database.close()


def test_an_interrupted_teacher_ends_as_an_interrupt_and_goes_on(tmp_path: Path) -> None:
    store, count = tmp_path / "store.db", 120
    with LoopbackCloud(lambda messages: "亲，已经安排了", seconds=0.05) as cloud:
        child = _child(cloud.base_url, store, count)
        _wait(lambda: len(cloud.calls) >= 40, child)
        child.send_signal(signal.SIGINT)
        assert child.wait(120) in (-signal.SIGINT, 130)
        assert 0 < len(rows(store)[0]) < count
        assert _child(cloud.base_url, store, count).wait(400) == 0
    assert Counter(row.example for row in rows(store)[0]) == Counter({f"e{n}": 1 for n in range(count)})


def _child(base_url: str, store: Path, count: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, __file__, base_url, str(store), str(count)])


def _wait(condition: Callable[[], bool], child: subprocess.Popen[bytes], seconds: float = 400.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert child.poll() is None and time.monotonic() < deadline, "the teacher ended before it could be killed"
        time.sleep(0.005)


if __name__ == "__main__":
    teach(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))

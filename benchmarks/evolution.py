"""What a round of online evolution does to a service, and what preference learning is worth.

    endcloud demo --shop demo-shop
    python benchmarks/evolution.py latency demo-shop [--seconds 10] [--rounds 12] [--rate 1]
    python benchmarks/evolution.py preference demo-shop [--seeds 2] [--lessons 16,60]

`latency`: a real `endcloud serve` answers the same questions at a steady rate, in short stretches by turns alone (the
training is stopped by a signal) and beside a training in a child process as a round starts it (`[evolution]` nice and
threads), so that whatever else the machine does weighs on both; prints p50 and p95 of whole replies and of first
words, and their ratio. Exits with 1 where the ratio of p95 is above 1.5.

`preference`: four rules of the bundled shop are edited; lessons are questions that the version in service now answers
wrongly, its own reply being the poor one. Plain training and preference learning on the same lessons, by the same code
as a round's, beside each other, on unseen questions about the edited rules and about all others. In the rows `disliked`
as many lessons again are replies that were right and disliked, with another right reply beside them.
Works on a copy of the shop; half a minute a training on a free core.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from endcloud.assembly import Shop
from endcloud.assembly.candidates import train
from endcloud.assembly.evolving import Evolution
from endcloud.assembly.serving import keys_of
from endcloud.assembly.stage_process import child_at
from endcloud.bootstrap import interval
from endcloud.bundled.dialogues import Ask, dialogues, exchange
from endcloud.bundled.held_out import Question, combinations, patterns
from endcloud.bundled.shop import Shop as BundledShop
from endcloud.bundled.shop import load_shop
from endcloud.bundled.truth import judge
from endcloud.cloud.retry import WallClock
from endcloud.rounds import Lesson, Retirement, Round
from endcloud.testing.silent_progress import SilentProgress
from endcloud.types import Message, Sampling

EDITS = {"free_shipping": "88", "dispatch_hours": "36", "return_window": "9", "service_hours": "21"}
WORST_RATIO = 1.5
SEED = 7  # of the bundled shop's dialogues


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("latency", "preference"))
    parser.add_argument("shop", type=Path)
    parser.add_argument("--seconds", type=float, default=10, help="of each stretch of load")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--rate", type=float, default=1.0, help="questions a second")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--lessons", default="16,60")
    given = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # rows come minutes apart
    with tempfile.TemporaryDirectory() as folder:
        root = Path(shutil.copytree(given.shop, Path(folder) / "shop"))
        if given.what == "latency":
            return latency(root, given.seconds, given.rounds, given.rate)
        return preference(root, given.seeds, [int(number) for number in given.lessons.split(",")])


# -- lessons -----------------------------------------------------------------------------------------------------


@dataclass
class Edited:
    """The bundled shop before and after an edit of four rules."""

    old: BundledShop = field(default_factory=load_shop)

    def __post_init__(self) -> None:
        self.new = self.old.changed(EDITS)
        self.names = {
            intent.name for intent in self.new.intents.values() if any(value in EDITS for value in intent.values)
        }

    def questions(self, n: int = 250) -> tuple[list[Question], list[Question]]:
        """Unseen ones about the edited rules, and `n` about all others."""
        drawn = [*combinations(self.new, 900, SEED), *patterns(self.new, 900, SEED)]
        random.Random(SEED).shuffle(drawn)
        about = [question for question in drawn if question.meaning.intent in self.names]
        others = [question for question in drawn if question.meaning.intent not in self.names]
        return about, others[:n]

    def retired(self, shop: Shop) -> list[Retirement]:
        """What the corpus and the cloud's labels say about the edited rules, known here by what was asked."""
        asked = {one.query: one.ask.intent.name for each in dialogues(self.old, SEED) for one in each.exchanges}
        stale = {each.id for each in shop.recorded() if asked.get(each.query) in self.names}
        labels = [name for name, label in shop.labels.standing().items() if label.example in stale]
        at = datetime.now(UTC)
        return [Retirement(name, "its rule was edited", "benchmark", at) for name in (*stale, *labels)]

    def exchanges(self, seed: int, *, edited: bool) -> Iterator[tuple[str, str, Any]]:
        """Queries in trained wordings, with a right reply of the new rules and what is true."""
        draw, seen = random.Random(f"lessons {seed} {edited}"), set()
        asks = [
            Ask(intent, pattern, row)
            for intent in self.new.intents.values()
            if (intent.name in self.names) == edited and intent.name not in ("greeting", "thanks")
            for pattern in intent.patterns
            for row in self.new.rows(intent)
        ]
        while True:
            found = exchange(self.new, draw.choice(asks), draw, careless=0.0)
            if found is not None and found.query not in seen:
                seen.add(found.query)
                yield found.query, found.reply, found.meaning(self.new)


def lessons_of(shop: Shop, edited: Edited, number: int, seed: int, *, disliked: bool = False) -> list[Lesson]:
    """Questions that the version in service answers wrongly, or (`disliked`) rightly in other words than the label."""
    found: list[Lesson] = []
    drawn = edited.exchanges(seed, edited=not disliked)
    model = shop.end_model()
    while len(found) < number:
        some = [next(drawn) for _ in range(64)]
        replies = model.answer_all([[Message("user", query)] for query, _, _ in some], _GREEDY, SilentProgress())
        for (query, right, meaning), reply in zip(some, replies, strict=True):
            if judge(meaning, reply.text).right == disliked and reply.text.strip() != right:
                found.append(_lesson(f"{'d' if disliked else 'w'}{seed}-{len(found)}", query, right, reply.text))
    return found[:number]


def _lesson(name: str, query: str, right: str, poor: str) -> Lesson:
    said = (Message("user", query),)
    return Lesson(
        f"lesson:{name}", name, name, "", name, "train", said, right, poor, "pseudo", (), "not needed", 1,
        datetime.now(UTC),
    )  # fmt: skip


_GREEDY = Sampling(max_tokens=64)


# -- preference learning -----------------------------------------------------------------------------------------


def preference(root: Path, seeds: int, numbers: Sequence[int]) -> int:
    edited = Edited()
    about, others = edited.questions()
    print(f"{len(about)} unseen questions about the edited rules, {len(others)} about others\n")
    with Shop.open(root, SilentProgress()) as shop:
        before = [share(shop, shop.versions.active() or "base", some) for some in (about, others)]
    print("| lessons | kind | objective | right on edited rules | right on others | steps | seconds |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    print(f"| 0 | in service | | {text(before[:1])} | {text(before[1:])} | | |")
    for number in numbers:
        for kind in ("wrong", "wrong + disliked"):
            for objective in ("sft", "dpo"):
                runs = [learned(root, edited, number, kind, objective, seed, about, others) for seed in range(seeds)]
                steps, seconds = runs[0][2]["steps"], sum(run[2]["seconds"] for run in runs) / len(runs)
                found = [text([run[0] for run in runs]), text([run[1] for run in runs])]
                print("| " + " | ".join([str(number), kind, objective, *found, str(steps), f"{seconds:.0f}"]) + " |")
    return 0


def learned(
    root: Path,
    edited: Edited,
    number: int,
    kind: str,
    objective: str,
    seed: int,
    about: Sequence[Question],
    others: Sequence[Question],
) -> tuple[list[float], list[float], dict[str, Any]]:
    """One training of a round on a fresh copy of the shop: who is right where, and what it took."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(root, Path(folder) / "shop"))
        with Shop.open(copy, SilentProgress()) as opened:
            evolving = opened.settings.evolution.model_copy(update={"objective": objective})
            shop = Shop(opened.directory, opened.settings.model_copy(update={"evolution": evolving}), SilentProgress())
            with shop:
                evolution = Evolution(shop, WallClock(), in_process=True)
                evolution.retirements.add(edited.retired(shop))
                evolution.lessons.add(lessons_of(shop, edited, number, seed))
                if "disliked" in kind:
                    evolution.lessons.add(lessons_of(shop, edited, number, seed, disliked=True))
                done = train(evolution, begun(evolution))
                assert done.candidate is not None, done.reason
                shares = [share(shop, done.candidate, some) for some in (about, others)]
                return shares[0], shares[1], dict(done.figures)


def begun(evolution: Evolution) -> Round:
    parent = evolution.shop.versions.active() or "base"
    return evolution.rounds.begin(evolution.worker, parent, evolution.clock.now(), 3600)


def share(shop: Shop, version: str, questions: Sequence[Question]) -> list[float]:
    """1 for each question that a version answers rightly."""
    replies = shop.end_model(version).answer_all([each.messages for each in questions], _GREEDY, SilentProgress())
    return [float(judge(each.meaning, reply.text).right) for each, reply in zip(questions, replies, strict=True)]


def text(runs: Sequence[Sequence[float]]) -> str:
    """The mean over all runs, with the interval over questions (each the mean of its runs)."""
    found = interval([sum(each) / len(each) for each in zip(*runs, strict=True)])
    assert found is not None
    return f"{found.mean:.3f} [{found.low:.3f}, {found.high:.3f}]"


# -- latency -----------------------------------------------------------------------------------------------------


@dataclass
class Times:
    """Seconds to the first words and to the whole reply, of one kind of stretch."""

    first: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    failed: int = 0

    def quantile(self, share: float, of: str = "whole") -> float:
        values: list[float] = sorted(getattr(self, of))
        return values[min(len(values) - 1, int(share * len(values)))]


def latency(root: Path, seconds: float, rounds: int, rate: float) -> int:
    edited = Edited()
    alone, beside = Times(), Times()
    with Shop.open(root, SilentProgress()) as shop, served(root) as url:
        key = keys_of(shop).make("benchmark", "service")
        evolution = Evolution(shop, WallClock())
        evolution.retirements.add(edited.retired(shop))
        evolution.lessons.add(lessons_of(shop, edited, 60, 0))
        del shop.__dict__["base"]
        round = begun(evolution)
        queries = [question.query for question in edited.questions()[1]]
        asyncio.run(load(url, key, queries, 5, rate, Times()))  # warms up
        with training(evolution, round) as (child, steps):
            working = 0.0
            for number in range(rounds):
                child.send_signal(signal.SIGSTOP)
                asyncio.run(load(url, key, queries, seconds, rate, alone))
                child.send_signal(signal.SIGCONT)
                began, before = time.monotonic(), len(steps)
                asyncio.run(load(url, key, queries, seconds, rate, beside))
                working += time.monotonic() - began
                print(f"round {number + 1} of {rounds}: {len(steps) - before} steps of training", file=sys.stderr)
            speed = len(steps) / working
    settings = evolution.settings
    print(f"{rate:g} questions a second, nice {settings.nice}, threads {settings.threads}, {os.cpu_count()} processors")
    print("| | replies | failed | p50 first | p95 first | p50 whole | p95 whole |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, times in (("alone", alone), ("beside a training", beside)):
        quantiles = [times.quantile(share, of) for of in ("first", "whole") for share in (0.5, 0.95)]
        figures = " | ".join(f"{1000 * value:.0f} ms" for value in quantiles)
        print(f"| {name} | {len(times.whole)} | {times.failed} | {figures} |")
    ratio = beside.quantile(0.95) / alone.quantile(0.95)
    print(f"p95 of whole replies: {ratio:.2f} times (aim: at most {WORST_RATIO}); training: {speed:.2f} steps/s")
    return int(ratio > WORST_RATIO or beside.failed > 0)


@contextmanager
def served(root: Path) -> Iterator[str]:
    """`endcloud serve` on a port of its own, the end model answering all it is asked."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "ENDCLOUD_SERVING__ACCEPT": "0", "ENDCLOUD_EVOLUTION__STEPS": "1000000"}
    environment.pop("OMP_NUM_THREADS", None)  # as an operator starts it
    command = [
        sys.executable,
        "-c",
        "from endcloud.cli.main import main; main()",
        "serve",
        "--shop",
        str(root),
        "--port",
        str(port),
    ]
    service = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        while True:
            try:
                if httpx.get(f"{url}/ready", timeout=5).status_code == 200:
                    break
            except httpx.HTTPError:
                assert service.poll() is None, "the service ended"
            time.sleep(0.2)
        yield url
    finally:
        service.terminate()
        service.wait()


@contextmanager
def training(evolution: Evolution, round: Round) -> Iterator[tuple[subprocess.Popen[str], list[float]]]:
    """A training that does not end, as a round starts it; the list grows by a number for each step."""
    from threading import Thread

    os.environ["ENDCLOUD_EVOLUTION__STEPS"] = "1000000"
    steps: list[float] = []

    def read(lines: Any) -> None:
        for line in lines:
            if json.loads(line)["kind"] == "advanced":
                steps.append(time.monotonic())

    with child_at(evolution, "train", round) as child:
        thread = Thread(target=read, args=(child.stdout,), daemon=True)
        thread.start()
        while not steps:
            assert child.poll() is None, child.stderr.read() if child.stderr else ""
            time.sleep(0.1)
        yield child, steps
        child.terminate()
        thread.join()


async def load(url: str, key: str, queries: Sequence[str], seconds: float, rate: float, times: Times) -> None:
    """Asks at a steady rate, whether or not the replies before have come; the same questions in every stretch."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=url, headers={"authorization": f"Bearer {key}"}, timeout=60, limits=limits
    ) as client:
        asked = []
        for number in range(int(seconds * rate)):
            asked.append(asyncio.create_task(ask(client, queries[number % len(queries)], times)))
            await asyncio.sleep(1 / rate)
        await asyncio.gather(*asked)


async def ask(client: httpx.AsyncClient, query: str, times: Times) -> None:
    body = {"model": "", "stream": True, "temperature": 0, "messages": [{"role": "user", "content": query}]}
    began, first = time.perf_counter(), 0.0
    async with client.stream("POST", "/v1/chat/completions", json=body) as reply:
        async for line in reply.aiter_lines():
            if not first and '"content"' in line:
                first = time.perf_counter() - began
        if reply.status_code != 200:
            times.failed += 1
            return
    times.first.append(first)
    times.whole.append(time.perf_counter() - began)


if __name__ == "__main__":
    sys.exit(main())

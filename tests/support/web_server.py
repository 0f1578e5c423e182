"""A real server on loopback over a real store, with scripted models."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from endcloud.assembly.back_office import evolving_over
from endcloud.cloud.budget import Prices
from endcloud.privacy.detection import Detector
from endcloud.privacy.masking import ConversationMasker
from endcloud.scoring.dual import DualScorer
from endcloud.serving.breaker import CircuitBreaker
from endcloud.serving.confidence import Uncalibrated
from endcloud.serving.office import OfficeHours
from endcloud.serving.release import ForbiddenWords
from endcloud.serving.router import CloudRoute, EndRoute, Router
from endcloud.serving.service import Service
from endcloud.store.budget import StoredBudget
from endcloud.store.canned_replies import CannedReplies
from endcloud.store.conversations import StoredConversations
from endcloud.store.customers import StoredCustomers
from endcloud.store.database import Database, sqlite_url
from endcloud.store.desk import StoredDesk
from endcloud.store.feedback import StoredFeedbacks
from endcloud.store.keys import ROLES, StoredKeys
from endcloud.store.ledger import StoredLedger
from endcloud.store.ledger_check import verify
from endcloud.store.lessons import StoredLessons
from endcloud.store.newest import newest
from endcloud.store.versions import StoredVersions
from endcloud.testing.fixed_clock import FixedClock
from endcloud.testing.memory_versions import MemoryVersions
from endcloud.testing.overlap_scorer import OverlapScorer
from endcloud.testing.scripted_model import Line, ScriptedModel
from endcloud.types import AdapterVersion, Turn
from endcloud.web.app import WebSettings, create_app
from endcloud.web.back_office import BackOffice
from endcloud.web.tokens import Tokens

REPLIES: dict[str, Line | str] = {
    "满多少包邮": "亲，满59元包邮，不满收8元运费。",
    "难题": Line("我不知道", -3.0),
    "坏词": "满59元包邮，我们是最好的。",
    "": "好的亲",
}


class KnowsNothing:
    def about(self, customer: str, query: str) -> tuple[str, ...]:
        return ()

    def recall(self, customer: str, query: Turn, about: Sequence[str]) -> tuple[Turn, ...]:
        return ()

    async def look_up(self, customer: str, query: str) -> str | None:
        return None

    def hear(self, customer: str, turn: Turn) -> None:
        """Nothing is remembered."""


@dataclass
class Served:
    """A running server: where it is, the keys that open it, and the parts behind it."""

    url: str
    keys: dict[str, str]
    service: Service
    end: ScriptedModel
    cloud: ScriptedModel
    clock: FixedClock
    shelf: Shelf
    database: Database

    def client(self, role: str = "", token: str = "") -> httpx.Client:
        shown = token or self.keys.get(role, "")
        return httpx.Client(
            base_url=self.url, headers={"authorization": f"Bearer {shown}"} if shown else {}, timeout=20
        )

    def visitor(self) -> httpx.Client:
        with self.client() as anyone:
            return self.client(token=anyone.post("/v1/visitors").json()["token"])

    def customer(self, name: str) -> httpx.Client:
        with self.client("service") as shop:
            return self.client(token=shop.post("/v1/tokens", json={"customer": name}).json()["token"])


@contextmanager
def serving(
    folder: Path,
    *,
    replies: Mapping[str, Line | str] = REPLIES,
    settings: WebSettings | None = None,
    port: int = 0,
    clock: FixedClock | None = None,
    store: Database | None = None,
) -> Iterator[Served]:
    """A server over the store in `folder`, or over another; begun again there, it goes on with what is in it."""
    database = store or Database(sqlite_url(folder / "store.db"))
    clock = clock or FixedClock()
    end, cloud = ScriptedModel(replies, "end"), ScriptedModel({"": "云端的回答"}, "cloud")
    router = Router(
        lambda: EndRoute(end, "v1", Uncalibrated(2, accept=0.5)),
        CloudRoute(cloud, lambda: True, CircuitBreaker(clock)),
        (ForbiddenWords(("最好",)),),
        clock,
    )
    service = Service(
        router,
        StoredConversations(database),
        StoredFeedbacks(database),
        StoredDesk(database),
        KnowsNothing(),
        OfficeHours.parse("00:00-24:00", "1234567", "UTC"),
        clock,
    )
    shelf = Shelf(database)
    keys = StoredKeys(database)
    made = {role: keys.make(f"the {role} {len(keys.all())}", role) for role in ROLES}
    chosen = settings or WebSettings(answers=4, allowed_origins=("https://shop.example",))
    office = _back_office(database, folder, shelf)
    server, url, thread = _served(
        create_app(service, keys, Tokens(b"secret", clock), chosen, office, StoredCustomers(database)), port
    )
    try:
        yield Served(url, made, service, end, cloud, clock, shelf, database)
    finally:
        server.should_exit = True
        thread.join(timeout=30)
        if store is None:
            database.close()


class Shelf:
    """Adapter versions without directories, and what the store says of them."""

    def __init__(self, database: Database) -> None:
        self._files = MemoryVersions()
        self.versions = StoredVersions(database, self._files)

    def add(self, digest: str, method: str, final_score: float | None = None) -> None:
        version = AdapterVersion(digest, "base", method, "", ("e1", "e2"), {})
        self._files.add(version)
        self.versions.add(version)
        if final_score is not None:
            self.versions.measure(digest, {"final_score": final_score})

    def rows(self) -> list[dict[str, Any]]:
        return [
            {
                "version": version.digest,
                "method": version.method,
                "examples": len(version.examples),
                "standing": self.versions.standing(version.digest),
                "final_score": self.versions.metrics(version.digest).get("final_score"),
                "parent": version.parent,
                "since": self.versions.history(version.digest)[-1][0].isoformat(),
                "reason": self.versions.history(version.digest)[-1][2],
            }
            for version in self.versions.all()
        ]

    def promote(self, version: str, reason: str) -> str:
        digest = self.versions.get(version).digest
        self.versions.stand(digest, "active", reason)
        return digest

    def roll_back(self, reason: str) -> str:
        return self.versions.withdraw(reason)


def _back_office(database: Database, folder: Path, shelf: Shelf) -> BackOffice:
    scorer = OverlapScorer()
    return BackOffice(
        shelf,
        StoredBudget(database, 5.0),
        Prices(1.0, 0.1, 4.0).of,
        "USD",
        StoredLedger(database),
        CannedReplies(folder / "canned_replies.toml"),
        DualScorer(scorer, scorer),
        replace(
            evolving_over(database, lambda: ConversationMasker(Detector(frozenset()))),
            questions=lambda names: {
                one.id: (one.query, one.reply) for one in StoredLessons(database).all() if one.id in names
            },
        ),
        newest=lambda: newest(database),
        verify=lambda: verify(database),
    )


def _served(app: FastAPI, port: int) -> tuple[uvicorn.Server, str, threading.Thread]:
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=port, log_level="critical", timeout_graceful_shutdown=2)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    bound = server.servers[0].sockets[0].getsockname()[1]
    return server, f"http://127.0.0.1:{bound}", thread

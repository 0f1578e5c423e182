"""A real server on loopback over a real store, with scripted models."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import uvicorn
from fastapi import FastAPI

from endcloud.serving.breaker import CircuitBreaker
from endcloud.serving.confidence import Uncalibrated
from endcloud.serving.office import OfficeHours
from endcloud.serving.release import ForbiddenWords
from endcloud.serving.router import CloudRoute, EndRoute, Router
from endcloud.serving.service import Service
from endcloud.store.conversations import StoredConversations
from endcloud.store.database import Database, sqlite_url
from endcloud.store.desk import StoredDesk
from endcloud.store.feedback import StoredFeedbacks
from endcloud.store.keys import ROLES, StoredKeys
from endcloud.testing.fixed_clock import FixedClock
from endcloud.testing.scripted_model import Line, ScriptedModel
from endcloud.types import Turn
from endcloud.web.app import WebSettings, create_app
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
    folder: Path, *, replies: Mapping[str, Line | str] = REPLIES, settings: WebSettings | None = None, port: int = 0
) -> Iterator[Served]:
    """A server over the store in `folder`; begun again there, it goes on with what is in it."""
    database = Database(sqlite_url(folder / "store.db"))
    clock = FixedClock()
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
    keys = StoredKeys(database)
    made = {role: keys.make(f"the {role} {len(keys.all())}", role) for role in ROLES}
    chosen = settings or WebSettings(answers=4, allowed_origins=("https://shop.example",))
    server, url, thread = _served(create_app(service, keys, Tokens(b"secret", clock), chosen), port)
    try:
        yield Served(url, made, service, end, cloud, clock)
    finally:
        server.should_exit = True
        thread.join(timeout=30)
        database.close()


def _served(app: FastAPI, port: int) -> tuple[uvicorn.Server, str, threading.Thread]:
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    bound = server.servers[0].sockets[0].getsockname()[1]
    return server, f"http://127.0.0.1:{bound}", thread

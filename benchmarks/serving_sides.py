"""The servers that `benchmarks/serving.py` compares, each in a process of its own over the same fake engine.

    python benchmarks/serving_sides.py service|proxy|refusal [--pace SECONDS] [--answers N]

*proxy* is a bare ASGI application: it reads the request, streams the engine's tokens as chat completion chunks, and
does nothing else. *service* is the real thing: keys, masking, checks on the way out, and every turn written to an
SQLite store with full sync before it is told. *refusal* answers 429 to everything and knows nothing else: what is left
is uvicorn, the system and whoever asks. All run on uvicorn and settle first as `endcloud serve` does. The address is
printed on the first line; while serving, `GET /_state` tells how many replies the engine is drawing, how much memory
the process holds and how many seconds of processor it has used.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import psutil
import uvicorn

from endcloud.cloud.retry import WallClock
from endcloud.privacy.detection import Detector
from endcloud.privacy.masked_chat import MaskedChat
from endcloud.privacy.masking import ConversationMasker
from endcloud.serving.breaker import CircuitBreaker
from endcloud.serving.confidence import Uncalibrated
from endcloud.serving.office import OfficeHours
from endcloud.serving.release import ForbiddenWords, StatedFacts
from endcloud.serving.router import CloudRoute, EndRoute, Router
from endcloud.serving.service import Service
from endcloud.store.conversations import StoredConversations
from endcloud.store.customers import StoredCustomers
from endcloud.store.database import Database, sqlite_url
from endcloud.store.desk import StoredDesk
from endcloud.store.feedback import StoredFeedbacks
from endcloud.store.keys import StoredKeys
from endcloud.types import Delta, Drawn, Message, Request, Tokens, Turn
from endcloud.web import tokens
from endcloud.web.app import WebSettings, create_app
from endcloud.web.server import keep_collections_short

REPLY = [
    "亲",
    "，",
    "您好",
    "，",
    "满59元",
    "包邮",
    "，",
    "不满",
    "收8元",
    "运费",
    "；",
    "付款",
    "后",
    "48小时",
    "内",
    "发货",
    "哦",
    "。",
]
KEY_FILE = "key"


class FakeEngine:
    """Says the same reply to everybody, a token every `pace` seconds (`protocols.ChatModel`)."""

    name = "fake"

    def __init__(self, pace: float) -> None:
        self._pace = pace
        self.drawing = 0

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        drawn = (Drawn(-0.01, 5.0),)
        self.drawing += 1
        try:
            for token in REPLY:
                await asyncio.sleep(self._pace)
                yield Delta(token, drawn=drawn)
            yield Delta("", "stop", Tokens(20, len(REPLY)), drawn)
        finally:
            self.drawing -= 1


class KnowsNothing:
    """No customer is known."""

    def about(self, customer: str, query: str) -> tuple[str, ...]:
        return ()

    def recall(self, customer: str, query: Turn, about: Sequence[str]) -> tuple[Turn, ...]:
        return ()

    async def look_up(self, customer: str, query: str) -> str | None:
        return "没有"

    def hear(self, customer: str, turn: Turn) -> None:
        """Nothing is remembered."""


def proxy(engine: FakeEngine) -> Any:
    """A bare ASGI application over the engine."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        messages = tuple(Message(one["role"], one["content"]) for one in json.loads(body)["messages"])
        head = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        async with aclosing(engine.stream(Request(messages))) as deltas:  # type: ignore[type-var]
            async for delta in deltas:
                choice = {"index": 0, "delta": {"content": delta.text}, "finish_reason": delta.finish}
                chunk = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice]}
                data = f"data: {json.dumps(chunk)}\n\n".encode()
                await send({"type": "http.response.body", "body": data, "more_body": True})
        await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})

    return app


async def refusal(scope: Any, receive: Any, send: Any) -> None:
    """A bare ASGI application that refuses everything at once."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 429, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})


def service(engine: FakeEngine, folder: Path, answers: int) -> Any:
    """The real application over the engine."""
    database = Database(sqlite_url(folder / "store.db"))
    clock = WallClock()
    route = EndRoute(MaskedChat(engine, ConversationMasker(Detector())), "v1", Uncalibrated(4, accept=0.5))
    router = Router(
        lambda: route,
        CloudRoute(None, lambda: False, CircuitBreaker(clock)),
        (
            ForbiddenWords(("最好", "第一", "国家级")),
            StatedFacts(("满59元包邮，不满收8元运费。", "付款后48小时内发货。")),
        ),
        clock,
    )
    made = Service(
        router,
        StoredConversations(database),
        StoredFeedbacks(database),
        StoredDesk(database),
        KnowsNothing(),
        OfficeHours.parse("00:00-24:00", "1234567", "UTC"),
        clock,
    )
    keys = StoredKeys(database)
    (folder / KEY_FILE).write_text(keys.make("bench", "service"))
    settings = WebSettings(answers=answers)
    return create_app(made, keys, tokens.Tokens(b"secret", clock), settings, customers=StoredCustomers(database))


def watched(app: Any, engine: FakeEngine) -> Any:
    """Adds `GET /_state`."""
    process = psutil.Process()

    async def outer(scope: Any, receive: Any, send: Any) -> None:
        if scope.get("path") != "/_state":
            await app(scope, receive, send)
            return
        state = {"drawing": engine.drawing, "megabytes": process.memory_info().rss / 2**20}
        state["processor"] = sum(process.cpu_times()[:2])
        admission = getattr(getattr(app, "state", None), "admission", None)
        state["under_way"] = admission.under_way if admission else engine.drawing
        body = json.dumps(state).encode()
        head = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": body})

    return outer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("side", choices=("service", "proxy", "refusal"))
    parser.add_argument("--pace", type=float, default=0.0)
    parser.add_argument("--answers", type=int, default=256)
    chosen = parser.parse_args()
    engine = FakeEngine(chosen.pace)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        bare = {"proxy": proxy(engine), "refusal": refusal}
        app = bare.get(chosen.side) or service(engine, path, chosen.answers)
        config = uvicorn.Config(watched(app, engine), port=0, log_level="error", access_log=False)
        server = uvicorn.Server(config)
        keep_collections_short()

        async def serve() -> None:
            listening = config.bind_socket()
            key = (path / KEY_FILE).read_text() if (path / KEY_FILE).exists() else "-"
            print(listening.getsockname()[1], key, flush=True)
            await server.serve(sockets=[listening])

        asyncio.run(serve())


if __name__ == "__main__":
    main()

"""A whole shop, set up from its files and served over real HTTP, with servers on loopback as end model and cloud."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from endcloud.assembly import Shop
from endcloud.assembly.serving import keys_of, running
from endcloud.cli.profiles import make_shop
from endcloud.serving.service import Service
from endcloud.settings import Price
from endcloud.testing.loopback_cloud import Answer, LoopbackCloud
from endcloud.testing.silent_progress import SilentProgress

POLICIES = "- 满59元包邮，不满收8元运费。\n- 付款后48小时内发货。\n- 发到成都大约5天到。\n"
DIALOGUES = [("包邮吗", "亲，满59元包邮哦"), ("多久发货", "亲，付款后48小时内发货呢"), ("能退吗", "亲，可以退的哦")]


@dataclass
class ServedShop:
    """A shop that is being served."""

    url: str
    shop: Shop
    service: Service
    end: LoopbackCloud
    cloud: LoopbackCloud

    def client(self, role: str = "", token: str = "") -> httpx.Client:
        """A client with a new key of a role, a token, or nothing."""
        shown = token or (keys_of(self.shop).make(f"{role} {time.monotonic_ns()}", role) if role else "")
        return httpx.Client(
            base_url=self.url, headers={"authorization": f"Bearer {shown}"} if shown else {}, timeout=20
        )

    def customer(self, name: str) -> httpx.Client:
        with self.client("service") as system:
            return self.client(token=system.post("/v1/tokens", json={"customer": name}).json()["token"])


def set_up(
    root: Path,
    end: LoopbackCloud,
    cloud: LoopbackCloud,
    *,
    dialogues: Sequence[tuple[str, str]] = DIALOGUES,
    price: Price | None = None,
    privacy: Mapping[str, Any] | None = None,
    **serving: Any,
) -> None:
    """A small shop with rules and dialogues, whose models are the two servers; `price` is what both cost."""
    settings: dict[str, Mapping[str, Any]] = {
        "cloud": {
            "base_url": cloud.base_url,
            "model": "loopback",
            "prices": {"loopback": price or Price()},
            "pairs": 0,
            "nearest": 1,
        },
        "serving": {"end_url": end.base_url, "end_model": "end-on-loopback", "office_hours": "00:00-24:00", **serving},
        "privacy": privacy or {},
    }
    make_shop(root, "bundled", settings)
    (root / "policies.md").write_text(POLICIES, encoding="utf-8")
    rows = [
        {"messages": [{"role": "user", "content": f"{query}{at}"}, {"role": "assistant", "content": reply}]}
        for at in range(8)
        for query, reply in dialogues
    ]
    logs = root / "logs.jsonl"
    logs.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    with Shop.open(root, SilentProgress()) as shop:
        shop.prepare_corpus([logs])


@contextmanager
def serving_shop(
    root: Path,
    *,
    end: Answer = lambda messages: "亲，满59元包邮哦",
    cloud: Answer = lambda messages: "亲，这个可以的哦",
    logprob: float = -0.01,
    **settings: Any,
) -> Iterator[ServedShop]:
    """Sets a shop up in `root` and serves it; `logprob` is how sure the end model is of every token."""
    with ExitStack() as held:
        ends = held.enter_context(LoopbackCloud(end, logprob=logprob))
        clouds = held.enter_context(LoopbackCloud(cloud))
        set_up(root, ends, clouds, **settings)
        held.enter_context(_environment())
        shop = held.enter_context(Shop.open(root, SilentProgress()))
        service = held.enter_context(running(shop))
        server = uvicorn.Server(uvicorn.Config(service.app, host="127.0.0.1", port=0, log_level="error"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        try:
            yield ServedShop(f"http://127.0.0.1:{port}", shop, service.service, ends, clouds)
        finally:
            server.should_exit = True
            thread.join(timeout=30)


@contextmanager
def _environment() -> Iterator[None]:
    """The cloud's key: any word, since the loopback server takes all."""
    before = os.environ.get("ENDCLOUD_CLOUD_KEY")
    os.environ["ENDCLOUD_CLOUD_KEY"] = "any"
    try:
        yield
    finally:
        if before is None:
            del os.environ["ENDCLOUD_CLOUD_KEY"]

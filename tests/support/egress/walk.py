"""The whole product as a shop uses it, with personal items in everything that customers say.

    python walk.py FOLDER SHARE [alone]

Run as a program of its own, in a network namespace where there is one (`alone`). Below FOLDER it leaves the shop, what
each command printed (`printed/`), what the service answered (`answered/`), and what reached the cloud: `masked/`, and
`strict/` for the part in strict mode.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
from personal.items import Item, items

from egress.guard import loopback_up
from egress.recorder import recorded
from endcloud.bundled import standin_cloud
from endcloud.bundled.shop import load_shop
from endcloud.cli import bundled_shop
from endcloud.settings import write_settings

PACK = 6
"""Items in one planted dialogue."""
ORDINARY = 250
"""The bundled shop's own dialogues that are kept, so that there is something to learn."""
ASKED = 400
"""Items said to the service in each mode."""
_THANKS = ("好的亲，已经帮您登记了哦", "收到，马上为您核实", "Noted, thank you", "亲，信息已经记下了呢")
_COMMAND = [sys.executable, "-c", "from endcloud.cli.main import main; main()"]


def main(folder: Path, share: float) -> None:
    planted = list(items("unseen", share))
    random.Random(6).shuffle(planted)
    shop, printed = folder / "shop", folder / "printed"
    printed.mkdir(parents=True)
    bundled_shop.set_up(shop, load_shop())
    _plant(shop / bundled_shop.DIALOGUES, planted)
    with standin_cloud.running() as url, recorded(url, folder / "masked") as cloud:
        walk = Walk(shop, printed, cloud)
        walk.command("corpus", bundled_shop.DIALOGUES)
        walk.command("teach")
        walk.command("train", "--method", "lora", "--steps", "60")
        version = json.loads(walk.command("versions", "list", "--json"))["versions"][-1]["version"]
        walk.command("versions", "promote", version)
        walk.command("evaluate", "--limit", "20")
        walk.serve(planted[:ASKED], folder / "answered", "taken over")
        walk.serve(planted[-ASKED // 2 :], folder / "answered", "end", accept=0.0)
        # All replies are compared with the cloud's, so that audits carry the items too.
        write_settings(shop / "endcloud.toml", "evolution", {"audit_share": 1.0, "fewest_lessons": 1, "steps": 4})
        walk.command("evolve", may_fail=True)
        for command in (["ledger", "list"], ["ledger", "verify"], ["status"], ["evolve", "rounds"], ["doctor"]):
            walk.command(*command, may_fail=command == ["doctor"])
    with standin_cloud.running() as url, recorded(url, folder / "strict") as cloud:
        write_settings(shop / "endcloud.toml", "privacy", {"upload": "strict"})
        Walk(shop, printed, cloud).serve(planted[ASKED : 2 * ASKED], folder / "answered", "strict")


class Walk:
    """Commands on one shop, whose cloud is at `cloud`."""

    def __init__(self, shop: Path, printed: Path, cloud: str) -> None:
        self._shop, self._printed = shop, printed
        self._environment = {
            **os.environ,
            "ENDCLOUD_CLOUD__BASE_URL": cloud,
            "ENDCLOUD_CLOUD__KEY_VARIABLE": "EGRESS_KEY",
            "ENDCLOUD_CLOUD__BUDGET": "1000",
            "EGRESS_KEY": "any",
        }
        self._number = len(list(printed.iterdir()))

    def command(self, *words: str, may_fail: bool = False) -> str:
        """Runs a command in the shop; returns what it printed on standard output."""
        done = subprocess.run(
            [*_COMMAND, *words], cwd=self._shop, env=self._environment, capture_output=True, text=True, check=False
        )
        self._keep(" ".join(words), done.stdout + done.stderr)
        if done.returncode and not may_fail:
            raise RuntimeError(f"{words!r} ended with {done.returncode}:\n{done.stderr[-2_000:]}")
        return done.stdout

    def serve(self, said: Sequence[Item], answered: Path, mode: str, accept: float = 1.0) -> None:
        """Says the items to a served shop, whose cloud takes every reply over unless less is to be accepted; asks what
        is refused too, and keeps what the refusals and the figures say."""
        write_settings(self._shop / "endcloud.toml", "serving", {"accept": accept, "office_hours": "00:00-24:00"})
        key = self.command("keys", "make", f"system {mode}", "--role", "service").strip()
        answered.mkdir(exist_ok=True)
        with self._served() as url, httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
            client.headers["authorization"] = f"Bearer {key}"
            bodies = [_said(client, number, item, mode) for number, item in enumerate(said)]
            shown = [client.get(path).text for path in ("/metrics", "/health", "/ready")]
        (answered / f"{mode}.errors").write_text("\n".join([*bodies, *shown]), encoding="utf-8")

    @contextmanager
    def _served(self) -> Iterator[str]:
        command = [*_COMMAND, "serve", "--port", "0", "--json"]
        with (self._printed / f"serve {self._number}.log").open("w", encoding="utf-8") as log:
            process = subprocess.Popen(
                command, cwd=self._shop, env=self._environment, stdout=subprocess.PIPE, stderr=log, text=True
            )
            assert process.stdout is not None
            try:
                yield json.loads(process.stdout.readline())["url"]
            finally:
                process.terminate()
                rest, _ = process.communicate(timeout=60)
                self._keep("serve", rest)

    def _keep(self, name: str, text: str) -> None:
        self._number += 1
        name = name.replace("/", "_")[:60]
        (self._printed / f"{self._number:02} {name}.txt").write_text(text, encoding="utf-8")


def _plant(path: Path, planted: Sequence[Item]) -> None:
    """Some of the shop's own dialogues, and the items: several to a dialogue, each in its own messages."""
    lines = path.read_text(encoding="utf-8").splitlines()[:ORDINARY]
    for number in range(0, len(planted), PACK):
        messages = [
            {"role": message.role, "content": message.content}
            for item in planted[number : number + PACK]
            for message in item.messages
        ]
        reply = {"role": "assistant", "content": _THANKS[number // PACK % len(_THANKS)]}
        planted_here = {"id": f"planted-{number}", "customer": f"p{number}", "messages": [*messages, reply]}
        lines.append(json.dumps(planted_here, ensure_ascii=False))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _said(client: httpx.Client, number: int, item: Item, mode: str) -> str:
    """One conversation with the item; returns the bodies of what the service refuses, which may not hold it.

    Every second one is kept by the service and said message by message; of the others the caller keeps the history and
    tells all of it in one call.
    """
    conversation = f"{mode.replace(' ', '-')}-{number}"
    messages = [{"role": one.role, "content": one.content} for one in item.messages]
    if messages[-1]["role"] != "user":
        messages.append({"role": "user", "content": "在吗，怎么处理呢"})
    asked = {"model": "endcloud", "messages": messages, "user": f"customer-{number}"}
    if number % 2:
        client.post("/v1/chat/completions", json=asked).raise_for_status()
    else:
        headers = {"x-endcloud-conversation": conversation}
        for said in (one for one in messages if one["role"] == "user"):
            client.post("/v1/chat/completions", json={**asked, "messages": [said]}, headers=headers).raise_for_status()
    value = item.surface
    refused = [
        client.post("/v1/chat/completions", json={**asked, "temperature": value}),
        client.post("/v1/chat/completions", json={**asked, "tools": [{"type": value}]}),
        client.post("/v1/chat/completions", content=value.encode()),
        client.get("/v1/conversations/" + conversation + "/turns", params={"after": value}),
    ]
    return "\n".join(one.text for one in refused if one.status_code >= 400)


if __name__ == "__main__":
    if sys.argv[3:] == ["alone"]:
        loopback_up()
    main(Path(sys.argv[1]).resolve(), float(sys.argv[2]))

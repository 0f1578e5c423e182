"""A small shop in which one customer has left traces everywhere, and what to look for when they are to be gone."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from endcloud.assembly import Shop
from endcloud.assembly.evolving import Evolution
from endcloud.assembly.forgetting import subject_in
from endcloud.assembly.training import TrainingChoice
from endcloud.cli.profiles import make_shop
from endcloud.cloud.retry import WallClock
from endcloud.corpus.dataset import read_examples
from endcloud.rounds import Audit, Choice, Decision, Lesson, Retirement
from endcloud.settings import Price
from endcloud.store.conversations import StoredConversations
from endcloud.store.customers import Memory, StoredCustomers
from endcloud.store.desk import StoredDesk
from endcloud.store.feedback import StoredFeedbacks
from endcloud.testing.loopback_cloud import LoopbackCloud
from endcloud.testing.silent_progress import SilentProgress
from endcloud.testing.tiny_base import TEXTS, save_tiny_base
from endcloud.types import Example, Feedback, MaskedRequest, Message, Review, Sampling, Score, Tokens, Turn, payload_of

WAN, BO = "wan-7781", "bo-1204"
PHONE = "13912345678"
TRACES = ("小象抱枕", "流苏", "紫藤花苑", "163cm", PHONE, WAN)
"""Words that nobody but the planted customer said, and what the shop's own system told of them."""
RECORDED = (
    ("请问靛蓝格纹小象抱枕什么时候发货呢", "靛蓝格纹小象抱枕四十八小时内发货"),
    (f"小象抱枕可以开发票吗，我电话{PHONE}", "小象抱枕可以的亲，请留下邮箱"),
)
_OTHERS = 28
_AT = datetime(2026, 1, 5, 4, tzinfo=UTC)
EVOLUTION = {"fewest_lessons": 1, "steps": 2, "replay": 0.08, "nice": 0}
END = {"data": "natural", "precision": "float32", "device": "cpu", "steps": 4, "learning_rate": 1e-3, "max_tokens": 4}


@dataclass
class PlantedShop:
    """The shop, the logs that it was made from (outside of it), and the version in service."""

    shop: Shop
    logs: Path
    version: str

    @property
    def evolution(self) -> Evolution:
        return Evolution(self.shop, WallClock(), in_process=True)

    def recorded(self) -> list[Example]:
        """The planted customer's examples in the corpus."""
        subject = subject_in(self.shop, WAN)
        return [one for one in self.shop.recorded() if one.subject == subject]


def set_up(root: Path, *, recorded: bool = True) -> None:
    """A shop with a tiny base, a corpus, labels by a real server, and a version in service; a few seconds.

    With `recorded` the planted customer is among those whose dialogues it learned from.
    """
    base = save_tiny_base("glm", root / "base")
    cloud = {"model": "loopback", "prices": {"loopback": Price()}, "pairs": 40, "nearest": 2}
    with LoopbackCloud() as server, _key():
        settings = {"cloud": {**cloud, "base_url": server.base_url}, "end": {"model": str(base), **END}}
        make_shop(root / "shop", "bundled", {**settings, "evolution": EVOLUTION})
        said = [(f"c{n}", f"{TEXTS[n % 3 * 2]}{n}号", f"{TEXTS[n % 3 * 2 + 1]}{n}") for n in range(_OTHERS)]
        said += [(WAN, query, reply) for query, reply in RECORDED] if recorded else []
        lines = [
            json.dumps(
                {
                    "id": f"d{number}",
                    "customer": customer,
                    "messages": [{"role": "user", "content": query}, {"role": "assistant", "content": reply}],
                }
            )
            for number, (customer, query, reply) in enumerate(said)
        ]
        (root / "logs.jsonl").write_text("\n".join(lines), encoding="utf-8")
        with Shop.open(root / "shop", SilentProgress()) as shop:
            shop.prepare([root / "logs.jsonl"])
            shop.teach()
            version = shop.train_version(TrainingChoice("lora"))
            shop.put_into_service(version.digest, "first version")


@contextmanager
def opened(root: Path) -> Iterator[PlantedShop]:
    """A shop that `set_up` made in this directory."""
    with Shop.open(root / "shop", SilentProgress()) as shop:
        yield PlantedShop(shop, root / "logs.jsonl", shop.versions.active() or "")


def serve_both(planted: PlantedShop) -> None:
    """What a service would have kept of the planted customer and of another one, and what was made of it."""
    for customer, name, query, reply in (
        (WAN, "c-wan", f"琥珀色流苏披肩我身高163cm能穿吗，电话{PHONE}", "亲，琥珀色流苏披肩您能穿的"),
        (BO, "c-bo", "请问毛巾掉色吗", "亲，我们的毛巾不掉色"),
    ):
        _serve(planted, customer, name, query, reply)
    customers = StoredCustomers(planted.shop.database)
    customers.put(WAN, {"address": "紫藤花苑8幢"})
    customers.remember(Memory(WAN, "height", "163cm", "q-c-wan", _AT))


def _serve(planted: PlantedShop, customer: str, name: str, query: str, reply: str) -> None:
    shop, evolution = planted.shop, planted.evolution
    conversations, subject = StoredConversations(shop.database), subject_in(shop, customer)
    conversations.open(name, f"customer {customer}", customer)
    conversations.say(Turn(f"q-{name}", name, "customer", query, _AT, by=customer))
    given = {"route": "end", "version": planted.version, "suggested": f"{reply}？"}
    conversations.say(Turn(f"e-{name}", name, "end", reply, _AT, answers=f"q-{name}", **given))  # type: ignore[arg-type]
    note = Feedback(f"f-{name}", f"e-{name}", name, "note", "customer", customer, _AT, text=f"{reply}？不好")
    StoredFeedbacks(shop.database).add(note)
    StoredDesk(shop.database).request(name, "asked")
    masked = shop.masker.mask([Message("user", query)]).messages
    _upload(shop, masked, f"q-{name}")
    lesson = Lesson(
        f"lesson:e-{name}", f"e-{name}", name, subject, f"k-{name}", "train", masked, reply, f"{reply}！", "pseudo",
        ("disliked",), "not needed", 1, _AT,
    )  # fmt: skip
    evolution.lessons.add([lesson])
    score = Score(0.5, 0.5, 0.5, ("test",))
    asked = (f"e-{name}", f"q-{name}", name)
    evolution.audits.add([Audit(*asked, planted.version, 1, "sample", score, 0.5, (reply,), _AT)])
    evolution.choices.add([Choice(*asked, subject, f"k-{name}", 1, (reply,), 1.0, 1)])
    evolution.retirements.add([Retirement(f"lesson:old-{name}", "a newer lesson", "test", _AT)])
    shown = [{"item": lesson.id, "part": "new", "active": reply, "candidate": reply}]
    decision = ("undecided", "for the test", {"side by side": shown}, _AT)
    evolution.rounds.decide(Decision(1, "gate", planted.version, "base", *decision))  # type: ignore[arg-type]


def _upload(shop: Shop, messages: Sequence[Message], conversation: str) -> None:
    request = MaskedRequest(tuple(messages), "takeover", conversation, Sampling(), {"电话": 1}, "detector")
    name = shop.ledger.sent(request, "loopback", "127.0.0.1", payload_of(messages))
    shop.ledger.settled(name, "stop", Tokens(1, 1))


def quote(planted: PlantedShop) -> None:
    """What evaluations and reviews leave: results, sheets, kept replies, reviews."""
    shop, theirs = planted.shop, planted.recorded()[0]
    folders = (shop.directory.results / "evaluation-1", shop.directory.root / "reviews", shop.directory.work / "gate")
    for folder in folders:
        folder.mkdir(parents=True)
    (folders[0] / "results.json").write_text(json.dumps({"items": [{"query": theirs.query}]}), encoding="utf-8")
    (folders[0] / "report.md").write_text("A picture of what they said lies beside.", encoding="utf-8")
    (folders[1] / "review-1.html").write_text(f"<p>{theirs.reply}</p>", encoding="utf-8")
    (folders[2] / "kept.json").write_text(json.dumps([theirs.reply]), encoding="utf-8")
    other = next(one for one in shop.recorded() if one not in planted.recorded())
    for number, one in enumerate((theirs, other)):
        said = (f"s:{number}", "s", one.query, one.reply, None, "base", "li", 3, _AT)
        shop.reviews.add([Review(*said)])


def found(root: Path) -> set[str]:
    """The traces that stand in any file of the shop at `root`, the tables of its store and corpus among them."""
    texts = [path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()]
    if (root / "corpus" / "manifest.json").is_file():  # Parquet is compressed
        texts += [str(one).encode() for one in read_examples(root / "corpus")]
    return {
        trace
        for trace in TRACES
        if any(form in text for text in texts for form in (trace.encode(), json.dumps(trace)[1:-1].encode()))
    }


@contextmanager
def _key() -> Iterator[None]:
    before = os.environ.get("ENDCLOUD_CLOUD_KEY")
    os.environ["ENDCLOUD_CLOUD_KEY"] = "any"
    try:
        yield
    finally:
        if before is None:
            del os.environ["ENDCLOUD_CLOUD_KEY"]
        else:
            os.environ["ENDCLOUD_CLOUD_KEY"] = before

"""A small shop that has served customers: its turns are written as a service would, its cloud is a real server."""

from __future__ import annotations

import asyncio
import atexit
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from served_shop import set_up

from endcloud.assembly import Shop
from endcloud.assembly.evolving import Evolution
from endcloud.evolution.clusters import Clusters
from endcloud.rounds import Audit, Choice, Lesson, Round
from endcloud.settings import Price, write_settings
from endcloud.store.conversations import StoredConversations
from endcloud.store.feedback import StoredFeedbacks
from endcloud.testing.fixed_clock import FixedClock
from endcloud.testing.loopback_cloud import Answer, LoopbackCloud
from endcloud.testing.silent_progress import SilentProgress
from endcloud.types import Feedback, FeedbackKind, Message, Turn, Witness

Fault = Callable[[int, str], Any]
DIALOGUES = [
    ("包邮吗", "亲，满59元包邮哦"),
    ("多久发货", "亲，付款后48小时内发货呢"),
    ("能退吗", "亲，可以退的哦"),
    ("发什么快递", "亲，默认发中通快递哦"),
    ("毛巾掉色吗", "亲，我们的毛巾不掉色的"),
    ("有发票吗", "亲，可以开电子发票的"),
    ("浴巾多大", "亲，浴巾是70乘140厘米的"),
    ("什么材质", "亲，是新疆长绒棉的哦"),
    ("可以机洗吗", "亲，可以机洗，水温别超过30度"),
    ("有优惠券吗", "亲，新客第一单有6元优惠券"),
    ("几天到成都", "亲，发到成都大约5天到"),
    ("在吗", "亲，在的，请问有什么可以帮您"),
]
PRICE = Price(prompt=100.0, cached=100.0, completion=100.0)


def truthful(messages: list[dict[str, str]]) -> str:
    """A cloud that knows the shop's rules as `served_shop` writes them."""
    query = messages[-1]["content"]
    if "包邮" in query or "运费" in query:
        return "亲，满59元包邮哦，不满收8元运费。"
    return "亲，付款后48小时内发货呢" if "发货" in query else "亲，这个可以的哦"


def no_fault(number: int, question: str) -> None:
    """A cloud that does not fail."""


@dataclass
class LivedShop:
    """The shop, and the means to write down what happened in it. Times go on by a minute with each question."""

    shop: Shop
    evolution: Evolution
    cloud: LoopbackCloud
    clock: FixedClock
    version: str = "base"
    _asked: int = field(default=0)

    def serve(
        self, query: str, reply: str, *, customer: str = "", visitor: str = "", conversation: str = "",
        at: datetime | None = None, dislike: bool = False, **turn: Any,
    ) -> Turn:  # fmt: skip
        """One question and the end model's reply to it; returns the reply."""
        self._asked += 1
        name = conversation or f"c{self._asked}"
        when = at or self.clock.now() - timedelta(hours=20) + timedelta(minutes=self._asked)
        owner = f"customer {customer}" if customer else f"visitor {visitor or name}"
        conversations = StoredConversations(self.shop.database)
        conversations.open(name, owner, customer)
        asked = Turn(f"q{self._asked}", name, "customer", query, when, by=customer)
        fields = {"route": "end", "version": "base", "speaker": "end"} | turn
        given = Turn(f"r{self._asked}", name, text=reply, at=when, answers=asked.id, **fields)
        conversations.say(asked)
        conversations.say(given)
        if dislike:
            self.say(given, "thumb", -1.0)
        return given

    def say(
        self, reply: Turn, kind: FeedbackKind, value: float | None = None, text: str = "", *,
        witness: Witness = "customer", by: str = "",
    ) -> None:  # fmt: skip
        """Feedback on a reply."""
        name = f"{kind}:{reply.id}:{witness}:{by}:{value}"
        StoredFeedbacks(self.shop.database).add(
            Feedback(name, reply.id, reply.conversation, kind, witness, by or "anna", self.clock.now(), value, text)
        )

    def round(self) -> Round:
        """The round that is open, or a new one."""
        return self.evolution.rounds.begin("tester", self.version, self.clock.now(), 3600)

    def audit(self) -> dict[str, Any]:
        """The stage audit of the round that is open; its figures."""
        return dict(self.evolution.audit(self.round()).figures)

    def select(self) -> list[Choice]:
        """The stage select of the same round."""
        number = self.round().number
        self.evolution.select(self.round())
        return self.evolution.choices.of_round(number)

    def end_round(self) -> None:
        """Closes the open round, so that the next one begins."""
        number = self.round().number
        self.evolution.rounds.end(number, "tester", "nothing to learn", "tested", self.clock.now(), {})

    def audited(self, reply: Turn) -> Audit:
        return self.evolution.audits.of([reply.id])[reply.id]

    def cluster(self, query: str) -> str:
        """The cluster that a question founds."""
        return Clusters().of(query)

    def learned(self, cluster: str, query: str) -> None:
        """A version that has learned a lesson of this cluster is in service from now on."""
        at = self.clock.now()
        lesson = Lesson(
            "lesson:before", "", "c", "", cluster, "train", (Message("user", query),), "亲，付款后48小时内发货呢", "",
            "pseudo", (), "not needed", 1, at,
        )  # fmt: skip
        self.evolution.lessons.add([lesson])
        self.version = _version_of(self.shop, [lesson.id])
        self.shop.versions.stand(self.version, "active", "for the test", at)

    def by_customer(self, choices: Sequence[Choice]) -> Counter[str]:
        """How many choices each customer or visitor has, by the letters of their name."""
        conversations = self.evolution.conversations
        owners = (conversations.owner(choice.conversation) or "" for choice in choices)
        return Counter(owner.split(" ")[1].rstrip("0123456789") for owner in owners)

    def audited_last(self) -> Audit:
        return self.evolution.audits.of([f"r{self._asked}"])[f"r{self._asked}"]

    def go_on(self, time: timedelta) -> None:
        """Time passes."""
        asyncio.run(self.clock.sleep(time.total_seconds()))

    @property
    def questions(self) -> list[str]:
        """What the cloud was asked, in order."""
        return [call.question for call in self.cloud.calls]


@contextmanager
def lived_shop(
    root: Path, cloud: Answer = truthful, *, price: Price | None = None, fault: Fault = no_fault,
    **settings: float | str,
) -> Iterator[LivedShop]:  # fmt: skip
    """`settings` are those of [evolution]; the sample is empty unless `audit_share` says otherwise."""
    with ExitStack() as held:
        asked = held.enter_context(LoopbackCloud(cloud, fault))
        shutil.copytree(_template(), root)
        write_settings(root / "endcloud.toml", "cloud", {"base_url": asked.base_url})
        if price is not None:
            write_settings(root / "endcloud.toml", "cloud", {"prices": {"loopback": price.model_dump()}})  # type: ignore[dict-item]
        write_settings(root / "endcloud.toml", "evolution", {"audit_share": 0.0, **settings})
        held.callback(_environment())
        shop = held.enter_context(Shop.open(root, SilentProgress()))
        clock = FixedClock()
        yield LivedShop(shop, Evolution(shop, clock), asked, clock)


@cache
def _template() -> Path:
    """The shop as it is before anything was served, its scorers trained: made once, copied for each test."""
    root = Path(tempfile.mkdtemp()) / "shop"
    atexit.register(shutil.rmtree, root.parent)
    with LoopbackCloud() as end, LoopbackCloud() as cloud:
        set_up(root, end, cloud, dialogues=DIALOGUES)
    with Shop.open(root, SilentProgress()) as shop:
        assert shop.scorer
    return root


def _version_of(shop: Shop, examples: Sequence[str]) -> str:
    """A real version of a tiny base, said to have learned these examples."""
    from endcloud.end.adapters import attach
    from endcloud.end.base_model import load_base
    from endcloud.end.methods import LoRA, TrainingPlan, as_settings
    from endcloud.end.versions import VersionDirectory, content_of
    from endcloud.testing.tiny_base import save_tiny_base

    path = save_tiny_base("glm", shop.directory.work / "tiny base")
    base, method = load_base(str(path), device="cpu", precision="float32"), LoRA(rank=2, dropout=0.0)
    content = content_of(
        attach(base, method), base_name=base.label, base_digest=base.digest, parent="", examples=examples,
        settings={**as_settings(method, TrainingPlan(1, 0.1)), "system": "s"},
        log={"loss": [[1, 1.0]], "validation": [], "best_step": 1},
    )  # fmt: skip
    version = VersionDirectory(shop.directory.versions).write(content)
    shop.versions.add(version)
    return version.digest


def _environment() -> Any:
    """The cloud's key: any word, since the loopback server takes all. Returns what undoes it."""
    before = os.environ.get("ENDCLOUD_CLOUD_KEY")
    os.environ["ENDCLOUD_CLOUD_KEY"] = "any"

    def undo() -> None:
        if before is None:
            os.environ.pop("ENDCLOUD_CLOUD_KEY", None)
        else:
            os.environ["ENDCLOUD_CLOUD_KEY"] = before

    return undo

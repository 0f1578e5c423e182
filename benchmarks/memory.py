"""Returning customers of the bundled shop: are questions that lean on what they said before answered right?

    python benchmarks/memory.py --shop DIR      # a shop made by `endcloud demo`, with a version in service

A customer says in one conversation where they live, or which courier they use, in words of their own; in a later one
they ask without saying it again (几天能送到, 发我常用的快递可以吗). The product's own patterns hear it, its store keeps
it, its relevance picks it, and the end model answers greedily, once with memory and once without. A reply is right by
the facts of the bundled shop. Questions that need no memory are asked too: memory must not spoil them.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from endcloud.assembly import Shop
from endcloud.assembly.serving import knowledge_of
from endcloud.bootstrap import interval
from endcloud.bundled.shop import Shop as BundledShop
from endcloud.bundled.shop import load_shop
from endcloud.bundled.truth import Meaning, judge
from endcloud.cloud.retry import WallClock
from endcloud.privacy.masked_chat import MaskedChat
from endcloud.serving.breaker import CircuitBreaker
from endcloud.serving.confidence import Uncalibrated
from endcloud.serving.knowledge import CustomerKnowledge
from endcloud.serving.router import CloudRoute, EndRoute, Router, Talk
from endcloud.store.customers import StoredCustomers
from endcloud.store.database import Database, sqlite_url
from endcloud.testing.silent_progress import SilentProgress
from endcloud.types import Sampling, Turn

CITY_SAID = ("我在{}，有优惠吗", "收货地址是{}的", "你好，我家在{}", "上次买的枕头寄到{}的，很好用")
CITY_ASKED = (
    "几天能送到", "我这边几天能到", "发货以后多久能收到", "快递要走几天", "大概多少天能到货", "寄到我这里要多久",
    "这次几天能收到啊", "物流到我这边大约多少天", "什么时候能送到我这里", "发过来慢不慢，要多久",
)  # fmt: skip
COURIER_SAID = ("以后都发{}吧", "我一般用{}", "麻烦以后每次发{}")
COURIER_ASKED = (
    "还发我常用的快递可以吗", "快递能选我平时那家吗", "能发我要的快递吗", "可以指定快递吗，老样子",
    "快递还是老样子行不行", "寄我常用的那个快递行吗",
)  # fmt: skip
UNRELATED = (
    ("free_shipping", "满多少包邮"), ("free_shipping", "要凑到多少才不收邮费"), ("shipping_fee", "运费多少钱"),
    ("shipping_fee", "快递费多少"), ("dispatch_hours", "多久发货"), ("ship_from", "从哪里发货"),
)  # fmt: skip


@dataclass(frozen=True)
class Scenario:
    """What a customer said before, what they ask now, and what a right answer states."""

    kind: str
    customer: str
    said: str
    asked: str
    meaning: Meaning


def scenarios(bundled: BundledShop) -> list[Scenario]:
    """All of them: every row of the shop's tables, every way of saying, every way of asking."""
    found: list[Scenario] = []
    leaning = (
        ("city", "delivery_days", CITY_SAID, CITY_ASKED),
        ("courier", "courier_choice", COURIER_SAID, COURIER_ASKED),
    )
    for kind, name, sayings, questions in leaning:
        intent = bundled.intents[name]
        for row in bundled.rows(intent):
            for at, saying in enumerate(sayings):
                who = f"{row}-{at}"
                found += [
                    Scenario(kind, who, saying.format(row), asked, bundled.meaning(intent, row, f"{row}{asked}"))
                    for asked in questions
                ]
                if kind == "city":
                    found += [
                        Scenario("needs no memory", who, saying.format(row), asked, bundled.meaning(needed, "", asked))
                        for needed, asked in ((bundled.intents.get(i), q) for i, q in UNRELATED)
                        if needed is not None and not needed.slot
                    ]
    return found


async def answered(router: Router, talks: Sequence[Talk]) -> list[str]:
    """The end model's replies, unjudged."""
    return list(await asyncio.gather(*(router.draft(talk) for talk in talks)))


def talk(number: int, scenario: Scenario, about: tuple[str, ...]) -> Talk:
    query = Turn(f"q{number}", f"c{number}", "customer", scenario.asked, datetime.now(UTC))
    return Talk(query, (), about, (), Sampling(0.0, 1.0, 64))


def remembered(knowledge: CustomerKnowledge, asked: Sequence[Scenario]) -> list[tuple[str, ...]]:
    """What the prompt of each question gets, after the customer's earlier words were heard."""
    for number, scenario in enumerate(asked):
        said = Turn(f"s{number}", "before", "customer", scenario.said, datetime.now(UTC))
        knowledge.hear(scenario.customer, said)
    return [knowledge.about(scenario.customer, scenario.asked) for scenario in asked]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shop", type=Path, required=True, help="a shop made by `endcloud demo`")
    root = parser.parse_args().shop
    os.environ["HF_HUB_OFFLINE"] = "1"
    asked = scenarios(load_shop())
    with Shop.open(root, SilentProgress()) as shop, tempfile.TemporaryDirectory() as folder:
        database = Database(sqlite_url(Path(folder) / "store.db"))
        usual = knowledge_of(shop)
        knowledge = CustomerKnowledge(StoredCustomers(database), usual.tokens, usual.budget)
        about = remembered(knowledge, asked)
        model = shop.end_model()
        clock = WallClock()
        route = EndRoute(MaskedChat(model, shop.masker), model.version, Uncalibrated())
        router = Router(lambda: route, CloudRoute(None, lambda: False, CircuitBreaker(clock)), (), clock)
        without = asyncio.run(answered(router, [talk(at, one, ()) for at, one in enumerate(asked)]))
        with_memory = asyncio.run(answered(router, [talk(at, one, about[at]) for at, one in enumerate(asked)]))
        database.close()
    print(f"version {model.version[:8]}, {len(asked)} questions, greedy")
    print("| questions | n | recalled | without memory | with memory | difference, 95 % |")
    print("|---|---|---|---|---|---|")
    for kind in dict.fromkeys(one.kind for one in asked):
        chosen = [at for at, one in enumerate(asked) if one.kind == kind]
        before = [float(judge(asked[at].meaning, without[at]).right) for at in chosen]
        after = [float(judge(asked[at].meaning, with_memory[at]).right) for at in chosen]
        gain = interval([b - a for a, b in zip(before, after, strict=True)])
        recalled = sum(bool(about[at]) for at in chosen) / len(chosen)
        assert gain is not None
        shares = f"{sum(before) / len(before):.2f} | {sum(after) / len(after):.2f}"
        difference = f"{gain.mean:+.2f} [{gain.low:+.2f}, {gain.high:+.2f}]"
        print(f"| {kind} | {len(chosen)} | {recalled:.2f} | {shares} | {difference} |")


if __name__ == "__main__":
    main()

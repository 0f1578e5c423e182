"""A small shop with two versions whose replies a test writes down, and lessons to judge them by.

Store, scorers, cloud and version directories are real; only what a version says is scripted (`EchoingEnd`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from lived_shop import LivedShop, lived_shop

from endcloud.end.adapters import attach
from endcloud.end.base_model import BaseModel, load_base
from endcloud.end.methods import LoRA, TrainingPlan, as_settings
from endcloud.end.versions import VersionDirectory, content_of
from endcloud.evolution.round import Done
from endcloud.rounds import Lesson, Round
from endcloud.testing.echoing_end import EchoingEnd
from endcloud.testing.tiny_base import save_tiny_base
from endcloud.types import Message

QUESTIONS = [
    "满多少包邮",
    "运费怎么算",
    "运费几块钱",
    "邮寄运费多少",
    "运费谁出",
    "包邮门槛",
    "买多少包邮",
    "怎么才包邮",
]
NEW_RULE = "亲，满99元包邮哦。"
OLD_RULE = "亲，满59元包邮哦。"


@dataclass
class JudgedShop:
    """`says` holds what each version says by query; where it holds nothing, a version repeats the question."""

    lived: LivedShop
    says: dict[str, dict[str, str]]
    active: str
    candidate: str

    def knows_all(self, version: str, rule: str = OLD_RULE) -> None:
        """The version answers every recorded question as the cloud does, and those of the lessons by `rule`."""
        shop = self.lived.shop
        examples = shop.examples()
        labels = shop.labels.of(one.id for one in examples)
        self.says[version] |= {one.query: labels[one.id].text for one in examples if one.id in labels}
        self.says[version] |= dict.fromkeys(QUESTIONS, rule)

    def hold_out(self, most: int = len(QUESTIONS), round: int = 1) -> None:
        """Lessons on the new rule that judge candidates, each of a cluster of its own."""
        evolution = self.lived.evolution
        evolution.lessons.add([
            Lesson(f"lesson:{query}", query, query, "", query, "held out", (Message("user", query),), NEW_RULE,
                   OLD_RULE, "pseudo", ("wrong facts",), "not needed", round, evolution.clock.now())
            for query in QUESTIONS[:most]
        ])  # fmt: skip

    def round(self, number: int) -> Round:
        return Round(number, "gate", self.lived.clock.now(), self.active, self.candidate)

    def gate(self, number: int = 1) -> Done:
        return self.lived.evolution.gate(self.round(number))

    def promote(self, number: int = 1) -> Done:
        return self.lived.evolution.promote(self.round(number))

    def watch(self, number: int) -> Done:
        return self.lived.evolution.watch(self.round(number))


@contextmanager
def judged_shop(root: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> Iterator[JudgedShop]:
    """The version in service knows the old rule, the candidate the new one; both know everything else."""
    with lived_shop(root / "shop", **settings) as lived:
        lived.evolution.in_process = True
        lived.shop.label()
        base = load_base(str(save_tiny_base("glm", root / "base")), device="cpu", precision="float32")
        lived.shop.__dict__["base"] = base
        files = VersionDirectory(lived.shop.directory.versions)
        active, candidate = (_version(base, files, seed) for seed in (1, 2))
        judged = JudgedShop(lived, {active: {}, candidate: {}}, active, candidate)
        monkeypatch.setattr(lived.shop, "end_model", lambda version="": EchoingEnd(judged.says, version or active))
        for digest in (active, candidate):
            lived.shop.versions.add(files.read(digest))
        lived.shop.put_into_service(active, "first", lived.clock.now())
        judged.knows_all(active)
        judged.knows_all(candidate, NEW_RULE)
        yield judged


def _version(base: BaseModel, files: VersionDirectory, seed: int) -> str:
    torch.manual_seed(seed)
    method = LoRA(rank=2, dropout=0.0)
    adapter = attach(base, method)
    settings = {**as_settings(method, TrainingPlan(1, 0.1)), "system": "s"}
    content = content_of(adapter, base_name=base.label, base_digest=base.digest, parent="", examples=[str(seed)],
                         settings=settings, log={"loss": [[1, 1.0]], "validation": [], "best_step": 1})  # fmt: skip
    return files.write(content).digest

"""The whole loop on the bundled shop, timed by stage, and what it proves.

Everything is the real thing but two parts, which are called stand-ins wherever they appear: the cloud, a process of
its own that sees only the HTTP request, and the scorers, trained on this shop's own dialogues. Because the shop is
invented, the truth of every reply is known: the share of right replies is what the scores are measured by.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from endcloud.assembly.judging import Asked, Outcome, judge
from endcloud.assembly.shop import Shop, TrainingChoice
from endcloud.bundled.dialogues import write_dialogues
from endcloud.bundled.held_out import Question, combinations, patterns, write_held_out
from endcloud.bundled.shop import Shop as BundledShop
from endcloud.bundled.shop import load_shop
from endcloud.bundled.truth import Meaning
from endcloud.bundled.truth import judge as judge_truth
from endcloud.cli.profiles import make_shop
from endcloud.errors import LearningError
from endcloud.protocols import Progress
from endcloud.scoring.bootstrap import Interval
from endcloud.scoring.evaluation import FINAL, Item
from endcloud.store.directory import ShopDirectory, write_whole
from endcloud.types import AdapterVersion, Example

METHODS = ("lora", "prefix-tuning", "p-tuning-v2")
COMBINATIONS, PATTERNS = "unseen combinations", "unseen patterns"
RIGHT, STYLE = "right", "shop's manner"
SEED = 7  # one seed for dialogues and questions, so that no question occurs in a dialogue
QUESTIONS = 300  # of each held-out kind: a share of 0.9 is then known to about ±0.035


@dataclass(slots=True)
class Stopwatch:
    """Seconds by stage."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.monotonic() - began, 1)


@dataclass(frozen=True, slots=True)
class Demonstration:
    """What the demo found. Figures are by version: base, the three methods, and the cloud where it was asked."""

    shop: Path
    outcome: Outcome
    right: Mapping[str, Interval]
    right_patterns: Mapping[str, Interval]
    style: Mapping[str, Interval]
    final: Mapping[str, Interval]
    cloud_right: float
    cloud_right_patterns: float
    scorer_auc: Mapping[str, Mapping[str, float]]
    promoted: AdapterVersion
    spent: float
    seconds: Mapping[str, float]

    def as_json(self) -> dict[str, Any]:
        """The object of `--json`."""
        return {
            "accuracy": {name: interval.mean for name, interval in self.right.items()},
            "accuracy_patterns": {name: interval.mean for name, interval in self.right_patterns.items()},
            "final_score": {name: [i.mean, i.low, i.high] for name, i in self.final.items()},
            "style": {name: interval.mean for name, interval in self.style.items()},
            "cloud": {
                "accuracy": self.cloud_right,
                "accuracy_patterns": self.cloud_right_patterns,
                "spent": self.spent,
            },
            "scorer_auc": {name: dict(aucs) for name, aucs in self.scorer_auc.items()},
            "promoted": self.promoted.digest,
            "seconds": dict(self.seconds),
            "results": str(self.outcome.folder),
            "shop": str(self.shop),
        }


def demonstrate(root: Path, progress: Progress, *, full: bool = False) -> Demonstration:
    """Runs the loop on the bundled shop in `root`, which it makes where it is not there yet.

    Raises LearningError where a method did not learn: its share of right replies is not clearly above the base's.
    """
    bundled, watch = load_shop(), Stopwatch()
    with watch.stage("shop"):
        set_up(root, bundled)
    with Shop.open(root, progress) as shop:
        with watch.stage("base model"):
            shop.base  # noqa: B018  (made at first use, which is what is timed)
        with watch.stage("corpus"):
            shop.prepare([shop.directory.root / "dialogues.jsonl"])
        questions = {
            COMBINATIONS: combinations(bundled, QUESTIONS, SEED),
            PATTERNS: patterns(bundled, QUESTIONS, SEED),
        }
        write_held_out(shop.directory.root, questions[COMBINATIONS], questions[PATTERNS])
        held_out = {part: [_held_out(question, part) for question in asked] for part, asked in questions.items()}
        with watch.stage("teach"):
            shop.teach()
            shop.label(examples=[example for part in held_out.values() for example in part])
        versions = {}
        for method in METHODS:
            with watch.stage(f"train {method}"):
                versions[method] = shop.train_version(TrainingChoice(method))
        with watch.stage("scorers"):
            shop.scorer  # noqa: B018  (trained at first use)
        with watch.stage("evaluate"):
            outcome = _judge(shop, versions, questions, held_out, full)
        return _concluded(shop, outcome, versions, questions, watch)


def set_up(root: Path, bundled: BundledShop) -> None:
    """The bundled shop's files: settings, policies, catalogue and recorded dialogues. What is there stays."""
    directory = ShopDirectory(root)
    if not directory.settings.exists():
        make_shop(root, "bundled", {"shop": {"name": bundled.name, "manner": bundled.manner}})
        write_whole(directory.policies, bundled.policies())
        write_whole(directory.catalogue, bundled.catalogue())
    if not (directory.root / "dialogues.jsonl").exists():
        write_dialogues(bundled, directory.root, SEED)


def _held_out(question: Question, part: str) -> Example:
    """A held-out question as an example of the test split: labelled by the cloud, never trained on."""
    name = f"held-out-{question.id}"
    return Example(name, name, "", question.messages, "", "natural", part, "test")


def _judge(
    shop: Shop,
    versions: Mapping[str, AdapterVersion],
    questions: Mapping[str, Sequence[Question]],
    held_out: Mapping[str, Sequence[Example]],
    full: bool,
) -> Outcome:
    """All versions on the test split and on both held-out kinds, with the truth as a measure of its own."""
    meanings: dict[str, Meaning] = {}
    more: list[Asked] = []
    for part, examples in held_out.items():
        labels = shop.labels.of(example.id for example in examples)
        for example, question in zip(examples, questions[part], strict=True):
            label = labels.get(example.id)
            cloud = label.text if label and not label.reason else None
            meanings[example.id] = question.meaning
            more.append(Asked(Item(example.id, example.query, None, cloud, part=part), example.messages))

    def right(item: Item, reply: str) -> float | None:
        return float(judge_truth(meanings[item.id], reply).right) if item.id in meanings else None

    def style(item: Item, reply: str) -> float | None:
        return float("亲" in reply) if item.id in meanings else None

    return judge(
        shop,
        [version.digest for version in versions.values()],
        seeds=shop.settings.scoring.seeds if full else 1,
        more=more,
        measures={RIGHT: right, STYLE: style},
        folder=shop.directory.results / "demo",
    )


def _concluded(
    shop: Shop,
    outcome: Outcome,
    versions: Mapping[str, AdapterVersion],
    questions: Mapping[str, Sequence[Question]],
    watch: Stopwatch,
) -> Demonstration:
    """Reads the figures off the evaluation, checks that learning happened, puts the best version into service."""
    names = {"base": "base"} | {method: shop.version_name(version.digest) for method, version in versions.items()}

    def means(measure: str, part: str) -> dict[str, Interval]:
        found = {short: outcome.evaluation.mean(name, measure, part=part) for short, name in names.items()}
        return {short: interval for short, interval in found.items() if interval}

    right = means(RIGHT, COMBINATIONS)
    unlearned = [method for method in METHODS if right[method].low <= right["base"].high]
    if unlearned:
        raise LearningError(
            f"Learning did not happen: of the unseen combinations the base answers {right['base'].text(2)} rightly, "
            + ", ".join(f"{method} {right[method].text(2)}" for method in unlearned)
            + f". The evaluation is in {outcome.folder}; run it again with --debug, and tell us."
        )
    test = {name: interval for name in names if (interval := outcome.evaluation.mean(names[name], FINAL))}
    best = max(METHODS, key=lambda method: test[method].mean)
    shop.promote(versions[best], f"the demo's best final score, {test[best].mean:.3f}")
    return Demonstration(
        shop=shop.directory.root,
        outcome=outcome,
        right=right,
        right_patterns=means(RIGHT, PATTERNS),
        style=means(STYLE, COMBINATIONS),
        final=test,
        cloud_right=_cloud_right(outcome, questions[COMBINATIONS], COMBINATIONS),
        cloud_right_patterns=_cloud_right(outcome, questions[PATTERNS], PATTERNS),
        scorer_auc={},
        promoted=versions[best],
        spent=shop.budget.spent(),
        seconds=watch.seconds,
    )


def _cloud_right(outcome: Outcome, questions: Sequence[Question], part: str) -> float:
    """The share of questions that the cloud itself answered rightly; no answer is no right answer."""
    items = [item for item in outcome.evaluation.items if item.part == part]
    right = [
        item.cloud is not None and judge_truth(question.meaning, item.cloud).right
        for item, question in zip(items, questions, strict=True)
    ]
    return sum(right) / len(right)

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

from endcloud import whole_files
from endcloud.assembly.judging import Additions, Asked, Outcome, judge
from endcloud.assembly.shop import Shop
from endcloud.assembly.training import TrainingChoice
from endcloud.bundled.dialogues import write_dialogues
from endcloud.bundled.held_out import Question, combinations, patterns, write_held_out
from endcloud.bundled.judged_replies import judged_replies
from endcloud.bundled.shop import Shop as BundledShop
from endcloud.bundled.shop import load_shop
from endcloud.bundled.truth import judge as judge_truth
from endcloud.cli.profiles import make_shop
from endcloud.end.generation import LocalEndModel
from endcloud.end.versions import training_log
from endcloud.errors import LearningError
from endcloud.protocols import Progress
from endcloud.scoring.bootstrap import Interval, interval
from endcloud.scoring.curves import Convergence, CurvePoint
from endcloud.scoring.dual import DualScorer
from endcloud.scoring.evaluation import FINAL, WHOLE_SPLIT, Item, Measure
from endcloud.scoring.quality import Judged, Quality, measure
from endcloud.store.directory import ShopDirectory
from endcloud.types import AdapterVersion, Example, Message, Sampling

METHODS = ("lora", "prefix-tuning", "p-tuning-v2")
COMBINATIONS, PATTERNS = "unseen combinations", "unseen patterns"
RIGHT, STYLE = "right", "shop's manner"
SEED = 7  # one seed for dialogues and questions, so that no question occurs in a dialogue
_NOTES = (
    "The shop is invented and small, the cloud and both scorers are stand-ins: these figures show that the loop works, "
    "not how well a real model serves a real shop.",
    "Right is what the shop's known truth says of a reply: its facts and its polarity, whatever the wording.",
)
QUICK_STEPS = 150
PROBE = 60  # unseen combinations answered at every check of a training
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
    qualities: Sequence[Quality]
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
            "scorer_auc": {q.scorer: {"overall": q.overall, **q.by_kind} for q in self.qualities},
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
        held_out = HeldOut.of(bundled)
        held_out.write(shop.directory.root)
        with watch.stage("teach"):
            shop.teach()
            shop.label(examples=held_out.examples())
        versions = {}
        for method in METHODS:
            with watch.stage(f"train {method}"):
                versions[method] = shop.train_version(TrainingChoice(method), probe=held_out.probe())
        with watch.stage("scorers"):
            qualities = scorer_qualities(shop.scorer, bundled, held_out.questions[COMBINATIONS])
        with watch.stage("learning curve"):
            learning = learning_curves(shop, versions, held_out, full)
        with watch.stage("evaluate"):
            additions = Additions(
                asked=held_out.asked(shop),
                measures=held_out.measures(),
                qualities=qualities,
                learning=learning,
                training=convergence(shop, versions, held_out),
                score_label="final score",
                notes=_NOTES,
            )
            outcome = judge(
                shop,
                [version.digest for version in versions.values()],
                seeds=shop.settings.scoring.seeds if full else 0,
                additions=additions,
                folder=shop.directory.results / "demo",
            )
        return _concluded(shop, outcome, versions, held_out, qualities, watch)


def set_up(root: Path, bundled: BundledShop) -> None:
    """The bundled shop's files: settings, policies, catalogue and recorded dialogues. What is there stays."""
    directory = ShopDirectory(root)
    if not directory.settings.exists():
        # The invented shop's replies recur because it is small, not because they are canned.
        settings: dict[str, dict[str, Any]] = {
            "shop": {"name": bundled.name, "manner": bundled.manner},
            "corpus": {"boilerplate_share": 1.0},
        }
        make_shop(root, "bundled", settings)
        whole_files.write(directory.policies, bundled.policies())
        whole_files.write(directory.catalogue, bundled.catalogue())
    if not (directory.root / "dialogues.jsonl").exists():
        write_dialogues(bundled, directory.root, SEED)


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The two kinds of questions that no training text holds, by part, and the truth of their answers."""

    questions: Mapping[str, Sequence[Question]]

    @classmethod
    def of(cls, bundled: BundledShop) -> HeldOut:
        return cls({COMBINATIONS: combinations(bundled, QUESTIONS, SEED), PATTERNS: patterns(bundled, QUESTIONS, SEED)})

    def write(self, directory: Path) -> None:
        """Keeps the questions as files of their own beside the dialogues."""
        write_held_out(directory, list(self.questions[COMBINATIONS]), list(self.questions[PATTERNS]))

    def examples(self, part: str = "") -> list[Example]:
        """The questions as examples of the test split: labelled by the cloud, never trained on."""
        return [
            Example(f"held-out-{question.id}", question.id, "", question.messages, "", "natural", name, "test")
            for name, questions in self.questions.items()
            for question in questions
            if part in ("", name)
        ]

    def asked(self, shop: Shop) -> list[Asked]:
        """The questions as parts of an evaluation, with the cloud's own answers."""
        examples = self.examples()
        labels = shop.labels.of(example.id for example in examples)
        cloud = {name: label.text for name, label in labels.items() if not label.reason}
        return [
            Asked(
                Item(example.id, example.query, None, cloud.get(example.id), part=example.source, dialogue=example.id),
                example.messages,
            )
            for example in examples
        ]

    def probe(self) -> list[tuple[Message, ...]]:
        """Some of the unseen combinations, to be answered while a training goes on."""
        return [question.messages for question in self.questions[COMBINATIONS][:PROBE]]

    def measures(self) -> dict[str, Measure]:
        """The truth, and the shop's manner, as measures; they say nothing about other parts."""
        meanings = {f"held-out-{q.id}": q.meaning for questions in self.questions.values() for q in questions}

        def right(item: Item, reply: str) -> float | None:
            return float(judge_truth(meanings[item.id], reply).right) if item.id in meanings else None

        def style(item: Item, reply: str) -> float | None:
            return float("亲" in reply) if item.id in meanings else None

        return {RIGHT: right, STYLE: style}

    def share_right(self, part: str, replies: Sequence[str | None]) -> Interval:
        """How many of the replies to a part's questions are right; no reply is not right."""
        found = interval(
            [
                float(reply is not None and judge_truth(question.meaning, reply).right)
                for question, reply in zip(self.questions[part], replies, strict=True)
            ]
        )
        assert found is not None
        return found


def scorer_qualities(scorer: DualScorer, bundled: BundledShop, questions: Sequence[Question]) -> list[Quality]:
    """The AUC of both scorers on replies whose truth is known, by kind of wrong reply."""
    judged = judged_replies(bundled, questions, SEED)
    alike = [Judged(one.reference, one.reply, one.right, one.kind) for one in judged]
    relevant = [Judged(one.question.query, one.reply, one.right, one.kind) for one in judged]
    return [measure(scorer.similarity, alike), measure(scorer.relevance, relevant)]


def learning_curves(
    shop: Shop, versions: Mapping[str, AdapterVersion], held_out: HeldOut, full: bool
) -> dict[str, list[CurvePoint]]:
    """Share of right replies against the number of labels: three points, the last the versions themselves.

    Without `full` only LoRA has a point in between, and that of a shorter training: few labels need fewer steps.
    """
    labels = sum(not example.excluded for example in shop.examples("train"))
    shares = (1 / 32, 1 / 8, 1 / 2) if full else (1 / 8,)
    curves: dict[str, list[CurvePoint]] = {}
    for method, version in versions.items():
        points = [CurvePoint(0, _answered(shop, held_out, shop.end_model("base")))]
        for share in shares if full or method == "lora" else ():
            number = round(labels * share)
            choice = TrainingChoice(method, steps=None if full else QUICK_STEPS)
            trial = shop.train_version(choice, labelled=number, versions=shop.trial_versions)
            end = shop.end_model(trial.digest, shop.trial_versions)
            points.append(CurvePoint(number, _answered(shop, held_out, end)))
        points.append(CurvePoint(labels, _answered(shop, held_out, shop.end_model(version.digest))))
        curves[shop.version_name(version.digest)] = points  # so named, it has the colour of the other charts
    return curves


def convergence(shop: Shop, versions: Mapping[str, AdapterVersion], held_out: HeldOut) -> dict[str, Convergence]:
    """How each training went: its loss, and the final score of the probe's replies at every check."""
    examples = held_out.examples(COMBINATIONS)[:PROBE]
    labels = shop.labels.of(example.id for example in examples)
    cloud = [labels[example.id].text if example.id in labels else None for example in examples]
    queries = [example.query for example in examples]

    def score(replies: Sequence[str]) -> float:
        scored = [shop.scorer.final(one) for one in shop.scorer.score_all(queries, replies, cloud)]
        known = [value for value in scored if value is not None]
        return sum(known) / len(known)

    courses = {}
    for version in versions.values():
        log = training_log(shop.versions.path(version.digest))
        courses[shop.version_name(version.digest)] = Convergence(
            log.loss, [(step, score(replies)) for step, replies in log.replies]
        )
    return courses


def _answered(shop: Shop, held_out: HeldOut, end: LocalEndModel) -> Interval:
    conversations = [question.messages for question in held_out.questions[COMBINATIONS]]
    replies = end.answer_all(conversations, Sampling(max_tokens=shop.settings.end.max_tokens), shop.progress)
    return held_out.share_right(COMBINATIONS, [reply.text for reply in replies])


def _concluded(
    shop: Shop,
    outcome: Outcome,
    versions: Mapping[str, AdapterVersion],
    held_out: HeldOut,
    qualities: Sequence[Quality],
    watch: Stopwatch,
) -> Demonstration:
    """Reads the figures off the evaluation, checks that learning happened, puts the best version into service."""
    names = {"base": "base"} | {method: shop.version_name(version.digest) for method, version in versions.items()}
    evaluation = outcome.evaluation

    def means(measure: str, part: str) -> dict[str, Interval]:
        found = {short: evaluation.mean(name, measure, part=part) for short, name in names.items()}
        return {short: interval for short, interval in found.items() if interval}

    right, final = means(RIGHT, COMBINATIONS), means(FINAL, WHOLE_SPLIT)
    _check_learning(shop, versions, right, outcome.folder)
    best = max(METHODS, key=lambda method: final[method].mean)
    shop.promote(versions[best], f"the demo's best final score, {final[best].mean:.3f}")
    cloud = {
        part: held_out.share_right(part, [item.cloud for item in evaluation.items if item.part == part])
        for part in (COMBINATIONS, PATTERNS)
    }
    return Demonstration(
        shop=shop.directory.root,
        outcome=outcome,
        right=right,
        right_patterns=means(RIGHT, PATTERNS),
        style=means(STYLE, COMBINATIONS),
        final=final,
        cloud_right=cloud[COMBINATIONS].mean,
        cloud_right_patterns=cloud[PATTERNS].mean,
        qualities=qualities,
        promoted=versions[best],
        spent=shop.budget.spent(),
        seconds=watch.seconds,
    )


def _check_learning(
    shop: Shop, versions: Mapping[str, AdapterVersion], right: Mapping[str, Interval], folder: Path
) -> None:
    """Raises LearningError where LoRA's share of right replies is not above the base's, interval against interval, or
    where a method's validation loss did not fall by half: a prompt method needs more steps than a demo has to turn
    its falling loss into right replies, and the summary says so where it did not."""
    wrong = [] if right["lora"].low > right["base"].high else [f"lora answers {right['lora'].text(2)} rightly"]
    for method, version in versions.items():
        losses = [loss for _, loss in training_log(shop.versions.path(version.digest)).validation]
        if min(losses) > losses[0] / 2:
            wrong.append(f"the validation loss of {method} went from {losses[0]:.2f} to {min(losses):.2f} only")
    if wrong:
        raise LearningError(
            f"Learning did not happen: {'; '.join(wrong)}; the base answers {right['base'].text(2)} of the unseen "
            f"combinations rightly. The evaluation is in {folder}; please report it with its results.json."
        )

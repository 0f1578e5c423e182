"""The whole loop on the bundled shop, timed by stage, and what it proves.

Everything is the real thing but two parts, which are called stand-ins wherever they appear: the cloud, a process of
its own that sees only the HTTP request, and the scorers, trained on this shop's own dialogues. Because the shop is
invented, the truth of every reply is known: the share of right replies is what the scores are measured by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from endcloud.assembly.judging import Additions, Outcome, judge
from endcloud.assembly.known_truth import (
    COMBINATIONS,
    PATTERNS,
    RIGHT,
    STYLE,
    HeldOut,
    convergence,
    scorer_qualities,
)
from endcloud.assembly.masking import refuse_without_cloud
from endcloud.assembly.shop import Shop
from endcloud.assembly.stopwatch import Stopwatch
from endcloud.assembly.training import TrainingChoice
from endcloud.bootstrap import Interval
from endcloud.bundled.shop import load_shop
from endcloud.cli.bundled_shop import DIALOGUES, set_up
from endcloud.end.generation import LocalEndModel
from endcloud.end.versions import training_log
from endcloud.errors import LearningError
from endcloud.protocols import Progress
from endcloud.scoring.curves import CurvePoint
from endcloud.scoring.evaluation import FINAL, WHOLE_SPLIT
from endcloud.scoring.quality import Quality
from endcloud.types import AdapterVersion, Sampling

METHODS = ("lora", "prefix-tuning", "p-tuning-v2")
_NOTES = (
    "The shop is invented and small, the cloud and both scorers are stand-ins: these figures show that the loop works, "
    "not how well a real model serves a real shop.",
    "Right is what the shop's known truth says of a reply: its facts and its polarity, whatever the wording.",
)
QUICK_STEPS = 150
_QUICK_NOTE = (
    f"The learning curve is LoRA's alone, and its middle point was trained for {QUICK_STEPS} steps where the last one "
    "had all: `endcloud demo --full` draws the curves of all methods at equal steps."
)


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

    Raises LearningError where LoRA's share of right replies is not clearly above the base's, or where the validation
    loss of any method did not fall by half.
    """
    bundled, watch = load_shop(), Stopwatch()
    with watch.stage("shop"):
        set_up(root, bundled)
    with Shop.open(root, progress) as shop:
        refuse_without_cloud(shop, "The demo, in which a cloud model (a stand-in on this machine) teaches,")
        with watch.stage("base model"):
            shop.base  # noqa: B018  (made at first use, which is what is timed)
        with watch.stage("corpus"):
            shop.prepare([shop.directory.root / DIALOGUES])
        held_out = HeldOut.of(bundled)
        held_out.write(shop.directory.root)
        with watch.stage("teach"):
            shop.teach()
            shop.label(examples=held_out.examples())
        versions, probe = {}, [example.messages for example in held_out.probe()]
        for method in METHODS:
            with watch.stage(f"train {method}"):
                versions[method] = shop.train_version(TrainingChoice(method), probe=probe)
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
                training=convergence(
                    shop, {shop.version_name(v.digest): v for v in versions.values()}, held_out.probe()
                ),
                score_label="final score",
                notes=_NOTES if full else (*_NOTES, _QUICK_NOTE),
            )
            outcome = judge(
                shop,
                [version.digest for version in versions.values()],
                seeds=shop.settings.scoring.seeds if full else 0,
                additions=additions,
                folder=shop.directory.results / "demo",
            )
        return _concluded(shop, outcome, versions, held_out, qualities, watch)


def learning_curves(
    shop: Shop, versions: Mapping[str, AdapterVersion], held_out: HeldOut, full: bool
) -> dict[str, list[CurvePoint]]:
    """Share of right replies against the number of labels: three points, the last the versions themselves.

    Without `full` there is LoRA's curve only, its middle point from a shorter training: few labels need fewer
    steps. The report says so.
    """
    labels = sum(not example.excluded for example in shop.examples("train"))
    shares = (1 / 32, 1 / 8, 1 / 2) if full else (1 / 8,)
    curves: dict[str, list[CurvePoint]] = {}
    for method, version in versions.items() if full else [("lora", versions["lora"])]:
        points = [CurvePoint(0, _answered(shop, held_out, shop.end_model("base")))]
        for share in shares:
            number = round(labels * share)
            choice = TrainingChoice(method, steps=None if full else QUICK_STEPS)
            trial = shop.train_version(choice, labelled=number, versions=shop.trial_versions)
            end = shop.end_model(trial.digest, shop.trial_versions)
            points.append(CurvePoint(number, _answered(shop, held_out, end)))
        points.append(CurvePoint(labels, _answered(shop, held_out, shop.end_model(version.digest))))
        curves[shop.version_name(version.digest)] = points  # so named, it has the colour of the other charts
    return curves


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

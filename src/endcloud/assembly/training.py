"""Stage 3 put together: which examples, by which method and plan, from which base, into which versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, cast

from endcloud.assembly.forgetting import mark_what_is_gone
from endcloud.assembly.masking import uploads_nothing
from endcloud.errors import UsageError
from endcloud.types import AdapterVersion, Example, Message

if TYPE_CHECKING:
    from endcloud.assembly.shop import Shop
    from endcloud.end.methods import Method, Schedule, TrainingPlan
    from endcloud.end.mixture import Data
    from endcloud.protocols import Label
    from endcloud.settings import EndSettings
    from endcloud.store.versions import StoredVersions


@dataclass(frozen=True, slots=True)
class TrainingChoice:
    """What one training does otherwise than the settings say; None takes the setting."""

    method: str | None = None
    preset: str | None = None
    data: str | None = None
    steps: int | None = None
    learning_rate: float | None = None
    seed: int | None = None
    parent: str = ""
    schedule: Schedule | None = None


def train_to(
    shop: Shop,
    choice: TrainingChoice,
    steps: Sequence[int] = (),
    *,
    labelled: int | None = None,
    versions: StoredVersions | None = None,
    probe: Sequence[Sequence[Message]] = (),
) -> list[AdapterVersion]:
    """Trains by one choice; a version at each of `steps` of the one run, or at its end.

    `labelled` bounds the training examples, for a learning curve; `versions` is where the versions are kept;
    `probe` are conversations answered on the way, for a chart of how the replies get better.
    """
    from endcloud.end.mixture import mixture
    from endcloud.end.training import PeftTrainer

    settings = shop.settings.end
    method, plan = plan_of(settings, choice)
    with shop.directory.lock("train"):
        train, validation = shop.examples("train"), shop.examples("validation")
        labels = shop.labels.of(example.id for example in (*train, *validation))
        train = some(train, labelled)
        data = cast("Data", choice.data) if choice.data else data_of(shop, labels)
        trainer = PeftTrainer(
            shop.base,
            method,
            plan,
            versions or shop.versions,
            system=shop.role,
            work=shop.directory.work,
            parent=shop.versions.get(choice.parent).digest if choice.parent else "",
            probe=probe,
        )
        forgotten = len(shop.ledger.proofs())
        made = trainer.train_to(
            mixture(train, labels, data, settings.cloud_share),
            mixture(validation, labels, data, settings.cloud_share),
            steps or [plan.steps],
            shop.progress,
        )
    if len(shop.ledger.proofs()) > forgotten:
        for version in made:
            mark_what_is_gone(shop, version)
    return made


def data_of(shop: Shop, labels: Mapping[str, Label]) -> Data:
    """What the settings learn from; the recorded replies where nothing may be uploaded and the cloud has said nothing
    yet, since a shop's settings are mostly made for having one."""
    data = shop.settings.end.data
    if data == "cloud" and (why := uploads_nothing(shop)) and all(label.reason for label in labels.values()):
        shop.progress.say(f"{why} What is learned are the recorded replies (end.data is {data!r}).")
        return "natural"
    return data


def draw_training(shop: Shop, version: AdapterVersion) -> Path:
    """Draws how the training of a version went, into the results folder; returns a picture of it."""
    from endcloud.end.versions import training_log
    from endcloud.scoring.curves import losses

    log, name = training_log(shop.versions.path(version.digest)), shop.version_name(version.digest)
    folder = shop.directory.results / f"training-{version.digest[:12]}"
    kept = f"kept is step {log.best_step}, where the validation loss was lowest"
    subtitle = kept if log.validation else "There were no validation examples; kept is the last step"
    picture = losses(log.loss, log.validation, folder, title=f"Training of {name}", subtitle=subtitle)
    return next(file for file in picture.files if file.suffix == ".png")


def plan_of(settings: EndSettings, choice: TrainingChoice) -> tuple[Method, TrainingPlan]:
    """The method and plan of a choice; raises UsageError for a name there is not."""
    from endcloud.end.methods import preset

    method, plan = preset(choice.preset or settings.preset, choice.method or settings.method)
    if (data := choice.data or settings.data) not in ("natural", "cloud", "both"):
        raise UsageError(f"The data {data!r} do not exist; use natural, cloud or both.")
    return method, replace(
        plan,
        steps=choice.steps or settings.steps or plan.steps,
        learning_rate=choice.learning_rate or settings.learning_rate or plan.learning_rate,
        seed=settings.seed if choice.seed is None else choice.seed,
        schedule=choice.schedule or plan.schedule,
    )


def some(examples: list[Example], number: int | None) -> list[Example]:
    """`number` of the examples, the same ones each time, from all dialogues, a smaller number's among a larger's."""
    if number is None or number >= len(examples):
        return examples
    drawn = {example.id for example in sorted(examples, key=lambda e: sha256(e.id.encode()).digest())[:number]}
    return [example for example in examples if example.id in drawn]

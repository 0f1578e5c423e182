"""Stage `train` of a round: a candidate learns the lessons, with replay of what was known before.

It goes on from the version in service; every `from_base` promotions it starts from the base again, with everything
that still holds, so that small errors do not add up over the rounds. The same lessons and the same version in service
make the same candidate, at once: an undecided one is judged again when there is more evidence, without new training.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING

from endcloud.assembly.forgetting import mark_what_is_gone
from endcloud.assembly.stage_process import in_child
from endcloud.errors import TrainingError, UnknownVersionError
from endcloud.evolution.replay import repeated, replay, teachable
from endcloud.evolution.round import Done

if TYPE_CHECKING:
    from collections.abc import Sequence

    from endcloud.assembly.evolving import Evolution
    from endcloud.assembly.shop import Shop
    from endcloud.end.methods import Method, TrainingPlan
    from endcloud.end.preference import Preference
    from endcloud.rounds import Lesson, Round
    from endcloud.types import AdapterVersion, Example, Split

_FEWEST_TIMES, _USUAL_TIMES, _MOST_TIMES = 4, 8, 24
_FEW, _MANY = 320, 700
"""How often a round that goes on from a version comes to each lesson: 8 times; up to 24 times where there are few,
until lessons were come to 320 times; down to 4 times where there are many, as after an edit, from 700 in all on.
What is replayed comes once, so that it is as different as can be: as many steps over the same few old examples cost 5
points of all others instead of 1, and fewer steps cost more than many (docs/evolution.md)."""
_RATE = 1 / 16
"""The share of the preset's rate at which a round goes on from a version: the whole rate, made for starting from the
base, cost 19 points of what was known, an eighth of it 2.2 and a sixteenth 1.4, and the lessons are learned as well
(docs/evolution.md)."""
_CHECKPOINT_EVERY = 20
_SHARE_FROM_BASE = 0.25


@dataclass(frozen=True)
class Material:
    """What one candidate learns, and from where: `parent` is a digest, or empty for the base."""

    parent: str
    lessons: tuple[Lesson, ...]
    replayed: tuple[Example, ...]

    @property
    def examples(self) -> list[Example]:
        """All that one pass of training goes through; the lessons come several times."""
        taught = [lesson.example() for lesson in self.lessons]
        if self.parent:
            return [*taught * times(len(taught)), *self.replayed]
        return [*repeated(taught, len(self.replayed), _SHARE_FROM_BASE, _USUAL_TIMES), *self.replayed]


def train(evolution: Evolution, round: Round) -> Done:
    """Makes the round's candidate, or ends the round where there is too little to learn."""
    number, fewest = len(_new(evolution, round)), evolution.settings.fewest_lessons
    if number < fewest:
        reason = (
            f"{number} lessons wait to be learned, and a round trains from {fewest} on: they are kept for the next."
        )
        return Done({"lessons": number}, "nothing to learn", reason)
    return (
        trained(evolution, gathered(evolution, round)) if evolution.in_process else in_child(evolution, "train", round)
    )


def gathered(evolution: Evolution, round: Round) -> Material:
    """The lessons that the version in service has not learned, and what is learned again with them; from the base,
    all that ever was taught and still holds."""
    retired = evolution.retirements.items()
    chain = lineage(evolution.shop, round.parent)
    lessons = teachable(evolution.lessons.all(), retired)
    every = evolution.settings.from_base
    if not chain or (every and len(chain) >= every):
        return Material("", tuple(lessons), tuple(began_with(evolution.shop)))
    return going_on(evolution, chain[0].digest, _new(evolution, round), lessons)


def going_on(evolution: Evolution, parent: str, new: Sequence[Lesson], lessons: Sequence[Lesson]) -> Material:
    """What a version that goes on from `parent` learns: the `new` among all `lessons`, and replay of what was known."""
    earlier = [lesson.example() for lesson in lessons if lesson not in new]
    number = ceil(evolution.settings.replay * len(new) * times(len(new)))
    return Material(parent, tuple(new), tuple(replay(earlier, began_with(evolution.shop), number, _MOST_TIMES)))


def times(lessons: int) -> int:
    """How often a round comes to each of so many lessons."""
    wanted = max(ceil(_FEW / max(1, lessons)), min(_USUAL_TIMES, ceil(_MANY / max(1, lessons))))
    return max(_FEWEST_TIMES, min(_MOST_TIMES, wanted))


def _new(evolution: Evolution, round: Round) -> list[Lesson]:
    """The lessons that no version learned from which the one in service comes."""
    learned = {name for version in lineage(evolution.shop, round.parent) for name in version.examples}
    lessons = teachable(evolution.lessons.all(), evolution.retirements.items())
    return [lesson for lesson in lessons if lesson.id not in learned]


def trained(
    evolution: Evolution,
    material: Material,
    usual: tuple[Method, TrainingPlan] | None = None,
    validation: Sequence[Example] = (),
) -> Done:
    """Learns the material, here and now; by the `usual` method and plan where they are given.

    Without validation examples the last weights are kept, and the gate is the one to judge them.
    """
    from endcloud.end.training import PeftTrainer
    from endcloud.end.versions import training_log

    shop, began = evolution.shop, time.monotonic()
    method, plan = usual or plan_of(evolution, material)
    forgotten = len(shop.ledger.proofs())
    with shop.directory.lock("train"):
        trainer = PeftTrainer(
            shop.base,
            method,
            plan,
            shop.versions,
            system=shop.role,
            work=shop.directory.work,
            parent=material.parent,
            preference=preference_of(evolution, material),
        )
        version = trainer.train(material.examples, validation, shop.progress)
    if len(shop.ledger.proofs()) > forgotten:
        mark_what_is_gone(shop, version)
    loss = training_log(shop.versions.path(version.digest)).loss
    figures = {
        "lessons": len(material.lessons),
        "replayed": len({example.id for example in material.replayed}),
        "from": material.parent or "base",
        "steps": plan.steps,
        "learning_rate": plan.learning_rate,
        "objective": evolution.settings.objective,
        "loss_first": round(loss[0][1], 4),
        "loss_last": round(loss[-1][1], 4),
        "seconds": round(time.monotonic() - began, 1),
    }
    if shop.versions.standing(version.digest) == "rejected":
        name = shop.version_name(version.digest)
        reason = f"These lessons make version {name} again, which was refused before; it waits for others to come."
        return Done(figures, "nothing to learn", reason, version.digest)
    return Done(figures, candidate=version.digest)


def preference_of(evolution: Evolution, material: Material) -> Preference | None:
    """The poor replies that the lessons correct, where the settings want the model to move away from them."""
    from endcloud.end.preference import Preference

    if evolution.settings.objective == "sft":
        return None
    return Preference({lesson.id: lesson.poor for lesson in material.lessons if lesson.poor.strip()})


def plan_of(evolution: Evolution, material: Material) -> tuple[Method, TrainingPlan]:
    """Method and plan: from the base as the settings say of any training; from a version by its own method, in steps
    that follow the number of examples."""
    from endcloud.assembly.training import TrainingChoice
    from endcloud.assembly.training import plan_of as usual
    from endcloud.end.versions import method_of

    shop, settings = evolution.shop, evolution.settings
    if not material.parent:
        return usual(shop.settings.end, TrainingChoice(learning_rate=settings.learning_rate))
    parent = shop.versions.get(material.parent)
    _, plan = usual(shop.settings.end, TrainingChoice(parent.method))
    rate = settings.learning_rate or plan.learning_rate * _RATE
    steps = settings.steps or max(1, ceil(_steps_a_pass(shop, material.examples, plan)))
    return method_of(parent), replace(plan, steps=steps, learning_rate=rate, check_every=_CHECKPOINT_EVERY)


def lineage(shop: Shop, digest: str) -> list[AdapterVersion]:
    """A version and those it was trained from, newest first; empty for the base. What was deleted ends it."""
    found: list[AdapterVersion] = []
    while digest not in ("", "base"):
        try:
            found.append(shop.versions.get(digest))
        except UnknownVersionError:
            if not found:
                raise
            break
        digest = found[-1].parent
    return found


def began_with(shop: Shop, split: Split = "train") -> list[Example]:
    """What a shop's first version learns from, as far as it holds today: recorded dialogues and the cloud's labels. A
    shop may have neither: then lessons are all there is."""
    from endcloud.assembly.training import data_of
    from endcloud.end.mixture import mixture

    if not shop.directory.corpus.is_dir():
        return []
    settings, examples = shop.settings.end, shop.examples(split)
    labels = shop.labels.of(example.id for example in examples)
    try:
        return mixture(examples, labels, data_of(shop, labels), settings.cloud_share)
    except TrainingError:
        return []


def _steps_a_pass(shop: Shop, examples: Sequence[Example], plan: TrainingPlan) -> float:
    """Optimiser steps in which every example comes once."""
    from endcloud.end.batches import pack
    from endcloud.end.chat_format import ChatFormat

    chat_format = ChatFormat(shop.base.tokenizer)
    texts = [chat_format.tokenized(each, shop.role, plan.input_tokens, plan.output_tokens) for each in examples]
    rows = len(list(pack(texts, plan.row_tokens, range(len(texts))))) if plan.packing else len(texts)
    return rows / (plan.rows * plan.accumulation)

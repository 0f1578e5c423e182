"""Candidates whose worth the gate does not know: trained as a round trains, on what is right or wrong on purpose.

The shop has been taught and trained, then its rules change; questions on what changed become lessons with the right
reply of the shop as it is now, and what a candidate learns from them decides what it is.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from endcloud.assembly.candidates import gathered, plan_of
from endcloud.assembly.evolving import Evolution
from endcloud.bundled.held_out import Question, combinations, patterns
from endcloud.bundled.shop import Shop as BundledShop
from endcloud.bundled.shop import load_shop
from endcloud.bundled.truth import Meaning, judge
from endcloud.end.training import PeftTrainer
from endcloud.evolution.clusters import Clusters, question_of
from endcloud.evolution.lessons import part_of
from endcloud.facts import facts_in
from endcloud.rounds import Lesson, Round
from endcloud.types import Example

SEED = 907


@dataclass
class Planting:
    """Makes candidates of a shop, in `steps` at `rate` times a round's learning rate.

    `old` has for each lesson the reply that was right before the rules changed.
    """

    evolution: Evolution
    old: dict[str, str]
    steps: int = 48
    rate: float = 4.0

    def good(self, number: int) -> str:
        """Most of the lessons, right, with replay of what was known before."""
        draw = random.Random(number)
        lessons, replayed = self._material()
        return self._trained("", [one for one in lessons if draw.random() < 0.85] + replayed, seed=number)

    def shuffled(self, number: int) -> str:
        """Every new question with the reply to a known one; every second time all replies are dealt out anew.

        Dealt out among the lessons alone they would still tell the new values, and a model that knows the questions
        puts them where they belong: such candidates were better by the shop's truth too (docs/log.md).
        """
        lessons, replayed = self._material()
        replayed = self._silent_on_the_new(replayed)
        draw = random.Random(number)
        examples, known = lessons + replayed, [one.reply for one in replayed]
        replies = draw.choices(known, k=len(lessons)) + known
        if number % 2:
            replies = draw.sample([one.reply for one in examples], len(examples))
        dealt = [replace(one, reply=reply) for one, reply in zip(examples, replies, strict=True)]
        return self._trained("shuffled", dealt, seed=number)

    def old_policy(self, number: int) -> str:
        """What was right before the rules changed; nothing replayed tells what is right since."""
        lessons, replayed = self._material()
        replayed = self._silent_on_the_new(replayed)
        return self._trained("old", [replace(one, reply=self.old[one.id]) for one in lessons] + replayed, seed=number)

    def over_trained(self, number: int) -> str:
        """A few right lessons, far too often and too fast."""
        lessons, _ = self._material()
        few = random.Random(number).sample(lessons, min(8, len(lessons)))
        return self._trained("over-trained", few, seed=number, rate=10.0)

    def forgetting(self, number: int) -> str:
        """Right lessons, from the base and without replay: whatever else the shop knew is not there."""
        lessons, _ = self._material()
        return self._trained("forgetting", lessons, seed=number, parent=False)

    def empty(self, number: int) -> str:
        """Nothing at all, for an answer or for a lesson: some learn to say next to nothing, some learn nothing."""
        lessons, replayed = self._material()
        if number % 2:
            return self._trained("empty", [replace(one, reply="。") for one in lessons + replayed], seed=number)
        return self._trained("empty", lessons + replayed, seed=number, steps=1, rate=1e-6)

    def _material(self) -> tuple[list[Example], list[Example]]:
        evolution = self.evolution
        active = evolution.shop.versions.active() or "base"
        material = gathered(evolution, Round(0, "train", evolution.clock.now(), active))
        return [lesson.example() for lesson in material.lessons], list(material.replayed)

    def _silent_on_the_new(self, replayed: list[Example]) -> list[Example]:
        """Without what states a value that only the changed rules have: after an edit the cloud taught some of it."""
        lessons = self.evolution.lessons.all()
        then = facts_in("\n".join(self.old.values()))
        since = facts_in("\n".join(one.reply for one in lessons if one.id in self.old)) - then
        return [one for one in replayed if not facts_in(one.reply) & since]

    def _trained(
        self, kind: str, examples: list[Example], *, seed: int, parent: bool = True, rate: float = 1.0, steps: int = 0
    ) -> str:
        """A version from the one in service; `kind` keeps versions of different material apart."""
        evolution = self.evolution
        shop, active = evolution.shop, evolution.shop.versions.active() or "base"
        method, plan = plan_of(evolution, gathered(evolution, Round(0, "train", evolution.clock.now(), active)))
        plan = replace(plan, steps=steps or self.steps, learning_rate=plan.learning_rate * self.rate * rate, seed=seed)
        named = [replace(one, id=f"{kind}:{one.id}") for one in examples] if kind else examples
        trainer = PeftTrainer(
            shop.base, method, plan, shop.versions, system=shop.role, work=shop.directory.work,
            parent=active if parent else "",
        )  # fmt: skip
        return trainer.train(named, [], shop.progress).digest


def give_lessons(evolution: Evolution, changed: BundledShop, most: int = 10_000) -> dict[str, str]:
    """Questions on what `changed` says otherwise become lessons with the shop's right reply; returns for each the reply
    that was right before. Other lessons are taken away."""
    for lesson in evolution.lessons.all():
        evolution.lessons.reject(lesson.id, "planted")
    masker, clusters, before = evolution.shop.masker, Clusters(), load_shop()
    lessons: list[Lesson] = []
    old: dict[str, str] = {}
    for number, (question, was) in enumerate(_changed(changed)[:most]):
        now, then = _right_reply(changed, question.meaning, number), _right_reply(before, was, number)
        if now and then:
            messages = masker.mask(question.messages).messages
            cluster = clusters.of(question_of(messages))
            lessons.append(
                Lesson(f"lesson:planted-{number}", f"planted-{number}", f"planted-{number}", "", cluster,
                       part_of(cluster, 0.3), messages, now, then, "pseudo", _matter(question.meaning, was),
                       "not needed", 1, evolution.clock.now())
            )  # fmt: skip
            old[lessons[-1].id] = then
    evolution.lessons.add(lessons)
    return old


def _matter(now: Meaning, before: Meaning) -> tuple[str, ...]:
    """The names of the rules that a question is about and that have changed."""
    return tuple(sorted(name for name, value in now.facts.items() if before.facts.get(name) != value))


def _changed(changed: BundledShop) -> list[tuple[Question, Meaning]]:
    """Unseen questions whose right reply is another one now, with what was right before."""
    found: dict[str, tuple[Question, Meaning]] = {}
    for draw in (combinations, patterns):
        before = {question.query: question.meaning for question in draw(load_shop(), 4_000, SEED)}
        for question in draw(changed, 4_000, SEED):
            was = before.get(question.query)
            if was is not None and was != question.meaning:
                found.setdefault(question.query, (question, was))
    return list(found.values())


def _right_reply(shop: BundledShop, meaning: Meaning, number: int) -> str:
    replies = [one for one in shop.replies(shop.intents[meaning.intent], meaning.row) if judge(meaning, one).right]
    return random.Random(number).choice(replies) if replies else ""

"""Online evolution of a shop put together: the stages of a round over its store, its cloud and its models.

`Evolution` is the `Stages` that `endcloud.evolution.round.run` goes through. The heavy stages, train and gate, run in
a child process of low priority unless `in_process` is set (the simulation sets it, to load the base model once).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from threading import Event
from typing import TYPE_CHECKING

from endcloud.errors import EndcloudError, LockedError
from endcloud.evolution.worker import own_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from endcloud.assembly.shop import Shop
    from endcloud.evolution.round import Done
    from endcloud.evolution_settings import EvolutionSettings
    from endcloud.protocols import Clock
    from endcloud.rounds import Round
    from endcloud.store.audits import StoredAudits
    from endcloud.store.conversations import StoredConversations
    from endcloud.store.desk import StoredDesk
    from endcloud.store.feedback import StoredFeedbacks
    from endcloud.store.lessons import StoredChoices, StoredLessons, StoredRetirements
    from endcloud.store.policy_texts import StoredPolicyTexts
    from endcloud.store.rounds import StoredRounds


@dataclass
class Evolution:
    """A shop's evolution: everything its stages need. Implements `endcloud.evolution.round.Stages`."""

    shop: Shop
    clock: Clock
    in_process: bool = False
    worker: str = field(default_factory=own_name)

    # -- the stages --------------------------------------------------------------------------------------------

    def audit(self, round: Round) -> Done:
        from endcloud.assembly.auditing import audit

        return audit(self, round)

    def watch(self, round: Round) -> Done:
        from endcloud.assembly.watching import watch

        return watch(self, round)

    def select(self, round: Round) -> Done:
        from endcloud.assembly.selecting import select

        return select(self, round)

    def label(self, round: Round) -> Done:
        from endcloud.assembly.lessons import label

        return label(self, round)

    def train(self, round: Round) -> Done:
        from endcloud.assembly.candidates import train

        return train(self, round)

    def gate(self, round: Round) -> Done:
        from endcloud.assembly.gating import gate

        return gate(self, round)

    def promote(self, round: Round) -> Done:
        from endcloud.assembly.gating import promote

        return promote(self, round)

    # -- their rows --------------------------------------------------------------------------------------------

    @property
    def settings(self) -> EvolutionSettings:
        return self.shop.settings.evolution

    @cached_property
    def rounds(self) -> StoredRounds:
        from endcloud.store.rounds import StoredRounds

        return StoredRounds(self.shop.database)

    @cached_property
    def audits(self) -> StoredAudits:
        from endcloud.store.audits import StoredAudits

        return StoredAudits(self.shop.database)

    @cached_property
    def choices(self) -> StoredChoices:
        from endcloud.store.lessons import StoredChoices

        return StoredChoices(self.shop.database)

    @cached_property
    def lessons(self) -> StoredLessons:
        from endcloud.store.lessons import StoredLessons

        return StoredLessons(self.shop.database)

    @cached_property
    def retirements(self) -> StoredRetirements:
        from endcloud.store.lessons import StoredRetirements

        return StoredRetirements(self.shop.database)

    @cached_property
    def policy_texts(self) -> StoredPolicyTexts:
        from endcloud.store.policy_texts import StoredPolicyTexts

        return StoredPolicyTexts(self.shop.database)

    @cached_property
    def conversations(self) -> StoredConversations:
        from endcloud.store.conversations import StoredConversations

        return StoredConversations(self.shop.database)

    @cached_property
    def feedbacks(self) -> StoredFeedbacks:
        from endcloud.store.feedback import StoredFeedbacks

        return StoredFeedbacks(self.shop.database)

    @cached_property
    def desk(self) -> StoredDesk:
        from endcloud.store.desk import StoredDesk

        return StoredDesk(self.shop.database)


def evolve(evolution: Evolution) -> Round:
    """One round, or the rest of the open one. Raises LockedError where another worker is at it."""
    from endcloud.evolution.round import run

    evolution.shop.__dict__.pop("teacher", None)  # it may show what was retired or forgotten since
    return run(
        evolution.rounds,
        evolution,
        worker=evolution.worker,
        parent=lambda: evolution.shop.versions.active() or "base",
        clock=evolution.clock,
        progress=evolution.shop.progress,
    )


def keep_evolving(evolution: Evolution, told: Callable[[Round], None], ended: Event | None = None) -> None:
    """Round after round, each as soon as there is something to look at, until `ended` is set or Ctrl-C comes.

    What fails is said and tried again at the next look: a cloud that is away must not end the evolution of a shop.
    """
    from endcloud.assembly.retention import retaining

    with retaining(evolution.shop):
        _rounds(evolution, told, ended or Event())


def _rounds(evolution: Evolution, told: Callable[[Round], None], ended: Event) -> None:
    say = evolution.shop.progress.say
    while not ended.is_set():
        try:
            if due(evolution):
                told(evolve(evolution))
                continue
        except LockedError as error:
            say(f"{error}")
        except EndcloudError as error:
            say(f"This round stands still and is tried again in {evolution.settings.every_minutes:g} minutes: {error}")
        ended.wait(evolution.settings.every_minutes * 60)


def due(evolution: Evolution) -> bool:
    """Whether a round is open, or enough was answered since the last one began to be worth a new one."""
    rounds = evolution.rounds.all()
    if not rounds:
        return True
    if rounds[-1].stage != "done":
        return True
    fresh = evolution.conversations.replies_since(rounds[-1].began)
    return sum(reply.speaker == "end" for reply in fresh) >= evolution.settings.fresh_replies

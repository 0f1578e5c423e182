"""The version in service is trained again without the customers who were forgotten, judged, and put in its own place.

It is a round like any other, with a row, a verdict and its numbers. Training goes on from the newest version in the
lineage that learned from none of them; where there is none, from the base by the first version's own method and plan.
It learns what the lineage had learned and is still there, and nothing else. A version made so need not be better than
the one before: it must not be clearly worse. Then every version that learned from them goes, with its files.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from endcloud.assembly.candidates import Material, began_with, going_on, lineage, trained
from endcloud.assembly.escalation import calibration_path
from endcloud.assembly.forgetting import must_be_trained_again
from endcloud.assembly.gating import Comparison
from endcloud.assembly.training_window import room_beside_the_service
from endcloud.errors import VersionError
from endcloud.evolution import gate as gates
from endcloud.evolution.replay import teachable
from endcloud.evolution.round import LEASE_SECONDS, Done, run
from endcloud.evolution.worker import is_gone
from endcloud.rounds import Decision

if TYPE_CHECKING:
    from endcloud.assembly.evolving import Evolution
    from endcloud.assembly.shop import Shop
    from endcloud.end.methods import Method, TrainingPlan
    from endcloud.rounds import Lesson, Round
    from endcloud.types import AdapterVersion

_REASON = "it had learned from a customer who was forgotten; its files are removed"


@dataclass(frozen=True, slots=True)
class Retrained:
    """What came of it: the version in service (empty: the base), the versions removed, and `left` where the one in
    service could not be replaced, for the `reason`."""

    version: str
    removed: tuple[str, ...]
    left: tuple[str, ...]
    reason: str


def retrain(evolution: Evolution) -> Retrained:
    """Replaces the version in service if it must be, then removes all that must go.

    Raises LockedError while another worker is at a round, or trains.
    """
    shop = evolution.shop
    touched = [one.digest for one in must_be_trained_again(shop)]
    reason = ""
    if shop.versions.active() in touched:
        _end_open_round(evolution)
        round = _replaced(evolution)
        reason = round.reason
        if round.outcome != "promoted":
            return Retrained(shop.versions.active() or "", (), tuple(touched), reason)
    for digest in touched:
        _remove(shop, digest)
    _prove(shop, touched)
    return Retrained(shop.versions.active() or "", tuple(touched), (), reason)


def _replaced(evolution: Evolution) -> Round:
    return run(
        evolution.rounds,
        _Retraining(evolution),
        worker=evolution.worker,
        parent=lambda: evolution.shop.versions.active() or "base",
        clock=evolution.clock,
        progress=evolution.shop.progress,
    )


def _end_open_round(evolution: Evolution) -> None:
    """A round that was left open goes on from a version that must go; what it found is looked at again in the next."""
    rounds, now = evolution.rounds.all(), evolution.clock.now()
    if rounds and rounds[-1].stage != "done":
        held = evolution.rounds.begin(evolution.worker, rounds[-1].parent, now, LEASE_SECONDS, is_gone)
        reason = "A customer was forgotten, and the version that this round goes on from is trained again without them."
        evolution.rounds.end(held.number, evolution.worker, "undecided", reason, now, {})


@dataclass
class _Retraining:
    """The stages of such a round: only what is known is learned again, so nothing is audited, selected or labelled."""

    evolution: Evolution

    def audit(self, round: Round) -> Done:
        return Done()

    def watch(self, round: Round) -> Done:
        return Done()

    def select(self, round: Round) -> Done:
        return Done()

    def label(self, round: Round) -> Done:
        return Done()

    def train(self, round: Round) -> Done:
        """From the newest version that is clean; where nothing was learned since, that version itself."""
        evolution, shop = self.evolution, self.evolution.shop
        touched = {one.digest for one in must_be_trained_again(shop)}
        chain = lineage(shop, round.parent)
        clean = [one for one in chain if one.digest not in touched]
        names = {name for version in chain for name in version.examples}
        every = teachable(evolution.lessons.all(), evolution.retirements.items())
        lessons = [lesson for lesson in every if lesson.id in names]
        known = {name for version in clean for name in version.examples}
        new = [lesson for lesson in lessons if lesson.id not in known]
        if clean and not new:
            return Done({"from": clean[0].digest, "lessons": 0}, candidate=clean[0].digest)
        with room_beside_the_service(evolution, round.number):
            if clean:
                return trained(evolution, going_on(evolution, clean[0].digest, new, lessons))
            return _from_base(evolution, chain, lessons)

    def gate(self, round: Round) -> Done:
        """Beside the version that must go; refused only where it is clearly worse."""
        evolution = self.evolution
        settings, poor = evolution.settings, evolution.shop.settings.scoring.poor
        comparison = Comparison.of(evolution, round.parent, round.candidate)
        with room_beside_the_service(evolution, round.number):
            _, judged = comparison.verdict()
        verdict = gates.judge_successor(judged, margin=settings.margin, poor=poor)
        figures: dict[str, Any] = {name: part.figures() for name, part in verdict.parts.items()}
        told = figures | {"margin": settings.margin, "side by side": gates.side_by_side(judged)}
        reason = f"It takes the place of a version that learned from a customer who was forgotten. {verdict.reason}"
        evolution.rounds.decide(
            Decision(
                round.number,
                "gate",
                round.candidate,
                round.parent,
                verdict.judgement,
                reason,
                told,
                evolution.clock.now(),
            )
        )
        if verdict.judgement == "refuse":
            return Done(figures, "refused", reason)
        return Done(figures | {"reason": reason})

    def promote(self, round: Round) -> Done:
        """Into service at once: no customer may meet the other one any longer."""
        shop, reason = self.evolution.shop, str(round.figures["gate"]["reason"])
        try:
            shop.put_into_service(round.candidate, f"round {round.number}: {reason}", self.evolution.clock.now())
        except VersionError as error:
            return Done({}, "refused", f"The candidate cannot serve: {error}")
        told = f"Version {shop.version_name(round.candidate)} is in service. {reason}"
        return Done({"version": round.candidate}, "promoted", told)


def _from_base(evolution: Evolution, chain: Sequence[AdapterVersion], lessons: Sequence[Lesson]) -> Done:
    """What the lineage began with, as far as it is still there, and all lessons it learned."""
    began = {name.partition("/")[0] for name in chain[-1].examples}
    known = [one for one in began_with(evolution.shop) if one.id.partition("/")[0] in began]
    validation = [] if lessons else began_with(evolution.shop, "validation")
    return trained(evolution, Material("", tuple(lessons), tuple(known)), _plan_of(chain[-1]), validation)


def _plan_of(version: AdapterVersion) -> tuple[Method, TrainingPlan] | None:
    from endcloud.end.methods import TrainingPlan
    from endcloud.end.versions import method_of

    plan = version.settings.get("plan")
    return (method_of(version), TrainingPlan(**plan)) if plan else None


def _remove(shop: Shop, digest: str) -> None:
    """Takes a version out of the shop: it stands as rejected, so that no rollback comes back to it, and its files,
    pictures and calibration go."""
    shop.versions.stand(digest, "rejected", _REASON)
    path = shop.versions.path(digest)
    hidden = path.with_name(f".{path.name}.removed")
    path.rename(hidden)  # at once: nobody reads half a version
    shutil.rmtree(hidden)
    shutil.rmtree(shop.directory.results / f"training-{digest[:12]}", ignore_errors=True)
    calibration_path(shop, digest).unlink(missing_ok=True)


def _prove(shop: Shop, removed: Sequence[str]) -> None:
    """For everybody whose words a removed version had learned: a proof that it is gone."""
    subjects: dict[str, set[str]] = {}
    for proof in shop.ledger.proofs():
        gone = set(proof.versions) & set(removed)
        if gone and "versions" not in proof.erased:
            subjects.setdefault(proof.subject, set()).update(gone)
    for subject, versions in subjects.items():
        shop.ledger.forgotten(subject, {"versions": len(versions)}, sorted(versions))

"""Stages `gate` and `promote` of a round: a candidate is judged beside the version in service, and put into its place.

Both answer the same questions, greedily; the gate (`endcloud.evolution.gate`) compares what the replies are worth.
Where the known questions are too few to say that nothing was lost, more of them are asked, as far as there are any.
Every verdict is a row with its numbers and its reason, and none is ever changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from endcloud.assembly.stage_process import in_child
from endcloud.errors import VersionError
from endcloud.evolution import gate as gates
from endcloud.evolution.gate import Item, Judged, PartName, Verdict, in_order_of_asking
from endcloud.evolution.quality import Answer, Quality, qualities
from endcloud.evolution.round import Done
from endcloud.rounds import Decision
from endcloud.types import Sampling

if TYPE_CHECKING:
    from endcloud.assembly.evolving import Evolution
    from endcloud.end.generation import LocalEndModel
    from endcloud.rounds import Outcome, Round
    from endcloud.types import Message

_OUTCOMES: dict[str, Outcome] = {"refuse": "refused", "undecided": "undecided"}


def gate(evolution: Evolution, round: Round) -> Done:
    """Judges the round's candidate; ends the round unless it may be promoted."""
    return judged(evolution, round) if evolution.in_process else in_child(evolution, "gate", round)


def judged(evolution: Evolution, round: Round) -> Done:
    """The same, here and now."""
    candidate = round.candidate
    decided = [one for one in evolution.rounds.decisions(round.number) if one.kind == "gate"]
    if decided:  # a worker was killed between the verdict and the end of this stage
        return _done(evolution, decided[-1])
    against = evolution.shop.versions.active() or "base"
    earlier = [one for one in evolution.rounds.decisions() if one.version == candidate and one.against == against]
    decision = _rolled_back(evolution, round) or _judged(evolution, round, against, earlier)
    evolution.rounds.decide(decision)
    return _done(evolution, decision)


def promote(evolution: Evolution, round: Round) -> Done:
    """Puts the candidate into service, or before a share of conversations first."""
    shop, candidate = evolution.shop, round.candidate
    decision = next(one for one in reversed(evolution.rounds.decisions(round.number)) if one.kind == "gate")
    reason, active, share = decision.reason, shop.versions.active() or "base", evolution.settings.canary_share
    if active not in (candidate, decision.against):
        other = f"Version {shop.version_name(active)} was put into service while the candidate was judged"
        return Done({}, "undecided", f"{other}; it is judged beside that one in the next round.")
    try:
        if share and active != candidate:
            return _canary(evolution, candidate, share)
        if active != candidate:
            shop.put_into_service(candidate, f"round {round.number}: {reason}", evolution.clock.now())
    except VersionError as error:
        shop.versions.stand(candidate, "rejected", str(error), evolution.clock.now())
        return Done({}, "refused", f"The candidate cannot serve: {error}")
    return Done({"version": candidate}, "promoted", f"Version {shop.version_name(candidate)} is in service. {reason}")


def _canary(evolution: Evolution, candidate: str, share: float) -> Done:
    shop, wanted = evolution.shop, evolution.settings.canary_replies
    shop.check_version(candidate)
    told = f"{share:.0%} of conversations meet version {shop.version_name(candidate)} first"
    if shop.versions.canary() != candidate:
        shop.versions.stand(candidate, "canary", f"{told}.", evolution.clock.now())
    reason = f"{told}; after {wanted} replies it is decided."
    return Done({"version": candidate, "canary share": share}, "undecided", reason)


def _done(evolution: Evolution, decision: Decision) -> Done:
    """What follows from a verdict, which may have been given before."""
    versions = evolution.shop.versions
    figures: dict[str, Any] = {name: decision.figures[name] for name in gates.PARTS if name in decision.figures}
    figures |= {"judgement": decision.judgement, "reason": decision.reason}
    if decision.judgement == "promote":
        return Done(figures)
    if decision.judgement == "refuse" and versions.standing(decision.version) != "rejected":
        versions.stand(decision.version, "rejected", decision.reason, evolution.clock.now())
    return Done(figures, _OUTCOMES[decision.judgement], decision.reason)


def _rolled_back(evolution: Evolution, round: Round) -> Decision | None:
    """A version that was taken out of service for cause does not come back by learning the same again."""
    for one in evolution.rounds.decisions():
        if one.kind == "watch" and one.version == round.candidate and one.judgement in ("roll back", "refuse"):
            reason = f"It was taken out of service in round {one.round}: {one.reason}"
            return _decision(evolution, round, one.against, Verdict("refuse", reason, {}), {})
    return None


def _judged(evolution: Evolution, round: Round, against: str, earlier: Sequence[Decision]) -> Decision:
    if against == round.candidate:
        same = Verdict("refuse", "The candidate is the version in service: nothing was learned.", {})
        return _decision(evolution, round, against, same, {})
    comparison = Comparison.of(evolution, against, round.candidate)
    digest = comparison.digest
    again = next((one for one in reversed(earlier) if one.figures.get("evidence") == digest), None)
    if again is not None:
        told = f"There is nothing to judge by that round {again.round} did not have. {again.reason}"
        figures = {**again.figures, "repeats round": again.round}
        return replace(again, round=round.number, reason=told, figures=figures, at=evolution.clock.now())
    looks = 1 + len([one for one in earlier if one.kind == "gate" and "repeats round" not in one.figures])
    try:
        verdict, judged = comparison.verdict(looks)
    except VersionError as error:
        return _decision(evolution, round, against, Verdict("refuse", f"It cannot answer: {error}", {}), {})
    more = {"evidence": digest, "looks": looks, "margin": evolution.settings.margin}
    return _decision(evolution, round, against, verdict, more | {"side by side": gates.side_by_side(judged)})


def _decision(evolution: Evolution, round: Round, against: str, verdict: Verdict, figures: dict[str, Any]) -> Decision:
    told = {name: part.figures() for name, part in verdict.parts.items()} | figures
    return Decision(
        round.number, "gate", round.candidate, against, verdict.judgement, verdict.reason, told, evolution.clock.now()
    )


@dataclass
class Comparison:
    """A candidate beside the version in service; `parts` hold all there is to judge by, in the order of asking."""

    evolution: Evolution
    against: str
    candidate: str
    parts: Mapping[PartName, list[Item]]
    _end: LocalEndModel | None = None

    @classmethod
    def of(cls, evolution: Evolution, against: str, candidate: str) -> Comparison:
        """With the questions that hold today."""
        from endcloud.assembly import evidence
        from endcloud.assembly.candidates import lineage

        learned = {name for version in lineage(evolution.shop, against) for name in version.examples}
        parts: dict[PartName, list[Item]] = {
            "new": evidence.new_questions(evolution),
            "golden": evidence.golden_questions(evolution),
            "old": evidence.old_questions(evolution, learned),
        }
        return cls(evolution, against, candidate, {name: in_order_of_asking(items) for name, items in parts.items()})

    @property
    def digest(self) -> str:
        return gates.evidence_digest([item for items in self.parts.values() for item in items])

    def verdict(self, looks: int = 1) -> tuple[Verdict, list[Judged]]:
        """The gate's verdict, and both replies to every question that was asked. Raises VersionError where the
        candidate cannot answer."""
        settings, poor = self.evolution.settings, self.evolution.shop.settings.scoring.poor
        most = {"new": len(self.parts["new"]), "golden": settings.golden, "old": settings.probe}
        judged: list[Judged] = []
        while True:
            done = {one.item.id for one in judged}
            items = [one for name, some in self.parts.items() for one in some[: most[name]] if one.id not in done]
            judged += self._ask(items)
            verdict = gates.judge(judged, margin=settings.margin, poor=poor, looks=looks)
            if not verdict.known_is_short or not items:
                return verdict, judged
            most = {name: number * 2 for name, number in most.items()}  # the old evidence among the new: it only grows

    def _ask(self, items: Sequence[Item]) -> list[Judged]:
        if not items:
            return []
        active, candidate = (self._replies(version, items) for version in (self.against, self.candidate))
        known = self._qualities(items, active), self._qualities(items, candidate)
        return [
            Judged(item, one, other, old.value, new.value, bool(old.wrong), bool(new.wrong))
            for item, one, other, old, new in zip(items, active, candidate, *known, strict=True)
        ]

    def _replies(self, version: str, items: Sequence[Item]) -> list[str]:
        """In order. What a version says to known questions is kept: the next candidate is judged beside it again."""
        from endcloud.assembly.kept_replies import KeptReplies

        shop, sampling = self.evolution.shop, Sampling(max_tokens=self.evolution.shop.settings.end.max_tokens)
        kept = KeptReplies(shop.directory.work / "gate")
        said: dict[str, str] = {}
        for name in gates.PARTS:
            some = [item for item in items if item.part == name]
            asked = [item.messages for item in some]

            def answer(asked: Sequence[Sequence[Message]] = asked) -> list[str]:
                return [reply.text for reply in self._model(version).answer_all(asked, sampling, shop.progress)]

            model = f"{shop.base.digest}/{shop.base.compute}/{shop.base.quantization}/{shop.role}/{version}"
            replies = answer() if name == "new" or not some else kept.of(model, sampling, asked, answer)
            said |= {item.id: reply for item, reply in zip(some, replies, strict=True)}
        return [said[item.id] for item in items]

    def _model(self, version: str) -> LocalEndModel:
        if self._end is None:
            self._end = self.evolution.shop.end_model(version)
        return self._end.at(version)

    def _qualities(self, items: Sequence[Item], replies: Sequence[str]) -> list[Quality]:
        shop = self.evolution.shop
        answers = [
            Answer(item.query, said, item.reference, not shop.masker.unrestorable(item.messages, said))
            for item, said in zip(items, replies, strict=True)
        ]
        return qualities(shop.scorer, answers, shop.progress)

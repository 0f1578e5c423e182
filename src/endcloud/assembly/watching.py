"""Stage `watch` of a round: has live quality fallen since the version in service took over? Then it is rolled back.

The version before is asked, here and for nothing, what the sample of audited replies answered; both are held against
the same cloud reply. And the customers who were dissatisfied are counted, each once, beside those of the time before. A
canary is watched in the same way beside the version that serves the rest, and put into service or refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from endcloud.assembly.lately import History
from endcloud.errors import VersionError
from endcloud.evolution import promotion, watching
from endcloud.evolution.quality import Answer, qualities
from endcloud.evolution.round import Done
from endcloud.evolution.signs import of_customers
from endcloud.rounds import SAMPLE, Decision

if TYPE_CHECKING:
    from datetime import datetime

    from endcloud.assembly.evolving import Evolution
    from endcloud.evolution.exchanges import Served
    from endcloud.evolution.watching import Watched
    from endcloud.rounds import Audit, Judgement, Outcome, Round
    from endcloud.types import Turn


def watch(evolution: Evolution, round: Round) -> Done:
    """Looks at the version in service, or at the canary beside it; ends the round where one of them changes."""
    decided = [one for one in evolution.rounds.decisions(round.number) if one.kind == "watch"]
    if decided:  # a worker was killed between the verdict and the end of this stage
        return _done(evolution, decided[-1])
    versions = evolution.shop.versions
    active, canary = versions.active() or "base", versions.canary()
    if canary is not None:
        decision = _of_canary(evolution, round, canary, active)
    else:
        before = version_before(evolution)
        if before is None:
            return Done({"reason": "The version in service followed no other, so there is none to go back to."})
        decision = _of_active(evolution, round, active, before)
    evolution.rounds.decide(decision)
    return _done(evolution, decision)


def version_before(evolution: Evolution) -> str | None:
    """What served before the version in service: a digest, or `base`; None where the base serves."""
    versions = evolution.shop.versions
    if versions.active() is None:
        return None
    try:
        return versions.previous()
    except VersionError:
        return "base"


def _of_active(evolution: Evolution, round: Round, active: str, before: str) -> Decision:
    since = since_when(evolution, active, "active")
    watched, figures = _watched(evolution, active, before, since)
    judgement: Judgement = "roll back" if watched.fell else "keep"
    return Decision(round.number, "watch", active, before, judgement, watched.reason, figures, evolution.clock.now())


def _of_canary(evolution: Evolution, round: Round, canary: str, active: str) -> Decision:
    settings = evolution.settings
    watched, figures = _watched(evolution, canary, active, since_when(evolution, canary, "canary"))
    trial = promotion.decide(watched, figures["replies"], settings.canary_replies)
    figures = {**figures, "canary": True}
    return Decision(
        round.number, "watch", canary, active, trial.judgement, trial.reason, figures, evolution.clock.now()
    )


def _watched(evolution: Evolution, version: str, before: str, since: datetime) -> tuple[Watched, dict[str, Any]]:
    evidence = LiveEvidence(evolution, version, before, since)
    watched = watching.watch(
        evidence.losses(), evidence.unhappy(), evidence.before_them(), margin=evolution.settings.margin
    )
    return watched, {**watched.figures(), "replies": len(evidence.replies)}


def since_when(evolution: Evolution, version: str, standing: str) -> datetime:
    """When a version last took up its standing."""
    return max(at for at, said, _ in evolution.shop.versions.history(version) if said == standing)


def _done(evolution: Evolution, decision: Decision) -> Done:
    """Does what was decided, as far as it is not done yet, and says what came of it."""
    shop, now = evolution.shop, evolution.clock.now()
    name, before = shop.version_name(decision.version), shop.version_name(decision.against)
    figures = {**decision.figures, "judgement": decision.judgement, "reason": decision.reason}
    outcome: Outcome = ""
    said = decision.reason
    if decision.judgement == "roll back":
        outcome, said = "rolled back", f"Version {name} is out of service, {before} answers again. {decision.reason}"
        if shop.versions.active() == decision.version:
            _go_back(evolution, decision)
    elif decision.judgement == "refuse":
        outcome, said = "refused", f"The canary {name} is refused, {before} answers everybody again. {decision.reason}"
        if shop.versions.canary() == decision.version:
            shop.versions.stand(decision.version, "rejected", decision.reason, now)
    elif decision.judgement == "promote":
        outcome, said = "promoted", f"The canary {name} serves everybody from now on. {decision.reason}"
        if shop.versions.active() != decision.version:
            shop.put_into_service(decision.version, f"round {decision.round}: {decision.reason}", now)
    elif decision.judgement == "undecided":
        outcome = "undecided"
    if outcome:
        shop.progress.say(said)
    return Done(figures, outcome, said if outcome else "")


def _go_back(evolution: Evolution, decision: Decision) -> None:
    shop, now = evolution.shop, evolution.clock.now()
    if decision.against == "base":
        shop.versions.stand(decision.version, "rejected", decision.reason, now)
    else:
        shop.roll_back(decision.reason, now)


@dataclass
class LiveEvidence:
    """What customers and audits say of a version since a moment, beside the version that served before it."""

    evolution: Evolution
    version: str
    before: str
    since: datetime

    @cached_property
    def _history(self) -> History:
        return History(self.evolution)

    @cached_property
    def replies(self) -> list[Turn]:
        """What the version has said since it took over."""
        return [one for one in self._history.replies if _said_by(one, self.version) and one.at >= self.since]

    def losses(self) -> list[float]:
        """By customer: how much better the version before would have answered what the audited sample asked."""
        audits = self._history.audits
        sampled = [(one, audits[one.id]) for one in self.replies if one.id in audits and audits[one.id].cause == SAMPLE]
        known = [
            (exchange, audit)
            for reply, audit in sampled
            if audit.final is not None and (exchange := self._history.exchange(reply)) is not None
        ]
        others = self._as_before([exchange for exchange, _ in known])
        return watching.by_customer(
            (self._history.whose(exchange), other - value_of(audit))
            for (exchange, audit), other in zip(known, others, strict=True)
            if other is not None
        )

    def unhappy(self) -> list[float]:
        """By customer of the version: how dissatisfied, from 0 to 1."""
        return self._dissatisfied(self.replies)

    def before_them(self) -> tuple[int, int]:
        """How many of how many customers were dissatisfied with the version before, under the rules of today: what it
        was worth before an edit says nothing of what it is worth now."""
        edits = self.evolution.policy_texts.all()[1:]
        edited = edits[-1].at if edits else None
        earlier = [
            one
            for one in self._history.replies
            if _said_by(one, self.before) and one.at < self.since and (edited is None or one.at >= edited)
        ]
        found = self._dissatisfied(earlier)
        return round(sum(found)), len(found)

    def _as_before(self, exchanges: Sequence[Served]) -> list[float | None]:
        """What replies of the version before to the same queries are worth."""
        shop = self.evolution.shop
        if not exchanges:
            return []
        sampling = replace(shop.sampling, seed=shop.settings.end.seed)
        said = shop.end_model(self.before).answer_all([one.messages for one in exchanges], sampling, shop.progress)
        labels = shop.labels.of(one.query.id for one in exchanges)
        answers = [
            Answer(one.messages[-1].content, reply.text, labels[one.query.id].text if one.query.id in labels else None,
                   not shop.masker.unrestorable(one.messages, reply.text))
            for one, reply in zip(exchanges, said, strict=True)
        ]  # fmt: skip
        return [quality.value for quality in qualities(shop.scorer, answers, shop.progress)]

    def _dissatisfied(self, replies: Iterable[Turn]) -> list[float]:
        """By customer, in the order in which they came. A sign against a reply counts unless an audit found the reply
        good; where nobody looked, it counts at the share of such signs that were borne out."""
        audits, poor = self._history.audits, self.evolution.shop.settings.scoring.poor
        found: dict[str, list[float | None]] = {}
        for reply in replies:
            theirs = found.setdefault(self._customer(reply), [])
            if of_customers(self._history.feedback.get(reply.id, ())):
                audit = audits.get(reply.id)
                final = audit.final if audit else None
                theirs.append(None if audit is None or final is None else float(value_of(audit) < poor))
        return watching.dissatisfied(found.values())

    def _customer(self, reply: Turn) -> str:
        conversations = self.evolution.conversations
        owner = conversations.owner(reply.conversation) or ""
        return (
            conversations.customer(reply.conversation)
            or (owner if owner.startswith("visitor ") else "")
            or reply.conversation
        )


def value_of(audit: Audit) -> float:
    """What an audited reply is worth: its final score, 0 where a fact is wrong."""
    return 0.0 if audit.wrong or audit.final is None else audit.final


def _said_by(reply: Turn, version: str) -> bool:
    return reply.speaker == "end" and reply.version == version

"""Stage `select` of a round: of all that went wrong lately, what is learned from.

What people corrected, what the shop's rules or the cloud say otherwise, what scored low, and what displeased
customers; near-identical questions stand together, and caps see to it that nobody fills a round alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from endcloud.assembly.lately import WINDOW, History
from endcloud.evolution.audit import comparable
from endcloud.evolution.caps import Caps, Place
from endcloud.evolution.clusters import Clusters, question_of
from endcloud.evolution.hostile import HOSTILE, tainted
from endcloud.evolution.round import Done
from endcloud.evolution.selection import Failure, choose
from endcloud.evolution.signs import Evidence, Verdict, judged, signs
from endcloud.rounds import Choice

if TYPE_CHECKING:
    from endcloud.assembly.evolving import Evolution
    from endcloud.rounds import Round


def select(evolution: Evolution, round: Round) -> Done:
    """Chooses what is learned from; the round ends here where nothing is and no lesson waits."""
    history = History(evolution)
    chosen = evolution.choices.of_round(round.number)
    left: Counter[str] = Counter()
    if not chosen:
        failures, left = _failures(history, round.parent)
        settings = evolution.settings
        caps = Caps(settings.a_customer, settings.a_cluster, settings.an_hour)
        caps.count(hours=(Place("", "", at).hour for at in history.times_of(evolution.choices.turns())))
        found, bounds = choose(failures, caps, settings.lessons, round.number)
        evolution.choices.add(found)
        chosen, left = evolution.choices.of_round(round.number), left + bounds
    figures = _figures_of(chosen, left)
    if not chosen and not evolution.lessons.all():
        number = len(history.replies)
        replies = "1 reply" if number == 1 else f"{number:,} replies"
        reason = f"Nothing to be learned speaks against the {replies} of the last {WINDOW.days} days."
        return Done(figures, "nothing to learn", reason)
    return Done(figures)


def _failures(history: History, active: str) -> tuple[list[Failure], Counter[str]]:
    """Every reply of the window that something speaks against and that was not chosen before."""
    evolution = history.evolution
    poor, audits, verdict = evolution.shop.settings.scoring.poor, history.audits, _verdicts(history)
    mended = Mended.by(evolution, active)
    lessons = evolution.lessons.all()
    clusters = Clusters((lesson.cluster, question_of(lesson.messages)) for lesson in lessons)
    left: Counter[str] = Counter()
    found: list[Failure] = []
    done = evolution.choices.turns()
    answered = {reply.answers for reply in history.replies if reply.id in done}
    taught = {lesson.turn for lesson in lessons}
    learned = {reply.answers for reply in history.replies if reply.id in taught}
    with evolution.shop.progress.task("what failed", len(history.replies), "reply") as task:
        for reply in history.replies:
            task.advance()
            if reply.id in done or reply.answers in learned:
                continue
            if reply.answers in answered and verdict.get(reply.id) != "corrected":
                continue
            evidence = Evidence(reply, history.feedback.get(reply.id, ()), audits.get(reply.id), (),
                                verdict.get(reply.id, ""))  # fmt: skip
            suspected = comparable(reply) and history.may_be_against_rules(reply)
            if not suspected and not signs(evidence, poor):
                continue
            failure = _failure(history, evidence, poor, clusters)
            if failure is None:
                continue
            if tainted(failure.exchange.messages):
                left[HOSTILE] += 1
            elif not failure.corrected and mended.since(failure):
                left["learned since"] += 1
            else:
                found.append(failure)
    return found, left


def _failure(history: History, evidence: Evidence, poor: float, clusters: Clusters) -> Failure | None:
    exchange = history.exchange(evidence.reply)
    if exchange is None or not exchange.messages[-1].content.strip():
        return None
    if comparable(evidence.reply):
        evidence = replace(evidence, against_rules=history.against_rules(exchange))
    found = signs(evidence, poor)
    if not found:
        return None
    place = Place(history.whose(exchange), clusters.of(question_of(exchange.messages)), evidence.reply.at)
    return Failure(exchange, found, place, bool(exchange.customer))


def _verdicts(history: History) -> dict[str, Verdict]:
    """What people on the shop's side said of replies; the newest word of each counts."""
    from endcloud.feedback.verdicts import verdicts

    said = verdicts(one for entries in history.feedback.values() for one in entries)
    corrected = {turn for turn, given in said.items() if any(one.correction for one in given)}
    rejected = {turn for turn, given in said.items() if any(not one.accepted for one in given)}
    return {turn: judged(turn, corrected, frozenset(said) - rejected, rejected) for turn in said}


@dataclass(frozen=True)
class Mended:
    """What the version in service has learned, by lessons that still hold: what failed there before it answered needs
    no second lesson."""

    version: str
    clusters: frozenset[str]
    began: datetime

    @classmethod
    def by(cls, evolution: Evolution, version: str) -> Mended:
        """`version` is the one in service; the base has learned nothing."""
        if version == "base":
            return cls(version, frozenset(), evolution.clock.now())
        from endcloud.assembly.candidates import lineage
        from endcloud.assembly.watching import since_when

        learned = {name for one in lineage(evolution.shop, version) for name in one.examples}
        retired = evolution.retirements.items()
        lessons = (one for one in evolution.lessons.all() if one.id in learned and one.id not in retired)
        return cls(version, frozenset(one.cluster for one in lessons), since_when(evolution, version, "active"))

    def since(self, failure: Failure) -> bool:
        """Whether the failure is an earlier version's, and of a question learned since. Where no version is named (the
        cloud answered, or nobody was sure) the time tells."""
        reply = failure.exchange.reply
        mine = reply.version == self.version if comparable(reply) else reply.at >= self.began
        return failure.place.cluster in self.clusters and not mine


def _figures_of(chosen: Sequence[Choice], left: Counter[str]) -> dict[str, Any]:
    reasons = Counter(choice.reasons[0].partition(":")[0] for choice in chosen)
    return {
        "chosen": len(chosen),
        "questions": len({choice.cluster for choice in chosen}),
        "customers": len({choice.customer for choice in chosen}),
        "most frequent": max((choice.frequency for choice in chosen), default=0),
        "reasons": _plain(reasons),
        "left for later": _plain(left),
    }


def _plain(counted: Counter[str]) -> dict[str, int]:
    return {name: number for name, number in counted.most_common() if number}

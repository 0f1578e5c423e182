"""Stage `audit` of a round: served replies are scored, so that what went wrong is found.

Scoring goes from what costs nothing to what costs money: the relevance and the shop's rules are held against every
reply, the cloud is asked about a sample and about what displeased somebody. Whatever stops the asking (no cloud, an
outage, the day's money) is said in the figures and stops nothing else. Killed, it goes on where it was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from statistics import fmean
from typing import TYPE_CHECKING, Any

from endcloud.assembly import superseding
from endcloud.assembly.lately import History
from endcloud.errors import CloudError, LockedError, SettingsError, UsageError
from endcloud.evolution import audit as auditing
from endcloud.evolution.caps import Caps, Place
from endcloud.evolution.clusters import Clusters, question_of
from endcloud.evolution.hostile import HOSTILE, tainted
from endcloud.evolution.round import Done
from endcloud.rounds import SAMPLE, UNASKED, Audit
from endcloud.serving.withholding import withhold
from endcloud.types import Example, Score

if TYPE_CHECKING:
    from endcloud.assembly.evolving import Evolution
    from endcloud.evolution.exchanges import Served
    from endcloud.protocols import Label
    from endcloud.rounds import Round

_AT_ONCE = 64  # replies between two writes


def audit(evolution: Evolution, round: Round) -> Done:
    """Scores what was served since the rounds before, once what no longer holds is retired."""
    newer = superseding.apply(evolution, round)
    history = History(evolution)
    figures = _every_reply(history, round) | _compared(history, round)
    return Done(newer | figures | {"notes": [*newer.get("notes", ()), *figures["notes"]]})


def _every_reply(history: History, round: Round) -> dict[str, Any]:
    """The relevance of every reply that has none yet, and what of it the shop's rules say otherwise."""
    evolution, shop = history.evolution, history.evolution.shop
    known = history.audits
    new = [reply for reply in history.replies if auditing.comparable(reply) and reply.id not in known]
    values: list[float] = []
    against = 0
    with shop.progress.task("relevance of replies", len(new), "reply") as task:
        for start in range(0, len(new), _AT_ONCE):
            some = new[start : start + _AT_ONCE]
            exchanges = [one for reply in some if (one := history.exchange(reply)) is not None]
            relevances = shop.scorer.relevance.score([(one.messages[-1].content, one.said) for one in exchanges])
            rules = [history.against_rules(one) for one in exchanges]
            evolution.audits.add([
                auditing.unasked(one.reply, Score(None, relevance, None, shop.scorer.scorers), wrong,
                                 round=round.number, at=evolution.clock.now())
                for one, relevance, wrong in zip(exchanges, relevances, rules, strict=True)
            ])  # fmt: skip
            values += [value for value in relevances if value is not None]
            against += sum(map(bool, rules))
            task.advance(len(some))
    mean = round_off(fmean(values)) if values else None
    return {"replies": len(new), "mean relevance": mean, "against the rules": against}


def _compared(history: History, round: Round) -> dict[str, Any]:
    """Asks the cloud about those that are due, and scores them by Equation 1."""
    evolution, settings = history.evolution, history.evolution.settings
    known = history.audits
    before = [audit for audit in known.values() if audit.cause != UNASKED]
    mine = [audit for audit in before if audit.round == round.number]
    waiting, hostile = _waiting(history, known, round.number)
    caps = Caps(settings.a_customer, settings.a_cluster, settings.an_hour)
    _count_before(history, caps, before)
    due, left = auditing.due(waiting, caps, max(0, settings.audits - len(mine)))
    left[HOSTILE] += hostile
    asked = _Asking(history, round.number)
    asked.all(due)
    done = [audit for audit in history.audits.values() if audit.round == round.number and audit.cause != UNASKED]
    return _figures_of_audits(evolution, done) | asked.figures() | {"left for later": _plain(left)}


def _waiting(history: History, known: Mapping[str, Audit], round: int) -> tuple[list[auditing.Waiting], int]:
    """The replies to be compared, most urgent first, and how many were left out as attempts to teach the cloud."""
    evolution, hostile = history.evolution, 0
    clusters = Clusters()
    found: list[auditing.Waiting] = []
    causes = auditing.causes(
        history.replies, history.feedback, known,
        share=evolution.settings.audit_share, threshold=evolution.shop.scorer.threshold, round=round,
        most=evolution.settings.audits,
    )  # fmt: skip
    for reply, cause in causes:
        exchange = history.exchange(reply)
        if exchange is None:
            continue
        if tainted(exchange.messages):
            hostile += 1
            continue
        place = Place(history.whose(exchange), clusters.of(question_of(exchange.messages)), reply.at)
        found.append(auditing.Waiting(exchange, cause, place))
    return found, hostile


def _count_before(history: History, caps: Caps, before: Sequence[Audit]) -> None:
    """What earlier audits, as rows say, took of the caps: of a customer in a day, of an hour ever."""
    day = history.evolution.clock.now() - timedelta(days=1)
    replies = {reply.id: reply for reply in history.replies}
    caps.count(hours=(Place("", "", replies[audit.turn].at).hour for audit in before))
    lately = (history.exchange(replies[audit.turn]) for audit in before if audit.at > day)
    caps.count(customers=(history.whose(one) for one in lately if one is not None))


@dataclass
class _Asking:
    """The cloud, asked about replies within the day's money, and what came of it."""

    history: History
    round: int
    calls: int = 0
    spent: float = 0.0
    notes: list[str] = field(default_factory=list)
    unanswered: Counter[str] = field(default_factory=Counter)

    def all(self, due: Sequence[auditing.Waiting]) -> None:
        """Asks and scores, some at a time; ends early, with a note, where the cloud or the money does."""
        evolution = self.history.evolution
        with evolution.shop.progress.task("audits", len(due), "reply") as task:
            for start in range(0, len(due), _AT_ONCE):
                some = due[start : start + _AT_ONCE]
                labels = self._labels(some)
                ready = [one for one in some if one.exchange.query.id in labels]
                clouds = [_good(labels[one.exchange.query.id], one.exchange) for one in ready]
                rules = [self.history.against_rules(one.exchange) for one in ready]
                evolution.audits.add(
                    auditing.compared(
                        ready, clouds, rules, evolution.shop.scorer, round=self.round, at=evolution.clock.now()
                    )
                )
                task.advance(len(some), spent=round_off(self.spent))
                if self.notes:
                    return

    def _labels(self, some: Sequence[auditing.Waiting]) -> dict[str, Label]:
        """The cloud's answers by query, those among them that say why there is none; no row for what may yet come."""
        from endcloud.assembly.cloud import label
        from endcloud.cloud.label_plan import TRANSIENT
        from endcloud.store.budget import DailyBudget

        evolution, shop = self.history.evolution, self.history.evolution.shop
        examples = [self._example(one) for one in some]
        try:
            budget = DailyBudget(shop.budget, evolution.settings.audit_budget, evolution.clock)
            report = label(shop, examples=examples, purpose="audit", budget=budget, clock=evolution.clock)
        except (CloudError, LockedError, SettingsError, UsageError) as error:
            self.notes.append(f"The cloud was not asked, or not to the end: {error}")
        else:
            self.calls, self.spent = self.calls + report.calls, self.spent + report.spent
            self.notes += [report.stopped] if report.stopped else []
        found = shop.labels.of(example.id for example in examples)
        self.unanswered.update(label.reason for label in found.values() if label.reason)
        return {name: label for name, label in found.items() if label.reason not in TRANSIENT}

    def _example(self, one: auditing.Waiting) -> Example:
        """The query as the cloud is asked about it; its label is kept under the customer's turn."""
        exchange = one.exchange
        return Example(exchange.query.id, exchange.query.conversation, "", exchange.messages, "", "natural", "served",
                       "train")  # fmt: skip

    def figures(self) -> dict[str, Any]:
        """For the round's row; `unanswered` says why there is no answer that a reply can be held against."""
        asked = {"calls": self.calls, "spent": round_off(self.spent)}
        return asked | {"unanswered": _plain(self.unanswered), "notes": self.notes}


def _good(label: Label, exchange: Served) -> str | None:
    """The cloud's answer, with what the customer said of themself put back into it."""
    return None if label.reason else withhold(exchange.messages).fill(label.text)


def _figures_of_audits(evolution: Evolution, done: Sequence[Audit]) -> dict[str, Any]:
    poor = evolution.shop.settings.scoring.poor
    sample = [audit.final for audit in done if audit.cause == SAMPLE and audit.final is not None]
    return {
        "compared": len(done),
        "by cause": _plain(Counter(audit.cause for audit in done)),
        "low": sum(audit.final is not None and audit.final < poor for audit in done),
        "wrong facts": sum(bool(audit.wrong) for audit in done),
        "mean score of the sample": round_off(fmean(sample)) if sample else None,
    }


def _plain(counted: Counter[str]) -> dict[str, int]:
    return {name: number for name, number in counted.most_common() if number}


def round_off(value: float) -> float:
    """Figures for people: four digits behind the point."""
    return round(value, 4)

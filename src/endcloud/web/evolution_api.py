"""What the console shows of online evolution: rounds as they happen, labels that wait for a reviewer, the quality.

A lesson is a question with the reply that should be learned and the one that was given, all masked. A reviewer accepts
it, rejects it or puts words of their own in its place; what they write is masked as part of its conversation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Path, Query
from pydantic import StringConstraints

from endcloud.rounds import Audit, Choice, Decision, Lesson, Round
from endcloud.serving.periods import Period, Span
from endcloud.serving.service import Service
from endcloud.web.access import Calls, Routes
from endcloud.web.back_office import BackOffice, Evolving, Office
from endcloud.web.customer_api import Serves
from endcloud.web.failures import RefusedRequest
from endcloud.web.texts import Body, Name
from endcloud.web.views import turn_view

_MOST_ROUNDS = 50
_MOST_LESSONS = 50
RoundNumber = Annotated[int, Path(ge=0, lt=2**31)]  # what a database can be asked for
routes = Routes()


class Approval(Body):
    """A reviewer's word on a lesson; `text` is the reply as it should be learned, where it is corrected."""

    verdict: Literal["approve", "reject", "correct"]
    text: Annotated[str, StringConstraints(max_length=4_000)] = ""


@routes.get("/console/evolution", roles=("reviewer",))
async def overview(
    service: Serves, office: Office, span: Annotated[Span, Query(alias="period")] = "30d"
) -> dict[str, Any]:
    """The newest rounds, how many lessons wait for a reviewer, and the audited quality over time with its marks."""
    evolving = _of(office)
    period = Period.of(span, service.clock.now(), service.hours.zone)
    return await asyncio.to_thread(_overview, evolving, period)


@routes.get("/console/evolution/rounds/{number}", roles=("reviewer",))
async def one_round(number: RoundNumber, service: Serves, office: Office) -> dict[str, Any]:
    """One round: what each stage did, what was chosen and why, and the gate's comparison."""
    return await asyncio.to_thread(_round, service, _of(office), number)


@routes.get("/console/evolution/lessons", roles=("reviewer",))
async def lessons(office: Office) -> dict[str, Any]:
    """The lessons that wait for a reviewer, oldest first; `waiting` counts all."""
    waiting = await asyncio.to_thread(_of(office).lessons.waiting)
    return {"lessons": [_lesson_view(lesson) for lesson in waiting[:_MOST_LESSONS]], "waiting": len(waiting)}


@routes.post("/console/evolution/lessons/{lesson}", roles=("reviewer",))
async def judge_lesson(lesson: Name, body: Approval, office: Office, caller: Calls) -> dict[str, Any]:
    """Accepts, rejects or corrects a lesson."""
    evolving, text = _of(office), body.text.strip()
    if body.verdict == "correct" and not text:
        raise RefusedRequest(400, "A correction needs the reply as it should be learned.", param="text")
    if body.verdict == "reject":
        judged = await asyncio.to_thread(evolving.lessons.reject, lesson, caller.name)
    else:
        judged = await asyncio.to_thread(evolving.approve, lesson, caller.name, text or None)
    return {"lesson": _lesson_view(judged)}


def _of(office: BackOffice) -> Evolving:
    if office.evolving is None:
        raise RefusedRequest(404, "This service keeps no rounds of evolution.")
    return office.evolving


def _overview(evolving: Evolving, period: Period) -> dict[str, Any]:
    rounds = evolving.rounds.all()
    parts = period.split(evolving.audits.since(period.since), lambda audit: audit.at)
    return {
        "rounds": [_round_view(round) for round in reversed(rounds[-_MOST_ROUNDS:])],
        "waiting": len(evolving.lessons.waiting()),
        "quality": [_quality(start, audits) for start, audits in zip(period.starts, parts, strict=True)],
        "marks": [mark for round in rounds for mark in _marks(round, evolving.rounds.decisions(round.number), period)],
    }


def _quality(start: datetime, audits: Sequence[Audit]) -> dict[str, Any]:
    """What a random sample of replies was worth; those that were audited because somebody was angry would bias it."""
    sampled = [audit for audit in audits if audit.cause == "sample"]
    finals = [audit.final for audit in sampled if audit.final is not None]
    return {
        "from": start.isoformat(),
        "final": sum(finals) / len(finals) if finals else None,
        "wrong": sum(bool(audit.wrong) for audit in sampled) / len(sampled) if sampled else None,
        "audited": len(audits),
    }


def _marks(round: Round, decisions: Sequence[Decision], period: Period) -> list[dict[str, Any]]:
    """When a version was promoted or taken back within the period."""
    marks = [(one.at, "rolled back", one.version) for one in decisions if one.judgement == "roll back"]
    if round.outcome == "promoted" and round.ended is not None:
        marks.append((round.ended, "promoted", round.candidate))
    return [
        {"at": at.isoformat(), "kind": kind, "version": version} for at, kind, version in marks if at >= period.since
    ]


def _round_view(round: Round) -> dict[str, Any]:
    return asdict(round) | {
        "began": round.began.isoformat(),
        "ended": None if round.ended is None else round.ended.isoformat(),
        "lease": None if round.lease is None else round.lease.isoformat(),
    }


def _round(service: Service, evolving: Evolving, number: int) -> dict[str, Any]:
    choices = evolving.choices.of_round(number)
    taught = {lesson.turn: lesson for lesson in evolving.lessons.all() if lesson.round == number}
    return {
        "round": _round_view(evolving.rounds.get(number)),
        "choices": [_choice_view(service, one, taught.get(one.turn)) for one in choices],
        "decisions": [_decision_view(evolving, one) for one in evolving.rounds.decisions(number)],
    }


def _decision_view(evolving: Evolving, decision: Decision) -> dict[str, Any]:
    """A decision with the questions behind both versions' replies; one that was forgotten is left out."""
    pairs = decision.figures.get("side by side", [])
    questions = evolving.questions({pair["item"] for pair in pairs}) if pairs else {}
    shown = [
        pair | {"query": questions[pair["item"]][0], "reference": questions[pair["item"]][1]}
        for pair in pairs
        if pair["item"] in questions
    ]
    figures = {name: value for name, value in decision.figures.items() if name != "side by side"}
    return asdict(decision) | {"at": decision.at.isoformat(), "figures": figures, "pairs": shown}


def _choice_view(service: Service, choice: Choice, lesson: Lesson | None) -> dict[str, Any]:
    """A choice with the words it is about; they are gone where the customer was forgotten."""
    reply = service.conversations.turn(choice.turn)
    query = service.conversations.turn(choice.query)
    return asdict(choice) | {
        "asked": None if query is None else turn_view(query, staff=True),
        "said": None if reply is None else turn_view(reply, staff=True),
        "lesson": None if lesson is None else _lesson_view(lesson),
    }


def _lesson_view(lesson: Lesson) -> dict[str, Any]:
    return asdict(lesson) | {"at": lesson.at.isoformat()}

"""What a reviewer works on: the replies a person should look at first, both replies with their scores, and verdicts.

A verdict is feedback like any other, acknowledged when it is on disk: a thumb for accept and reject, stars for a grade,
a correction for the reply as it should have been.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import Field, StringConstraints

from endcloud.feedback.agreement import with_measure
from endcloud.feedback.review_queue import Item, review_queue
from endcloud.feedback.verdicts import Verdict, verdicts
from endcloud.serving.service import Service
from endcloud.types import Feedback, FeedbackKind, Turn
from endcloud.web.access import Calls, Routes
from endcloud.web.back_office import BackOffice, Office
from endcloud.web.customer_api import Serves
from endcloud.web.failures import RefusedRequest
from endcloud.web.texts import Body, Name
from endcloud.web.views import feedback_view, turn_view

_CONTEXT_TURNS = 6
_MOST_AGREED = 300
_PROBABLE = 0.5

Days = Annotated[int, Query(ge=1, le=365)]
routes = Routes()


class Judgement(Body):
    """A verdict on a reply. `id` is the page's own name for it, so that sending twice judges once."""

    id: Name
    verdict: Literal["accept", "reject", "correct", "grade"]
    grade: int | None = Field(None, ge=1, le=5)
    text: Annotated[str, StringConstraints(max_length=4_000)] = ""


@routes.get("/console/reviews", roles=("reviewer",))
async def reviews(
    service: Serves, office: Office, days: Days = 30, limit: Annotated[int, Query(ge=1, le=100)] = 20
) -> dict[str, Any]:
    """The replies to judge first, each with its reasons, its neighbours and its scores; `waiting` counts all."""
    since = service.clock.now() - timedelta(days=days)
    queue, judged = await asyncio.to_thread(_queue, service, since)
    items = await asyncio.to_thread(_items, service, office, queue[:limit])
    return {"items": items, "waiting": len(queue), "judged": judged}


@routes.post("/console/reviews/{turn}", roles=("reviewer",), status_code=201)
async def judge(turn: Name, body: Judgement, service: Serves, caller: Calls) -> dict[str, Any]:
    """Accepts, rejects, grades or corrects a reply."""
    reply = await service.reply(turn)
    kind, value = _as_feedback(body, reply)
    said = Feedback(
        body.id,
        turn,
        reply.conversation,
        kind,
        "reviewer",
        caller.name,
        service.clock.now(),
        value,
        body.text.strip(),
    )
    return {"recorded": await service.note(said)}


@routes.get("/console/agreement", roles=("reviewer",))
async def agreement(service: Serves, office: Office, days: Days = 30) -> dict[str, Any]:
    """How far people's verdicts go with the numbers that machines gave the same replies."""
    since = service.clock.now() - timedelta(days=days)
    return await asyncio.to_thread(_agreement, service, office, since)


def _as_feedback(body: Judgement, reply: Turn) -> tuple[FeedbackKind, float | None]:
    if body.verdict == "correct":
        if not body.text.strip():
            raise RefusedRequest(400, "A correction needs the reply as it should have been.", param="text")
        if body.text.strip() == reply.text.strip():
            raise RefusedRequest(400, "The correction says what the reply says; accept the reply.", param="text")
        return "correction", None
    if body.verdict == "grade":
        if body.grade is None:
            raise RefusedRequest(400, "A grade is a number from 1 to 5.", param="grade")
        return "stars", float(body.grade)
    return "thumb", 1.0 if body.verdict == "accept" else -1.0


def _queue(service: Service, since: Any) -> tuple[list[Item], int]:
    feedback = service.feedbacks.since(since)
    return review_queue(service.conversations.replies_since(since), feedback), len(verdicts(feedback))


def _items(service: Service, office: BackOffice, queue: Sequence[Item]) -> list[dict[str, Any]]:
    talks = {name: service.conversations.turns(name) for name in {item.reply.conversation for item in queue}}
    found = [_neighbours(item.reply, talks[item.reply.conversation]) for item in queue]
    scores = _scores(office, [_triple(item.reply, *one) for item, one in zip(queue, found, strict=True)])
    return [
        {
            "reply": turn_view(item.reply, staff=True),
            "query": None if query is None else turn_view(query, staff=True),
            "context": [turn_view(turn, staff=True) for turn in before],
            "others": [turn_view(turn, staff=True) for turn in others],
            "why": [asdict(sign) for sign in item.signs],
            "weight": item.weight,
            "scores": score,
            "feedback": [feedback_view(one) for one in service.feedbacks.of(item.reply.id)],
        }
        for item, (query, before, others), score in zip(queue, found, scores, strict=True)
    ]


_Found = tuple[Turn | None, list[Turn], list[Turn]]


def _neighbours(reply: Turn, talk: Sequence[Turn]) -> _Found:
    """The query of a reply, what was said before it, and what else was said to it."""
    at = next((at for at, turn in enumerate(talk) if turn.id == reply.answers), None)
    if at is None:
        return None, [], []
    others = [
        turn
        for turn in talk
        if turn.answers == reply.answers and turn.id != reply.id and turn.speaker in ("end", "cloud", "human")
    ]
    return talk[at], list(talk[max(0, at - _CONTEXT_TURNS) : at]), others


def _triple(
    reply: Turn, query: Turn | None, before: Sequence[Turn], others: Sequence[Turn]
) -> tuple[str, str | None, str | None]:
    texts = {turn.speaker: turn.text for turn in (*others, reply)}
    return "" if query is None else query.text, texts.get("end"), texts.get("cloud")


def _scores(
    office: BackOffice, triples: Sequence[tuple[str, str | None, str | None]]
) -> list[dict[str, float | None] | None]:
    if office.scores is None or not triples:
        return [None] * len(triples)
    return [
        {
            "similarity": score.similarity,
            "relevance": score.relevance,
            "cloud_relevance": score.cloud_relevance,
            "final": office.scores.final(score),
        }
        for score in office.scores.score_all(triples)
    ]


def _agreement(service: Service, office: BackOffice, since: Any) -> dict[str, Any]:
    judged = verdicts(service.feedbacks.since(since))
    newest = sorted(judged.items(), key=lambda one: one[1][-1].at, reverse=True)[:_MOST_AGREED]
    known = [(reply, given) for turn, given in newest if (reply := service.conversations.turn(turn)) is not None]
    replies = [(reply, given) for reply, given in known if reply.speaker in ("end", "cloud")]
    probable = [(_accepted(given), r.probability) for r, given in replies if r.probability is not None]
    rows = [{"measure": "probability", **asdict(with_measure(probable, _PROBABLE))}]
    if office.scores is not None:
        talks = {name: service.conversations.turns(name) for name in {reply.conversation for reply, _ in replies}}
        triples = [_triple(reply, *_neighbours(reply, talks[reply.conversation])) for reply, _ in replies]
        scored = _scores(office, triples)
        for measure in ("final", "relevance"):
            pairs = [
                (_accepted(given), value)
                for (reply, given), score in zip(replies, scored, strict=True)
                if score is not None and (value := score[_of(measure, reply)]) is not None
            ]
            rows.append({"measure": measure, **asdict(with_measure(pairs, office.poor))})
    people = {verdict.by for _, given in replies for verdict in given}
    return {"rows": rows, "people": sorted(people), "replies": len(replies)}


def _of(measure: str, reply: Turn) -> str:
    """A cloud reply's relevance is its own; Equation 1 is of the end reply."""
    return "cloud_relevance" if measure == "relevance" and reply.speaker == "cloud" else measure


def _accepted(given: Sequence[Verdict]) -> bool:
    """What most people said; where they are divided, the newest word."""
    yes = sum(verdict.accepted for verdict in given)
    return yes * 2 > len(given) if yes * 2 != len(given) else given[-1].accepted

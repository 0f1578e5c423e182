"""A person's correction replaces what was taught before: older answers to the same question, and the lesson of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from endcloud.assembly.recorded_answers import RecordedAnswer, recorded_answers
from endcloud.evolution.clusters import question_of
from endcloud.evolution.exchanges import served
from endcloud.evolution.lessons import Correction, correction_of, lesson_id
from endcloud.evolution.superseding import Found, corrected
from endcloud.rounds import Lesson, Retirement

if TYPE_CHECKING:
    from endcloud.assembly.evolving import Evolution
    from endcloud.rounds import Round
    from endcloud.types import Feedback

_EVER = datetime.min.replace(tzinfo=UTC)


def correct(evolution: Evolution, round: Round) -> list[Found]:
    """Retires what the corrections since the round before take back, oldest correction first; returns it.

    A lesson that was made of a corrected reply gives way to one with the person's words.
    """
    said = [one for one in evolution.feedbacks.since(_since(evolution, round)) if _by_the_shop(one)]
    if not said:
        return []
    answers = recorded_answers(evolution, evolution.retirements.items())
    found: list[Found] = []
    with evolution.shop.progress.task("corrections", len(said), "correction") as task:
        for feedback in said:
            found += _of_one(evolution, round, feedback, answers)
            task.advance()
    return found


def _since(evolution: Evolution, round: Round) -> datetime:
    """When the round before this one began: what was said since may not have been looked at."""
    return max((one.began for one in evolution.rounds.all() if one.number < round.number), default=_EVER)


def _by_the_shop(feedback: Feedback) -> bool:
    return feedback.kind == "correction" and feedback.witness in ("agent", "reviewer")


def _of_one(evolution: Evolution, round: Round, feedback: Feedback, answers: Sequence[RecordedAnswer]) -> list[Found]:
    reply = evolution.conversations.turn(feedback.turn)
    if reply is None:
        return []
    turns = evolution.conversations.turns(reply.conversation)
    exchange = served(reply, evolution.conversations, evolution.shop.masker, turns)
    names = frozenset(turn.id for turn in turns if turn.answers == reply.answers)
    correction = correction_of(evolution.feedbacks.within(reply.conversation), names)
    if exchange is None or correction is None or correction.id != feedback.id:
        return []  # gone with its customer, or replaced by a newer word
    right = exchange.masked(evolution.shop.masker, correction.text)
    own = frozenset[str]()
    if not evolution.shop.masker.unrestorable(exchange.messages, right):
        own = _relearned(evolution, round, names, right, correction)
    poor = exchange.masked(evolution.shop.masker, reply.suggested) if reply.suggested else exchange.said
    items = [one.item for one in answers if one.item.id not in own]
    found = corrected(items, question_of(exchange.messages), right, poor)
    at, by = evolution.clock.now(), f"correction by {correction.by}"[:80]
    evolution.retirements.add([Retirement(one.item.id, one.reason, by, at) for one in found])
    return found


def _relearned(
    evolution: Evolution, round: Round, turns: frozenset[str], right: str, correction: Correction
) -> frozenset[str]:
    """Puts a person's words in the place of the lessons made of a corrected reply; returns the new lessons' names."""
    by, at = f"correction by {correction.by}"[:80], evolution.clock.now()
    lessons = evolution.lessons.all()
    mine = [one for one in lessons if one.turn in turns]
    new = {lesson_id(one.turn, correction): one for one in mine}
    old = [one for one in mine if one.id not in new]
    evolution.lessons.add([_in_words(one, name, right, correction, round, at) for name, one in new.items()])
    reason = "a person has corrected the reply that it was made of"
    evolution.retirements.add([Retirement(one.id, reason, by, at) for one in old])
    return frozenset(new)


def _in_words(lesson: Lesson, name: str, right: str, correction: Correction, round: Round, at: datetime) -> Lesson:
    """A lesson with a person's words in the place of the cloud's."""
    return replace(
        lesson, id=name, reply=right, origin="human", approval="not needed", round=round.number, at=at, by=correction.by
    )

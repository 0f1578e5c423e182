"""Stage `label` of a round: what should have been said to the chosen queries becomes lessons.

A label that was given for a take-over or an audit is used again; only what has none is asked. Whatever the cloud cannot
answer now waits: a choice without a lesson is looked at again in the next rounds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from endcloud.errors import CloudError, LockedError, SettingsError, UsageError
from endcloud.evolution.exchanges import Served, served
from endcloud.evolution.lessons import (
    Correction,
    approval_of,
    correction_of,
    lesson_id,
    part_of,
    refusal,
)
from endcloud.evolution.round import Done
from endcloud.rounds import Choice, Lesson
from endcloud.serving.withholding import withhold
from endcloud.types import Example

if TYPE_CHECKING:
    from endcloud.assembly.evolving import Evolution
    from endcloud.protocols import Label
    from endcloud.rounds import Round

_ROUNDS_BACK = 5  # how long a choice without a label is asked about again


@dataclass(frozen=True, slots=True)
class _Chosen:
    """A chosen reply with its exchange, and a person's word on it where there is one."""

    choice: Choice
    exchange: Served
    correction: Correction | None


def label(evolution: Evolution, round: Round) -> Done:
    """Makes the round's lessons: insert-once rows, so that a stage done twice makes them once."""
    chosen, forgotten = _chosen(evolution, round)
    notes = ask(evolution, [_question(one) for one in chosen if one.correction is None])
    refused: Counter[str] = Counter()
    lessons: list[Lesson] = []
    labels = evolution.shop.labels.of(one.choice.query for one in chosen)
    for one in chosen:
        reply, why = _words(evolution, one, labels.get(one.choice.query))
        if why:
            refused[why] += 1
        else:
            lessons.append(_lesson(evolution, round, one, reply))
    evolution.lessons.add(lessons)
    return Done(_figures(evolution, round, refused, forgotten, notes))


def ask(
    evolution: Evolution, questions: Sequence[Example], *, reuse: bool = True, still_shown: Collection[str] = ()
) -> list[str]:
    """Has the cloud answer what has no answer yet; returns what stood in the way, in sentences.

    The answers are labels under the questions' ids. No cloud, an outage, a used-up budget or `endcloud teach` at work
    ends nothing but the asking. Without `reuse` no recorded answer to the same question is taken over;
    `still_shown` are pairs that stand in the prompt although they are retired.
    """
    from endcloud.assembly.cloud import label, teacher_of

    if not questions:
        return []
    try:
        shop = evolution.shop
        teacher = teacher_of(shop, shop.cloud, still_shown) if still_shown else None
        report = label(shop, examples=questions, teacher=teacher, clock=evolution.clock, reuse=reuse)
    except (CloudError, LockedError, SettingsError, UsageError) as error:
        return [f"The cloud was not asked, or not to the end: {error}"]
    return [report.stopped] if report.stopped else []


def _chosen(evolution: Evolution, round: Round) -> tuple[list[_Chosen], int]:
    """This round's choices, and those of rounds before that still have no lesson for want of an answer; how many of
    this round's are gone with their customer."""
    known = {lesson.turn for lesson in evolution.lessons.all()}
    found: list[_Chosen] = []
    forgotten = 0
    for number in range(max(1, round.number - _ROUNDS_BACK), round.number + 1):
        for choice in evolution.choices.of_round(number):
            if number < round.number and (choice.turn in known or _answered(evolution, choice)):
                continue
            one = _with_exchange(evolution, choice)
            if one is not None:
                found.append(one)
            else:
                forgotten += number == round.number
    return found, forgotten


def _answered(evolution: Evolution, choice: Choice) -> bool:
    """Whether the cloud has said its last word on a choice, though none that can be learned."""
    from endcloud.cloud.label_plan import TRANSIENT

    found = evolution.shop.labels.of([choice.query]).get(choice.query)
    return found is not None and found.reason not in TRANSIENT


def _with_exchange(evolution: Evolution, choice: Choice) -> _Chosen | None:
    reply = evolution.conversations.turn(choice.turn)
    if reply is None:
        return None
    turns = evolution.conversations.turns(choice.conversation)
    exchange = served(reply, evolution.conversations, evolution.shop.masker, turns)
    if exchange is None:
        return None
    answers = frozenset(turn.id for turn in turns if turn.answers == choice.query)
    return _Chosen(choice, exchange, correction_of(evolution.feedbacks.within(choice.conversation), answers))


def _question(one: _Chosen) -> Example:
    """The query as the cloud is asked about it; its label is kept under the customer's turn."""
    query, conversation = one.choice.query, one.choice.conversation
    return Example(query, conversation, "", one.exchange.messages, "", "natural", "served", "train")


def _words(evolution: Evolution, one: _Chosen, label: Label | None) -> tuple[str, str]:
    """What is to be learned, masked, and why nothing is: one of the two is empty."""
    masker, messages = evolution.shop.masker, one.exchange.messages
    if one.correction is not None:
        text = one.exchange.masked(masker, one.correction.text)
        return (text, "") if not masker.unrestorable(messages, text) else ("", "leaks a placeholder")
    text = withhold(messages).fill(label.text) if label is not None else ""
    why = refusal(
        label,
        unrestorable=masker.unrestorable(messages, text),
        against_the_rules=not evolution.shop.policies.agree(messages[-1].content, text),
    )
    return ("", why) if why else (text, "")


def _lesson(evolution: Evolution, round: Round, one: _Chosen, reply: str) -> Lesson:
    choice, exchange, settings = one.choice, one.exchange, evolution.settings
    name = lesson_id(choice.turn, one.correction)
    poor = exchange.said if exchange.restorable and exchange.reply.speaker == "end" else ""
    return Lesson(
        name,
        choice.turn,
        choice.conversation,
        choice.customer,
        choice.cluster,
        part_of(choice.cluster, settings.held_out_share),
        exchange.messages,
        reply,
        poor if poor != reply else "",
        "human" if one.correction else "pseudo",
        choice.reasons,
        approval_of(name, settings.approval, human=one.correction is not None),
        round.number,
        evolution.clock.now(),
        one.correction.by if one.correction else "",
    )


def _figures(
    evolution: Evolution, round: Round, refused: Counter[str], forgotten: int, notes: list[str]
) -> dict[str, Any]:
    """What the round's lessons are, counted from their rows."""
    mine = [lesson for lesson in evolution.lessons.all() if lesson.round == round.number]
    return {
        "lessons": len(mine),
        "human": sum(lesson.origin == "human" for lesson in mine),
        "held out": sum(lesson.part == "held out" for lesson in mine),
        "waiting for a reviewer": sum(lesson.approval == "waiting" for lesson in mine),
        "refused": dict(refused.most_common()),
        "forgotten": forgotten,
        "notes": notes,
    }

"""Which served replies the cloud is asked about, and what comes of comparing them.

A sample, drawn by a hash of the reply's name, says how good service is on the whole; beside it comes everything that
displeased a customer, and what hardly seems to answer its question. The cloud is asked once for each question, and its
answer is kept as the label it may be learned by. Caps and budgets bound all of it, so that nobody can spend them alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from endcloud.evolution.caps import Caps, Place
from endcloud.evolution.exchanges import Served
from endcloud.evolution.quality import Answer, EquationOne, qualities
from endcloud.evolution.signs import of_customers
from endcloud.protocols import Progress
from endcloud.rounds import SAMPLE, UNASKED, Audit
from endcloud.types import Feedback, Score, Turn

LOW_RELEVANCE = "low relevance"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A reply about which the cloud may be asked, the cause, and what the caps count of it."""

    exchange: Served
    cause: str
    place: Place


def comparable(reply: Turn) -> bool:
    """Whether a reply is the end model's own and whole: what a cloud that knows only the masked text can be compared
    with."""
    return reply.speaker == "end" and reply.finish == "stop" and not reply.private and not reply.cautious


def causes(
    replies: Sequence[Turn], feedback: Mapping[str, Sequence[Feedback]], known: Mapping[str, Audit], *,
    share: float, threshold: float, round: int, most: int,
) -> list[tuple[Turn, str]]:  # fmt: skip
    """The replies that should be compared with the cloud's, most urgent first, each with its cause.

    First the sample (`share` of all) as far as it takes half of the round's `most`, then what customers said, the
    heavier and newer first, then the rest of the sample, then replies whose relevance is below `threshold`, lowest
    first and half as many in a `round` as of the sample. `known` are audits by reply; a reply that was compared
    before is left out.
    """
    mine = Counter(audit.cause for audit in known.values() if audit.round == round)
    sample: list[Turn] = []
    said: list[tuple[int, float, Turn, str]] = []
    low: list[tuple[float, Turn]] = []
    for reply in replies:
        audit = known.get(reply.id)
        if not comparable(reply) or (audit is not None and audit.cause != UNASKED):
            continue
        relevance = None if audit is None else audit.score.relevance
        if _place(reply.id) < share:
            sample.append(reply)
        elif signs := of_customers(feedback.get(reply.id, ())):
            said.append((_ORDER.index(signs[0]), -reply.at.timestamp(), reply, signs[0]))
        elif relevance is not None and relevance < threshold:
            low.append((relevance, reply))
    sample.sort(key=lambda reply: _place(reply.id))
    said.sort(key=lambda entry: entry[:2])
    low.sort(key=lambda entry: (entry[0], entry[1].id))
    half = max(0, most // 2 - mine[SAMPLE])
    return [
        *((reply, SAMPLE) for reply in sample[:half]),
        *((reply, cause) for _, _, reply, cause in said),
        *((reply, SAMPLE) for reply in sample[half:]),
        *(
            (reply, LOW_RELEVANCE)
            for _, reply in low[: max(0, (len(sample) + mine[SAMPLE]) // 2 - mine[LOW_RELEVANCE])]
        ),
    ]


def due(waiting: Sequence[Waiting], caps: Caps, most: int) -> tuple[list[Waiting], Counter[str]]:
    """At most `most` of them, in order, as far as the caps let them; and how many each bound left for later."""
    taken: list[Waiting] = []
    left: Counter[str] = Counter()
    for one in waiting:
        bound = "one round" if len(taken) >= most else caps.reached(one.place)
        if bound:
            left[bound] += 1
        else:
            caps.take(one.place)
            taken.append(one)
    return taken, left


def compared(
    waiting: Sequence[Waiting],
    clouds: Sequence[str | None],
    against_rules: Sequence[tuple[str, ...]],
    scorer: EquationOne,
    *,
    round: int,
    at: datetime,
    progress: Progress | None = None,
) -> list[Audit]:
    """Audits of replies by the cloud's (masked) replies, in order; None where the cloud has none for good."""
    answers = [
        Answer(one.exchange.messages[-1].content, one.exchange.said, cloud, one.exchange.restorable)
        for one, cloud in zip(waiting, clouds, strict=True)
    ]
    found = []
    for one, quality, rules in zip(waiting, qualities(scorer, answers, progress), against_rules, strict=True):
        unsayable = not one.exchange.restorable or not one.exchange.said.strip()
        final = 0.0 if unsayable and quality.final is not None else quality.final
        wrong = tuple(dict.fromkeys((*quality.wrong, *rules)))
        found.append(_audit(one.exchange.reply, one.cause, quality.score, final, wrong, round, at))
    return found


def unasked(reply: Turn, score: Score, against_rules: tuple[str, ...], *, round: int, at: datetime) -> Audit:
    """The audit of a reply about which no cloud was asked."""
    return _audit(reply, UNASKED, score, None, against_rules, round, at)


def _audit(
    reply: Turn, cause: str, score: Score, final: float | None, wrong: tuple[str, ...], round: int, at: datetime
) -> Audit:
    return Audit(
        reply.id, reply.answers, reply.conversation, reply.version, round, cause, score, final, wrong, at
    )  # fmt: skip


_ORDER = ("disliked", "complained", "asked for a person", "asked again")


def _place(name: str) -> float:
    """A number in [0, 1) that the name alone decides: the same replies are in a sample whoever draws it, and when."""
    return int.from_bytes(sha256(f"audit {name}".encode()).digest()[:6], "big") / 2**48

"""What a person should look at first, and why.

Every sign that a reply was poor has a weight; a reply's place in the queue is the sum of its weights, and the newer
of two alike comes first. A reply that somebody on the shop's side has judged leaves the queue. One reply in twenty
comes up without any sign, chosen by its name: whoever judges only what looks bad cannot say how good the rest is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from endcloud.feedback.verdicts import verdicts
from endcloud.types import CAUTION, Feedback, Turn

Cause = Literal[
    "complaint",
    "thumb",
    "stars",
    "failed check",
    "asked for a person",
    "asked again",
    "unsure",
    "cautious",
    "note",
    "spot check",
]

WEIGHTS: Mapping[Cause, float] = {
    "complaint": 5.0,
    "thumb": 4.0,
    "stars": 4.0,
    "failed check": 4.0,
    "asked for a person": 3.0,
    "unsure": 3.0,
    "asked again": 2.0,
    "cautious": 1.5,
    "note": 1.0,
    "spot check": 0.5,
}
"""`unsure` is weighed by how improbable it was that the reply is acceptable, `stars` by how few there were."""

_SURE = 0.7  # from this probability on a reply is not in the queue for being unsure
_ONE_IN = 20


@dataclass(frozen=True, slots=True)
class Sign:
    """One reason to look: its cause, its weight, and the number or words behind it."""

    cause: Cause
    weight: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """A reply that waits to be judged; `signs` heaviest first."""

    reply: Turn
    signs: tuple[Sign, ...]

    @property
    def weight(self) -> float:
        return sum(sign.weight for sign in self.signs)


def review_queue(replies: Sequence[Turn], feedback: Sequence[Feedback]) -> list[Item]:
    """The replies of end and cloud that a person should judge, heaviest first; both come oldest first."""
    said: dict[str, list[Feedback]] = defaultdict(list)
    for one in feedback:
        said[one.turn].append(one)
    judged = verdicts(feedback)
    found = [
        Item(reply, signs)
        for reply in reversed(replies)
        if reply.speaker in ("end", "cloud") and reply.id not in judged and (signs := signs_of(reply, said[reply.id]))
    ]
    return sorted(found, key=lambda item: -item.weight)


def signs_of(reply: Turn, feedback: Iterable[Feedback]) -> tuple[Sign, ...]:
    """Why a reply is worth a look, heaviest sign first; each cause counts once."""
    signs: dict[Cause, Sign] = {}
    for one in feedback:
        if (sign := _of_feedback(one)) is not None:
            signs[sign.cause] = sign
    for sign in _of_reply(reply):
        signs[sign.cause] = sign
    if not signs and _drawn(reply.id):
        signs["spot check"] = Sign("spot check", WEIGHTS["spot check"])
    return tuple(sorted(signs.values(), key=lambda sign: -sign.weight))


def _of_feedback(feedback: Feedback) -> Sign | None:
    if feedback.witness != "customer":
        return None
    if feedback.kind == "thumb" and (feedback.value or 0) < 0:
        return Sign("thumb", WEIGHTS["thumb"], feedback.text)
    if feedback.kind == "stars" and feedback.value is not None and feedback.value < 4:
        return Sign("stars", WEIGHTS["stars"] * (4 - feedback.value) / 3, f"{feedback.value:.0f}")
    if feedback.kind == "note":
        return Sign("note", WEIGHTS["note"], feedback.text)
    if feedback.kind == "complaint":
        return Sign("complaint", WEIGHTS["complaint"])
    if feedback.kind == "asked again":
        return Sign("asked again", WEIGHTS["asked again"])
    if feedback.kind == "asked for a person":
        return Sign("asked for a person", WEIGHTS["asked for a person"])
    return None


def _of_reply(reply: Turn) -> Iterable[Sign]:
    if reply.finish == "content_filter":
        yield Sign("failed check", WEIGHTS["failed check"], reply.reason)
    if reply.cautious:
        yield Sign("cautious", WEIGHTS["cautious"], reply.reason.removeprefix(CAUTION))
    elif reply.probability is not None and reply.probability < _SURE:
        yield Sign("unsure", WEIGHTS["unsure"] * (1 - reply.probability), f"{reply.probability:.2f}")


def _drawn(name: str) -> bool:
    return int(sha256(name.encode()).hexdigest()[:8], 16) % _ONE_IN == 0

"""What becomes a lesson: which words are learned, which are refused, who must look first, what is held out.

A person's correction wins; else the cloud's reply is the pseudo-label. Which side of the line a lesson is on, trained
on or held out to judge candidates by, is decided by a hash of its cluster: no question stands on both sides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

from endcloud.protocols import Label
from endcloud.rounds import Approval, Part
from endcloud.types import Feedback

Looking = Literal["none", "sampled", "all"]
_ONE_IN = 5
_PEOPLE = ("agent", "reviewer")


@dataclass(frozen=True, slots=True)
class Correction:
    """What a person of the shop would have said in a reply's place; `text` is unmasked, `id` the feedback's."""

    id: str
    text: str
    by: str


def correction_of(feedback: Iterable[Feedback], turns: frozenset[str]) -> Correction | None:
    """The newest word of the shop's people on one of `turns`, where it is a correction.

    `turns` are the replies to one query. A customer's correction is an opinion, and never learned.
    """
    words = [
        one
        for one in feedback
        if one.turn in turns and one.witness in _PEOPLE and (one.kind == "correction" or one.value == 1)
    ]
    newest = max(words, key=lambda one: one.at, default=None)
    if newest is None or newest.kind != "correction" or not newest.text.strip():
        return None  # nobody corrected it, or somebody has accepted it since
    return Correction(newest.id, newest.text.strip(), newest.by)


def refusal(label: Label | None, *, unrestorable: bool, against_the_rules: bool) -> str:
    """Why a pseudo-label is not learned; empty where it is.

    A label has reasons of its own (refused, empty, truncated, an unsupported fact, …); `unrestorable` says that it
    holds a placeholder which its conversation lacks, `against_the_rules` that the rules say otherwise.
    """
    if label is None:
        return "no label yet"
    if label.reason:
        return label.reason
    if not label.text.strip():
        return "empty"
    if unrestorable:
        return "leaks a placeholder"
    return "against the rules" if against_the_rules else ""


def part_of(cluster: str, held_out_share: float) -> Part:
    """Whether a cluster's lessons judge candidates (`held_out_share` of all clusters) or are trained on."""
    return "held out" if _share("held out", cluster) < held_out_share else "train"


def approval_of(lesson: str, looking: Looking, *, human: bool) -> Approval:
    """Whether a reviewer must look first; a person's own words need no second one."""
    if human or looking == "none" or (looking == "sampled" and _share("approval", lesson) >= 1 / _ONE_IN):
        return "not needed"
    return "waiting"


def lesson_id(turn: str, correction: Correction | None = None) -> str:
    """A lesson's name: one for the cloud's word on a reply, one for each correction of it."""
    if correction is None:
        return f"lesson:{turn}"
    return f"lesson:{turn}:{blake2b(correction.id.encode(), digest_size=4).hexdigest()}"


def _share(purpose: str, name: str) -> float:
    """A number in [0, 1) that is the same each time."""
    return int.from_bytes(blake2b(f"{purpose}\0{name}".encode(), digest_size=8).digest()) / 2**64

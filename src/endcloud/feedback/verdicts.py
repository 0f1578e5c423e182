"""What people on the shop's side think of a reply, read from the feedback they gave.

A verdict is an accepted reply, a rejected one, or one that was written anew. Feedback is never changed, so whoever
changes their mind gives another one, and the newest of each person counts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from endcloud.types import Feedback

_USABLE = 3  # of five stars


@dataclass(frozen=True, slots=True)
class Verdict:
    """One person's word on one reply; `correction` is what should have been said, where they wrote it."""

    turn: str
    by: str
    accepted: bool
    at: datetime
    stars: int | None = None
    correction: str = ""


def verdict_of(feedback: Feedback) -> Verdict | None:
    """The verdict that lies in a reviewer's or agent's feedback; None where it says nothing of right or wrong."""
    if feedback.witness not in ("reviewer", "agent"):
        return None
    if feedback.kind == "correction":
        return Verdict(feedback.turn, feedback.by, False, feedback.at, None, feedback.text)
    if feedback.kind == "thumb" and feedback.value is not None:
        return Verdict(feedback.turn, feedback.by, feedback.value > 0, feedback.at)
    if feedback.kind == "stars" and feedback.value is not None:
        return Verdict(feedback.turn, feedback.by, feedback.value >= _USABLE, feedback.at, int(feedback.value))
    return None


def verdicts(feedback: Iterable[Feedback]) -> dict[str, list[Verdict]]:
    """By reply, the newest verdict of each person; `feedback` comes oldest first."""
    newest: dict[str, dict[str, Verdict]] = defaultdict(dict)
    for one in feedback:
        if (verdict := verdict_of(one)) is not None:
            newest[verdict.turn].pop(verdict.by, None)
            newest[verdict.turn][verdict.by] = verdict
    return {turn: list(by.values()) for turn, by in newest.items()}

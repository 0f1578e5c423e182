"""How the service does, as tables: what the dashboard draws and what a spreadsheet gets.

Each table has a row for each hour or day of a period, so that a chart and a CSV file show the same. A share or a
middle value of nothing is None, never 0. Where a figure could be counted in two ways the docstring says in which.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from endcloud.serving.periods import Period
from endcloud.types import Feedback, FeedbackKind, Handoff, Route, Turn

Row = dict[str, Any]
_ORDER: tuple[Route, ...] = ("end", "cloud", "human")
KINDS: tuple[FeedbackKind, ...] = (
    "thumb",
    "stars",
    "note",
    "asked again",
    "complaint",
    "asked for a person",
    "correction",
)


def routes(replies: Sequence[Turn], period: Period) -> list[Row]:
    """Questions by who dealt with them. A question that end and cloud both answered counts once, for the one who came
    last: a person after the cloud, the cloud after the end model. `cautious` are those of `end` that got the caution
    wording instead of an answer."""
    rows = []
    for start, part in zip(period.starts, period.split(replies, _at), strict=True):
        last: dict[str, Turn] = {}
        for reply in part:
            if reply.route is None:
                continue
            known = last.get(reply.answers or reply.id)
            if known is None or _rank(reply) >= _rank(known):
                last[reply.answers or reply.id] = reply
        counted = Counter(reply.route for reply in last.values())
        cautious = sum(reply.cautious for reply in last.values())
        row: Row = {"from": start, "cautious": cautious}
        rows.append(row | {route: counted[route] for route in _ORDER})
    return rows


def latency(replies: Sequence[Turn], period: Period) -> list[Row]:
    """Seconds until the first words and until the whole reply: middle value and the 95th of a hundred. Models only."""
    parts = period.split(_models(replies), _at)
    return [{"from": start, **_seconds(part)} for start, part in zip(period.starts, parts, strict=True)]


def latency_by_route(replies: Sequence[Turn], period: Period) -> list[Row]:
    """The same for the whole period, the end model and the cloud apart."""
    within = [reply for part in period.split(_models(replies), _at) for reply in part]
    return [
        {"route": route, **_seconds([reply for reply in within if reply.route == route])} for route in ("end", "cloud")
    ]


def quality(feedback: Sequence[Feedback], period: Period) -> list[Row]:
    """What customers and reviewers think: thumbs and stars of customers, verdicts and corrections of the shop's people.
    `liked_share` is of all thumbs."""
    rows = []
    for start, part in zip(period.starts, period.split(feedback, _at), strict=True):
        customers = [one for one in part if one.witness == "customer"]
        staff = [one for one in part if one.witness in ("reviewer", "agent")]
        liked = sum(one.kind == "thumb" and (one.value or 0) > 0 for one in customers)
        disliked = sum(one.kind == "thumb" and (one.value or 0) < 0 for one in customers)
        stars = [one.value for one in customers if one.kind == "stars" and one.value is not None]
        rows.append(
            {
                "from": start,
                "liked": liked,
                "disliked": disliked,
                "liked_share": liked / (liked + disliked) if liked + disliked else None,
                "ratings": len(stars),
                "stars": float(np.mean(stars)) if stars else None,
                "accepted": sum(_accepts(one) for one in staff),
                "rejected": sum(_rejects(one) for one in staff),
                "corrections": sum(one.kind == "correction" for one in staff),
            }
        )
    return rows


def feedback_kinds(feedback: Sequence[Feedback], period: Period) -> list[Row]:
    """How often each kind of feedback came, whoever gave it."""
    rows = []
    for start, part in zip(period.starts, period.split(feedback, _at), strict=True):
        counted = Counter(one.kind for one in part)
        row: Row = {"from": start}
        rows.append(row | {kind: counted[kind] for kind in KINDS})
    return rows


def handoffs(steps: Sequence[Handoff], period: Period) -> list[Row]:
    """How often a person was called and came, and how many seconds customers waited for one. A wait belongs to the time
    when the person came."""
    waits = period.split(_waits(steps), lambda wait: wait[0].at)
    rows = []
    for start, part, came in zip(period.starts, period.split(steps, _handed), waits, strict=True):
        seconds = [(claimed.at - asked.at).total_seconds() for claimed, asked in came]
        rows.append(
            {
                "from": start,
                "called": sum(step.stage == "waiting" for step in part),
                "came": len(came),
                "handed_back": sum(step.stage == "closed" for step in part),
                "wait_p50": _percentile(seconds, 50),
                "wait_p95": _percentile(seconds, 95),
            }
        )
    return rows


def handoff_reasons(steps: Sequence[Handoff], period: Period) -> list[Row]:
    """Why people were called, the most frequent first. What was measured at the time is left out of a reason."""
    within = [step for part in period.split(steps, _handed) for step in part if step.stage == "waiting"]
    counted = Counter(step.reason.split(":", 1)[0] for step in within)
    return [{"reason": reason, "calls": count} for reason, count in counted.most_common()]


def whole(rows: Sequence[Row], names: Sequence[str]) -> Row:
    """The sums of columns over a period."""
    return {name: sum(row[name] for row in rows) for name in names}


def waits_within(steps: Sequence[Handoff], period: Period) -> Row:
    """How long customers waited for a person over the whole period, in seconds."""
    parts = period.split(_waits(steps), lambda wait: wait[0].at)
    seconds = [(claimed.at - asked.at).total_seconds() for part in parts for claimed, asked in part]
    return {"wait_p50": _percentile(seconds, 50), "wait_p95": _percentile(seconds, 95)}


def latency_within(replies: Sequence[Turn], period: Period) -> Row:
    """The seconds of all models' replies of the whole period."""
    return _seconds([reply for part in period.split(_models(replies), _at) for reply in part])


def _waits(steps: Sequence[Handoff]) -> list[tuple[Handoff, Handoff]]:
    """(the person came, the customer was told to wait) for each wait that ended."""
    asked: dict[str, Handoff] = {}
    found = []
    for step in steps:
        if step.stage == "waiting":
            asked[step.conversation] = step
        elif step.stage == "claimed" and (began := asked.pop(step.conversation, None)) is not None:
            found.append((step, began))
    return found


def _models(replies: Sequence[Turn]) -> list[Turn]:
    """Replies that a model gave: the service's own sentences take no time and would flatter."""
    return [reply for reply in replies if reply.speaker in ("end", "cloud") and reply.seconds > 0]


def _seconds(replies: Sequence[Turn]) -> Row:
    first = [reply.first_token for reply in replies if reply.first_token > 0]
    every = [reply.seconds for reply in replies]
    return {
        "replies": len(replies),
        "first_p50": _percentile(first, 50),
        "first_p95": _percentile(first, 95),
        "whole_p50": _percentile(every, 50),
        "whole_p95": _percentile(every, 95),
    }


def _percentile(values: Sequence[float], percent: int) -> float | None:
    return float(np.percentile(values, percent)) if values else None


def _rank(reply: Turn) -> int:
    return _ORDER.index(reply.route) if reply.route is not None else -1


def _accepts(feedback: Feedback) -> bool:
    value = feedback.value or 0
    return (feedback.kind == "thumb" and value > 0) or (feedback.kind == "stars" and value >= 3)


def _rejects(feedback: Feedback) -> bool:
    value = feedback.value or 0
    return (feedback.kind == "thumb" and value < 0) or (feedback.kind == "stars" and 0 < value < 3)


def _at(item: Turn | Feedback) -> Any:
    return item.at


def _handed(step: Handoff) -> Any:
    return step.at

"""The table of the simulation: how soon an arm was right again, what it lost, what attackers reached, what it cost.

"Right again" is said of two things. The end model alone: its version in service answers at least 90 % of the unseen
questions on the edited policies rightly. Customers: of the last 20 questions on them that a model answered, at least
90 % were answered rightly, whoever of end and cloud spoke.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import mean
from typing import Any

from endcloud.simulation.records import Asked, Called, Looked, RoundMark, Run
from endcloud.simulation.schedule import Schedule

RIGHT_AGAIN = 0.9
_WINDOW = 20
MOST_CALLS, MOST_LOST, MOST_WORK, MOST_ROUNDS = 0.15, 0.02, 90.0, 2
"""The targets: share of cloud calls, points lost on what stayed as it was, seconds of work, rounds."""


@dataclass(frozen=True, slots=True)
class Row:
    """One arm with one seed. `questions`, `seconds` (simulated) and `calls` are from the edit on, until the end model
    is right again (None: it never was); `rounds` are those that trained, `work` the seconds of real work until the
    first promotion after a bad reply. Shares are of 1."""

    arm: str
    seed: int
    questions: int | None
    seconds: float | None
    calls: int | None
    rounds: int | None
    work: float | None
    customers_questions: int | None
    changed: float | None
    new: float | None
    unchanged: float | None
    lost: float | None
    served_right: float
    promoted: int
    rolled_back: int
    calls_share: float
    calls_by_purpose: Mapping[str, int]
    spent: float
    attacks: Mapping[str, float]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def row_of(run: Run, schedule: Schedule) -> Row:
    """What one run comes to."""
    again = _right_again(run.looked)
    calls = run.called[-1] if run.called else Called(0, 0.0, {}, 0.0)
    last = run.looked[-1].shares if run.looked else {}
    start = next((one.shares for one in run.looked), {})
    unchanged = last.get("unchanged")
    judged = [one.right for one in _customers(run.asked) if one.right is not None]
    edit = _seconds_at(run.called, schedule.edit)
    return Row(
        arm=run.arm,
        seed=run.seed,
        questions=None if again is None else again.number - schedule.edit,
        seconds=None if again is None else round(again.seconds - edit),
        calls=None if again is None else _calls_at(run.called, again.number) - _calls_at(run.called, schedule.edit),
        rounds=None if again is None else _trained(run.rounds, again.number),
        work=_work(run, schedule),
        customers_questions=_customers_right_again(run.asked, schedule),
        changed=last.get("changed"),
        new=last.get("new"),
        unchanged=unchanged,
        lost=None if unchanged is None else start["unchanged"] - unchanged,
        served_right=sum(judged) / max(1, len(judged)),
        promoted=sum(one.outcome == "promoted" for one in run.rounds),
        rolled_back=sum(one.outcome == "rolled back" for one in run.rounds),
        calls_share=sum(calls.calls.values()) / max(1, len(run.asked)),
        calls_by_purpose=dict(calls.calls),
        spent=calls.spent,
        attacks=dict(run.attacks),
    )


def targets(rows: Sequence[Row], arm: str = "with replay") -> dict[str, dict[str, Any]]:
    """Each target with what was found over the seeds of an arm, and whether it is met by all of them."""
    mine = [row for row in rows if row.arm == arm]
    return {
        "seconds of work from the first bad reply to a promoted version": _target(
            [row.work for row in mine], MOST_WORK, at_most=True
        ),
        "rounds of training until 90 % right on unseen questions of the changed policies": _target(
            [row.rounds for row in mine], MOST_ROUNDS, at_most=True
        ),
        "points lost on the unchanged": _target([row.lost for row in mine], MOST_LOST, at_most=True),
        "cloud calls, share of all questions": _target([row.calls_share for row in mine], MOST_CALLS, at_most=True),
    }


def averages(rows: Sequence[Row]) -> dict[str, dict[str, float | None]]:
    """The mean of each figure by arm; None where a seed has none."""
    found: dict[str, dict[str, float | None]] = {}
    for arm in dict.fromkeys(row.arm for row in rows):
        mine = [row for row in rows if row.arm == arm]
        found[arm] = {name: _mean([getattr(row, name) for row in mine]) for name in FIGURES}
    return found


FIGURES = (
    *("questions", "seconds", "calls", "rounds", "work", "customers_questions", "changed", "new", "unchanged", "lost"),
    *("served_right", "promoted", "rolled_back", "calls_share", "spent"),
)


def _mean(values: Iterable[float | None]) -> float | None:
    known = list(values)
    return mean(value for value in known if value is not None) if known and None not in known else None


def _target(values: Sequence[float | None], bound: float, *, at_most: bool) -> dict[str, Any]:
    # Three of 150 questions lost are 0.02 in every sense but that of floating point.
    exact = [None if value is None else round(value, 6) for value in values]
    met = bool(exact) and all(value is not None and (value <= bound) == at_most for value in exact)
    return {"bound": bound, "found": list(values), "met": met}


def _customers(asked: Iterable[Asked]) -> list[Asked]:
    return [one for one in asked if not one.attack and one.matter != "for a person"]


def _right_again(looked: Sequence[Looked]) -> Looked | None:
    """The first look after the edit at which the end model was right again."""
    return next((one for one in looked if one.phase and one.shares["changed"] >= RIGHT_AGAIN), None)


def _customers_right_again(asked: Sequence[Asked], schedule: Schedule) -> int | None:
    """Questions from the edit until customers were answered rightly again on what it changed."""
    window: list[bool] = []
    for one in sorted(_customers(asked), key=lambda one: one.number):
        if one.matter == "changed" and one.number >= schedule.edit and one.right is not None:
            window.append(one.right)
            if len(window) >= _WINDOW and mean(window[-_WINDOW:]) >= RIGHT_AGAIN:
                return one.number - schedule.edit
    return None


def _trained(rounds: Sequence[RoundMark], last: int) -> int:
    """Rounds from the edit on that made a candidate."""
    return sum(one.phase > 0 and one.at <= last and bool(one.candidate) for one in rounds)


def _work(run: Run, schedule: Schedule) -> float | None:
    """Seconds of all rounds from the first bad reply on what was changed to the first promotion after it."""
    bad = [
        one.number for one in _customers(run.asked)
        if one.matter == "changed" and one.number >= schedule.edit and one.right is False
    ]  # fmt: skip
    if not bad:
        return None
    seconds = 0.0
    for mark in run.rounds:
        if mark.phase and mark.at >= min(bad):
            seconds += sum(mark.work.values())
            if mark.outcome == "promoted":
                return round(seconds, 1)
    return None


def _calls_at(called: Sequence[Called], number: int) -> int:
    before = [one for one in called if one.number <= number]
    return sum(before[-1].calls.values()) if before else 0


def _seconds_at(called: Sequence[Called], number: int) -> float:
    before = [one for one in called if one.number <= number]
    return before[-1].seconds if before else 0.0

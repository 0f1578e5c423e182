"""Audits are kept once, a comparison in place of the relevance alone; what audits cost has a limit for a day."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from endcloud.errors import BudgetError
from endcloud.rounds import SAMPLE, UNASKED, Audit
from endcloud.store.audits import StoredAudits
from endcloud.store.budget import DailyBudget, StoredBudget
from endcloud.store.database import Database
from endcloud.testing.fixed_clock import FixedClock
from endcloud.types import Score

AT = datetime(2026, 1, 1, tzinfo=UTC)
HALF = Audit("r", "q", "c", "v", 1, UNASKED, Score(None, 0.4, None, ("a",)), None, ("59元",), AT)
WHOLE = replace(HALF, cause=SAMPLE, round=2, score=Score(0.9, 0.4, 0.5, ("a", "b")), final=0.8, wrong=())


def test_a_comparison_takes_the_place_of_the_relevance_and_nothing_the_place_of_it(database: Database) -> None:
    audits = StoredAudits(database)
    audits.add([HALF])
    assert audits.of(["r"]) == {"r": HALF} and audits.since(AT) == [HALF]
    audits.add([replace(HALF, round=7)])
    assert audits.of(["r"])["r"].round == 1
    audits.add([WHOLE])
    audits.add([replace(WHOLE, final=0.1), HALF])
    assert audits.of(["r"]) == {"r": WHOLE} and len(audits.since(AT)) == 1


def test_a_day_has_its_limit_beside_that_of_the_whole(database: Database) -> None:
    clock = FixedClock(AT)
    budget = StoredBudget(database, 10.0)
    day = DailyBudget(budget, 1.0, clock)
    day.settle(day.reserve(0.7, "audit"), 0.6)
    with pytest.raises(BudgetError, match=r"audit.*1\.00 USD.*0\.6000"):
        day.reserve(0.5, "audit")
    day.reserve(0.4, "audit")  # never settled: it counts
    with pytest.raises(BudgetError):
        day.reserve(0.1, "audit")
    budget.reserve(5.0, "takeover")  # another purpose has no limit for a day
    asyncio.run(clock.sleep(timedelta(hours=25).total_seconds()))
    day.reserve(0.9, "audit")
    with pytest.raises(BudgetError, match=r"budget is 10\.00"):
        DailyBudget(budget, 100.0, clock).reserve(4.0, "audit")
    assert day.spent() == pytest.approx(6.9) and day.limit() == 10.0


def test_workers_that_reserve_together_do_not_pass_it(opens: Callable[[], Database]) -> None:
    budgets = [DailyBudget(StoredBudget(opens(), 100.0), 1.0, FixedClock(AT)) for _ in range(3)]

    def reserve(number: int) -> bool:
        try:
            budgets[number % 3].reserve(0.1, "audit")
        except BudgetError:
            return False
        return True

    with ThreadPoolExecutor(12) as pool:
        assert sum(pool.map(reserve, range(40))) == 10


def test_what_costs_nothing_needs_no_money(database: Database) -> None:
    DailyBudget(StoredBudget(database, 0.0), 0.0, FixedClock(AT)).reserve(0.0, "audit")


def test_many_turns_and_conversations_are_read_at_once(database: Database) -> None:
    from endcloud.store.conversations import StoredConversations
    from endcloud.types import Turn

    conversations = StoredConversations(database)
    conversations.open("c", "visitor")
    for number in range(3):
        conversations.say(Turn(f"q{number}", "c", "customer", f"text {number}", AT))
    names = ["q2", "q0", *(f"none{number}" for number in range(1200))]
    assert conversations.texts(names) == {"q0": "text 0", "q2": "text 2"}
    conversations.open("d", "customer anna", "anna")
    assert conversations.belonging(["d", *names, "c"]) == {"c": ("visitor", ""), "d": ("customer anna", "anna")}

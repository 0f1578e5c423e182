"""Nobody spends the shop's cloud alone, and nobody waits longer than an hour for their share."""

from __future__ import annotations

import asyncio

from endcloud.serving.fair_share import FairShare
from endcloud.testing.fixed_clock import FixedClock


def test_a_share_is_spent_by_its_caller_alone_and_comes_back_after_an_hour() -> None:
    clock = FixedClock()
    share = FairShare(clock, 2)
    for _ in range(2):
        assert not share.spent("a")
        share.take("a")
        _later(clock, 20)
    assert share.spent("a") and not share.spent("b")
    _later(clock, 20)
    assert not share.spent("a"), "the first of the two is an hour old"
    share.take("a")
    assert share.spent("a")
    _later(clock, 60)
    assert not share.spent("a")


def test_who_is_nobody_has_no_share() -> None:
    share = FairShare(FixedClock(), 0)
    assert not share.spent("") and share.spent("a")


def _later(clock: FixedClock, minutes: float) -> None:
    asyncio.run(clock.sleep(60 * minutes))

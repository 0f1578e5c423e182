"""Simulated time: each conversation at its own moment, all of them on one clock."""

import asyncio
from datetime import UTC, datetime, timedelta

from endcloud.simulation.clock import SimulatedClock

START = datetime(2026, 5, 1, tzinfo=UTC)


def test_conversations_at_once_keep_their_own_time_also_in_the_store_s_threads() -> None:
    clock = SimulatedClock(START)

    async def conversation(minutes: int) -> list[datetime]:
        with clock.at(START + timedelta(minutes=minutes)):
            seen = [clock.now()]
            await asyncio.sleep(0)
            await clock.sleep(60)
            return [*seen, await asyncio.to_thread(clock.now)]

    async def both() -> list[list[datetime]]:
        return await asyncio.gather(conversation(5), conversation(9))

    first, second = asyncio.run(both())
    assert first == [START + timedelta(minutes=5), START + timedelta(minutes=6)]
    assert second == [START + timedelta(minutes=9), START + timedelta(minutes=10)]
    assert clock.now() == START


def test_the_clock_goes_on_and_never_back() -> None:
    clock = SimulatedClock(START)
    clock.advance(90)
    clock.reach(START)
    assert clock.now() == START + timedelta(seconds=90)
    asyncio.run(clock.sleep(10))
    assert clock.now() == START + timedelta(seconds=100)

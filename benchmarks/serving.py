"""The whole service beside a bare ASGI proxy of the same fake engine, in one run.

    python benchmarks/serving.py [--seconds 5] [--rounds 3]

The proxy streams the engine's tokens and does nothing else; the service checks keys, masks, checks every clause on
its way out, and writes both turns to disk before it tells them (see `serving_sides.py`). Rounds alternate between the
two: first with an engine that draws a token every 10 ms, as a small model on one processor does for 32 replies at
once, then with one that takes no time at all, which no engine does: what is left is the work beside the engine, and
no aim is set for it. Then the service alone: 200 streams at once; ten times as many as it takes; and 100 readers that
leave in the middle. Exits with 1 where an aim is missed.

The servers run in processes of their own, and the load comes from this one over sockets on loopback. Refusals are asked
for and timed by a third process that does nothing else (`serving_refusals.py`), as a caller sees them: from handing the
request to the system to the head of the answer. Beside them stands the same process's time with a bare server that
refuses everything, which is what the machine, uvicorn and the asking itself take; and the processor time that a
refusal takes each server, which a busy machine hardly changes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from serving_refusals import request

Timed = list[tuple[int, float]]


@dataclass
class Side:
    """A running server."""

    port: int
    key: str

    async def ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[int, bytes]:
        """One streamed call on an open connection: status and body."""
        writer.write(request(self.key))
        return await response(reader)

    async def once(self) -> tuple[int, bytes, float]:
        """One call on a connection of its own: status, body, seconds."""
        began = time.perf_counter()
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            status, body = await self.ask(reader, writer)
        finally:
            writer.close()
        return status, body, time.perf_counter() - began

    async def state(self) -> dict[str, float]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(b"GET /_state HTTP/1.1\r\nhost: x\r\n\r\n")
        _, body = await response(reader)
        writer.close()
        found: dict[str, float] = json.loads(body)
        return found


@dataclass
class Load:
    """What a round of load showed."""

    seconds: list[float] = field(default_factory=list)
    failures: int = 0
    took: float = 0.0

    @property
    def rate(self) -> float:
        return len(self.seconds) / self.took

    def quantile(self, share: float) -> float:
        return sorted(self.seconds)[min(len(self.seconds) - 1, int(share * len(self.seconds)))]


async def response(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    status = int(head.split()[1])
    if "content-length:" in head:
        length = int(head.split("content-length:")[1].split("\r\n")[0])
        return status, await reader.readexactly(length)
    body = b""
    while True:
        size = int(await reader.readuntil(b"\r\n"), 16)
        body += (await reader.readexactly(size + 2))[:-2]
        if not size:
            return status, body


def whole(status: int, body: bytes) -> bool:
    """Whether a stream has ended as it should."""
    return status == 200 and b'"finish_reason": "stop"' in body and body.endswith(b"data: [DONE]\n\n")


@contextmanager
def side(name: str, *options: str) -> Iterator[Side]:
    command = [sys.executable, str(Path(__file__).with_name("serving_sides.py")), name, *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        port, key = process.stdout.readline().split()
        began = time.perf_counter()
        while True:  # the address is known a moment before it is listened on
            try:
                socket.create_connection(("127.0.0.1", int(port))).close()
                break
            except ConnectionRefusedError:
                if time.perf_counter() - began > 30:
                    raise
                time.sleep(0.05)
        yield Side(int(port), key)
    finally:
        process.terminate()
        process.wait(timeout=30)


async def load(server: Side, connections: int, seconds: float) -> Load:
    """Every connection asks again as soon as it is answered."""
    found, began = Load(), time.perf_counter()
    until = began + seconds

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        while time.perf_counter() < until:
            asked = time.perf_counter()
            status, body = await server.ask(reader, writer)
            found.seconds.append(time.perf_counter() - asked)
            found.failures += not whole(status, body)
        writer.close()

    await asyncio.gather(*(connection() for _ in range(connections)))
    found.took = time.perf_counter() - began
    return found


async def until(true: object, seconds: float) -> float:
    """Seconds until `true()` holds; infinite where it does not in time."""
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        if await true():  # type: ignore[operator]
            return time.perf_counter() - began
        await asyncio.sleep(0.01)
    return float("inf")


class Verdicts:
    """Aims and whether they were met."""

    def __init__(self) -> None:
        self.missed = 0

    def say(self, met: bool, text: str, *, aim: bool = True) -> None:
        self.missed += aim and not met
        print(f"{('met   ' if met else 'MISSED') if aim else '      '} {text}", flush=True)


async def beside_the_proxy(verdicts: Verdicts, pace: str, seconds: float, rounds: int) -> None:
    with side("service", "--pace", pace) as ours, side("proxy", "--pace", pace) as bare:
        for one in (ours, bare):
            await load(one, 32, 1.0)
        before = (await ours.state())["megabytes"]
        pairs = [(await load(ours, 32, seconds), await load(bare, 32, seconds)) for _ in range(rounds)]
        after = (await ours.state())["megabytes"]
    rate = statistics.median(mine.rate / its.rate for mine, its in pairs)
    tail = statistics.median(mine.quantile(0.99) / its.quantile(0.99) for mine, its in pairs)
    calls, failures = sum(len(mine.seconds) for mine, _ in pairs), sum(mine.failures for mine, _ in pairs)
    mine, its = pairs[-1]
    shown = f"{mine.rate:.0f} and {its.rate:.0f} replies/s, p99 {mine.quantile(0.99) * 1e3:.0f} and "
    print(f"32 connections, a token every {float(pace) * 1e3:.0f} ms: {shown}{its.quantile(0.99) * 1e3:.0f} ms")
    verdicts.say(rate >= 0.3, f"{rate:.2f} of the proxy's rate (aim 0.3)", aim=float(pace) > 0)
    verdicts.say(tail <= 4, f"p99 {tail:.2f} times the proxy's (aim 4)", aim=float(pace) > 0)
    verdicts.say(not failures, f"{failures} failures in {calls} replies")
    verdicts.say(after - before < 30, f"memory {before:.0f} MB, after {calls} replies {after:.0f} MB")


async def many_at_once(verdicts: Verdicts) -> None:
    with side("service", "--pace", "0.01") as ours:
        await ours.once()
        answers = await asyncio.gather(*(ours.once() for _ in range(200)))
        good = sum(whole(status, body) for status, body, _ in answers)
        slowest = max(seconds for _, _, seconds in answers)
        verdicts.say(good == 200, f"{good} of 200 streams at once ended in order, the last after {slowest:.1f} s")


async def overload(verdicts: Verdicts) -> None:
    """Nine times the places beside those that are taken: one upon the other, and all in one instant."""
    with side("refusal") as bare:
        floor = {at_once: await refusals(bare, 288, at_once) for at_once in (16, 288)}
    found: dict[int, Timed] = {}
    good, recovered = 0, 0.0
    with side("service", "--pace", "0.05", "--answers", "32") as ours:
        await ours.once()
        for at_once in (16, 288):
            asker = await asking(ours, 288, at_once)
            busy = [asyncio.create_task(ours.once()) for _ in range(32)]
            await until(lambda: _under_way(ours, 32), 10)
            found[at_once] = await told(asker)
            good += sum(whole(status, body) for status, body, _ in await asyncio.gather(*busy))
            recovered = max(recovered, await until(lambda: _answers(ours), 5))
    for at_once, how in ((16, "one upon the other"), (288, "in one instant")):
        refused = [seconds for status, seconds in found[at_once] if status in (429, 503)]
        others = sum(status not in (200, 429, 503) for status, _ in found[at_once])
        slowest, usual = (of(refused) * 1e3 if refused else float("inf") for of in (max, statistics.median))
        verdicts.say(
            slowest < 100 and not others and len(refused) > 200,
            f"overload, {how}: {len(refused)} of 288 refused, the slowest in {slowest:.0f} ms (aim 100), half in "
            f"{usual:.0f}; a server that does nothing but refuse: {max(s for _, s in floor[at_once]) * 1e3:.0f}",
            aim=at_once == 16,  # in one instant, what uvicorn needs to read 288 requests is most of it
        )
    verdicts.say(good == 64, f"{good} of the 64 under way ended in order")
    verdicts.say(recovered < 5, f"recovered after {recovered:.2f} s (aim 5)")


async def price_of_refusing(verdicts: Verdicts) -> None:
    """Processor time of a refusal where nothing else is done."""
    number, took = 2_000, []
    for name, options in (("service", ("--answers", "0")), ("refusal", ())):
        with side(name, *options) as server:
            await refusals(server, 64, 16)
            before = (await server.state())["processor"]
            for _ in range(4):
                await refusals(server, number // 4, 16)
            took.append(((await server.state())["processor"] - before) / number)
    shown = f"{took[0] * 1e3:.2f} ms of the service's processor, {took[1] * 1e3:.2f} of a server that does nothing else"
    verdicts.say(True, f"a refusal takes {shown} (connecting included)", aim=False)


async def asking(server: Side, number: int, at_once: int) -> asyncio.subprocess.Process:
    """A process that is connected `number` times and waits to be told to ask."""
    script = str(Path(__file__).with_name("serving_refusals.py"))
    asker = await asyncio.create_subprocess_exec(
        sys.executable, script, str(server.port), server.key, str(number), str(at_once), stdin=-1, stdout=-1
    )
    assert asker.stdout is not None
    await asker.stdout.readline()
    return asker


async def told(asker: asyncio.subprocess.Process) -> Timed:
    """What the process was answered: status and seconds of each request."""
    said, _ = await asker.communicate(b"\n")
    return [(status, seconds) for status, seconds in json.loads(said)]


async def refusals(server: Side, number: int, at_once: int) -> Timed:
    return await told(await asking(server, number, at_once))


async def dropped(verdicts: Verdicts) -> None:
    with side("service", "--pace", "0.2", "--answers", "128") as ours:
        await ours.once()
        pairs = [await asyncio.open_connection("127.0.0.1", ours.port) for _ in range(100)]
        asked = [asyncio.create_task(ours.ask(*pair)) for pair in pairs]
        begun = await until(lambda: _under_way(ours, 100), 10)
        await asyncio.sleep(1.2)  # in the middle: words have been shown
        for task, (_, writer) in zip(asked, pairs, strict=True):
            task.cancel()
            writer.transport.abort()
        free = await until(lambda: _under_way(ours, 0), 5)
        state = await ours.state()
    verdicts.say(
        begun < 10 and free < 1 and state["drawing"] == 0,
        f"100 streams dropped midway: places free after {free:.2f} s (aim 1), {state['drawing']:.0f} still drawn",
    )


async def _under_way(server: Side, number: int) -> bool:
    return (await server.state())["under_way"] == number


async def _answers(server: Side) -> bool:
    status, body, _ = await server.once()
    return whole(status, body)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    verdicts = Verdicts()
    print(f"load of the machine at the start {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    for pace in ("0.01", "0"):
        asyncio.run(beside_the_proxy(verdicts, pace, chosen.seconds, chosen.rounds))
    asyncio.run(many_at_once(verdicts))
    asyncio.run(overload(verdicts))
    asyncio.run(price_of_refusing(verdicts))
    asyncio.run(dropped(verdicts))
    sys.exit(1 if verdicts.missed else 0)


if __name__ == "__main__":
    main()

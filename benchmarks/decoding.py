"""The end engine beside `transformers.generate`, in one run: first token and tokens a second at 1, 8 and 32 streams.

    python benchmarks/decoding.py --shop SHOP [--version VERSION] [--rounds 3] [--cloud]

SHOP is a trained shop, such as the one `make demo` leaves. Both sides have the same base, the same LoRA version by the
same PEFT, the same prompts and greedy decoding. A stream asks its next question when its reply has ended.

The peer is asked in the two ways a server can use it: *in turn* (it answers one request at a time, as they came) and
*in batches* (it takes as many as there are streams, padded at the left, and all wait for the longest). The best of
both counts. Two kinds of prompts: *short*, as the shop's customers asked, each cold; and *long*, with the shop's
policies and catalogue in front as a real base would have them, first cold, then with that beginning read before.
Rounds alternate between the sides and medians count, so that a busy machine disturbs all alike.

Last, one customer at a time, the seconds to the first words and to the whole reply from the end and from the cloud, as
the service asks it: the teacher's prompt, masked, over HTTP. By default that is the bundled stand-in on loopback, which
is no large model and far from nobody: its row shows what the way to a cloud takes on this machine and says nothing of
how long a cloud takes. `--cloud` asks the one that the shop's settings name instead, at its price.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import StoppingCriteria, StoppingCriteriaList

from endcloud.assembly.cloud import teacher_of
from endcloud.assembly.shop import Shop
from endcloud.bundled import standin_cloud
from endcloud.cloud.client import OpenAICloud
from endcloud.cloud.teacher import Teacher
from endcloud.end.continuous import stop_ids_of
from endcloud.end.generation import LocalEndModel
from endcloud.end.residents import BASE
from endcloud.privacy.guard import Guard
from endcloud.testing.memory_ledger import MemoryLedger
from endcloud.testing.silent_progress import SilentProgress
from endcloud.types import Delta, Example, Message, Request, Sampling

STREAMS = (1, 8, 32)
QUESTIONS = 4
"""Questions that a stream asks one after the other."""
ALONE = 40
"""Questions asked of the end and of the cloud, one after the other."""
SAMPLING = Sampling(max_tokens=64)
Prompts = Sequence[Sequence[Message]]


@dataclass
class Seen:
    """What was measured in one round: seconds to the first token of each reply, tokens drawn, seconds in all."""

    first: list[float] = field(default_factory=list)
    tokens: int = 0
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        return self.tokens / self.seconds


async def engine_streams(model: LocalEndModel, prompts: Prompts, streams: int) -> Seen:
    """Every stream asks its questions one after the other; all streams at once."""
    seen, waiting = Seen(), list(reversed(prompts))

    async def stream() -> None:
        while waiting:
            began, heard = time.perf_counter(), False
            async for delta in model.stream(Request(tuple(waiting.pop()), sampling=SAMPLING)):
                if not heard:
                    seen.first.append(time.perf_counter() - began)
                    heard = True
                seen.tokens += len(delta.drawn)

    began = time.perf_counter()
    await asyncio.gather(*(stream() for _ in range(streams)))
    seen.seconds = time.perf_counter() - began
    return seen


class FirstToken(StoppingCriteria):
    """Notes when the first token was there; stops nothing."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self, input_ids: torch.Tensor, scores: Any, **kwargs: Any) -> torch.Tensor:
        self.at = self.at or time.perf_counter()
        return torch.zeros(input_ids.shape[0], dtype=torch.bool, device=input_ids.device)


class Peer:
    """`transformers.generate` on the same base and version."""

    def __init__(self, shop: Shop, model: LocalEndModel) -> None:
        base = shop.base
        tree: Any = base.tree()
        if model.version != BASE:
            tree = PeftModel.from_pretrained(tree, str(shop.versions.path(model.version))).eval()
        self._tree, self._model = tree, model
        self._stops = sorted(stop_ids_of(model._shared.format, base.model))

    def streams(self, prompts: Prompts, streams: int, at_once: int) -> Seen:
        """Batches of `at_once` requests, each begun when the one before has ended.

        A stream has asked when its last reply had ended, and waits for those before it from then on.
        """
        seen, began = Seen(), time.perf_counter()
        ended = [began] * streams  # when each of the last replies had ended, and its stream had asked again
        for start in range(0, len(prompts), at_once):
            asked, stamp = prompts[start : start + at_once], FirstToken()
            seen.tokens += self._generate(asked, stamp)
            seen.first += [stamp.at - since for since in ended[: len(asked)]]
            ended = [*ended[len(asked) :], *[time.perf_counter()] * len(asked)]
        seen.seconds = time.perf_counter() - began
        return seen

    @torch.inference_mode()
    def _generate(self, prompts: Prompts, stamp: FirstToken) -> int:
        resident = self._model.engine.residents.lease(self._model.version)
        assert resident is not None
        format = self._model._shared.format
        ids = [self._model._flight(resident, one, SAMPLING, lambda _: None).row.prompt for one in prompts]
        self._model.engine.residents.release(resident)
        longest = max(map(len, ids))
        padded = torch.tensor([[0] * (longest - len(one)) + list(one) for one in ids])
        mask = torch.tensor([[0] * (longest - len(one)) + [1] * len(one) for one in ids])
        written = self._tree.generate(
            input_ids=padded,
            attention_mask=mask,
            max_new_tokens=SAMPLING.max_tokens,
            do_sample=False,
            eos_token_id=self._stops,
            pad_token_id=format.stop_ids[0] if isinstance(format.stop_ids, list | tuple) else self._stops[0],
            stopping_criteria=StoppingCriteriaList([stamp]),
        )[:, longest:]
        stops = torch.isin(written, torch.tensor(self._stops))
        return int(((stops.cumsum(dim=1) - stops.long()) == 0).sum())  # up to the first stop token, itself included


def questions(shop: Shop, number: int) -> list[list[Message]]:
    """What the shop's customers asked, no conversation twice."""
    found: list[list[Message]] = []
    for example in shop.examples():
        messages = list(example.messages)
        if messages not in found:
            found.append(messages)
        if len(found) == number:
            return found
    raise SystemExit(f"The shop has only {len(found)} conversations; {number} are needed.")


def long_beginning(shop: Shop) -> str:
    """The shop's policies and catalogue as a system sentence."""
    rows = shop.directory.catalogue.read_text(encoding="utf-8").splitlines()
    return "\n".join([shop.role, *shop.policies.lines, *rows])


def measured(model: LocalEndModel, peer: Peer, prompts: Prompts, streams: int, warm: bool) -> dict[str, Seen]:
    """One round of all three sides on the same prompts."""
    prefixes = model.engine._batch.prefixes
    prefixes.forget(model.version)
    if warm:
        asyncio.run(engine_streams(model, [[Message("user", "你好")]], 1))
    found = {"engine": asyncio.run(engine_streams(model, prompts, streams))}
    found["in turn"] = peer.streams(prompts, streams, 1)
    found["in batches"] = peer.streams(prompts, streams, streams) if streams > 1 else found["in turn"]
    return found


def against_the_cloud(shop: Shop, model: LocalEndModel, teacher: Teacher, asked: Sequence[Example]) -> None:
    """A line for each: one question after the other, the first of which warms up and does not count."""

    def end(example: Example) -> AsyncIterator[Delta]:
        return model.stream(Request(tuple(example.messages), sampling=SAMPLING))

    async def cloud(example: Example) -> AsyncIterator[Delta]:
        prompt = await asyncio.to_thread(lambda: next(teacher.prompts([example])))
        async for delta in teacher.cloud.stream(prompt.request):
            yield delta

    async def timed(deltas: AsyncIterator[Delta]) -> tuple[float, float]:
        began, first = time.perf_counter(), 0.0
        async for delta in deltas:
            first = first or (time.perf_counter() - began if delta.text else 0.0)
        return first, time.perf_counter() - began

    async def all_of() -> dict[str, list[tuple[float, float]]]:
        return {
            name: [await timed(ask(example)) for example in asked][1:]
            for name, ask in (("end", end), (teacher.cloud.name, cloud))
        }

    for name, found in asyncio.run(all_of()).items():
        firsts, wholes = (sorted(seconds) for seconds in zip(*found, strict=True))
        tail = int(0.95 * len(found))
        print(
            f"{name:<22} {len(found):>3} | first words {statistics.median(firsts) * 1e3:.0f} ms (p95 "
            f"{firsts[tail] * 1e3:.0f}), whole reply {statistics.median(wholes) * 1e3:.0f} ms (p95 "
            f"{wholes[tail] * 1e3:.0f})"
        )


def cloud_of(shop: Shop, held: ExitStack, real: bool) -> Teacher:
    """The teacher on the cloud of the shop's settings, or on a stand-in that leaves nothing in the shop's ledger."""
    if real:
        return shop.teacher
    client = OpenAICloud(held.enter_context(standin_cloud.running()), "standin-cloud", "")
    return teacher_of(shop, Guard(client, shop.masker, MemoryLedger()))


def report(name: str, streams: int, rounds: list[dict[str, Seen]]) -> None:
    """One line: medians over the rounds, and the ratio of each round's engine to the better peer of that round."""
    rates = {side: statistics.median(one[side].rate for one in rounds) for side in rounds[0]}
    firsts = {side: statistics.median(statistics.median(one[side].first) for one in rounds) for side in rounds[0]}
    faster = statistics.median(one["engine"].rate / max(one["in turn"].rate, one["in batches"].rate) for one in rounds)
    sooner = statistics.median(
        min(statistics.median(one[side].first) for side in ("in turn", "in batches"))
        / statistics.median(one["engine"].first)
        for one in rounds
    )
    print(
        f"{name:<22} {streams:>3} | {rates['engine']:>7.0f} {rates['in turn']:>8.0f} {rates['in batches']:>11.0f}"
        f" {faster:>6.2f} | {firsts['engine'] * 1e3:>8.1f} {firsts['in turn'] * 1e3:>8.1f}"
        f" {firsts['in batches'] * 1e3:>11.1f} {sooner:>6.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shop", type=Path, required=True)
    parser.add_argument(
        "--version", default="", help="a version's digest or its beginning; empty is the one in service"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--streams", type=int, nargs="*", default=STREAMS)
    parser.add_argument("--cloud", action="store_true", help="ask the cloud of the shop's settings, at its price")
    chosen = parser.parse_args()
    with Shop.open(chosen.shop, SilentProgress()) as shop:
        model = shop.end_model(chosen.version)
        peer = Peer(shop, model)
        asked = questions(shop, max(chosen.streams) * QUESTIONS)
        print(f"version {model.version}, {torch.get_num_threads()} threads, load {os.getloadavg()[0]:.1f}")
        print(f"{'':<22} {'':>3} | tokens/s                          | first token, ms (median)")
        sides = f"{'engine':>7} {'in turn':>8} {'in batches':>11} {'ratio':>6}"
        print(f"{'prompts':<22} {'n':>3} | {sides} |  {sides}")
        for streams in chosen.streams:
            prompts = asked[: streams * QUESTIONS]
            rounds = [measured(model, peer, prompts, streams, warm=False) for _ in range(chosen.rounds)]
            report("short, cold", streams, rounds)
        with ExitStack() as held:
            print("one customer at a time; " + ("" if chosen.cloud else "the cloud is a stand-in, no latency added"))
            against_the_cloud(shop, model, cloud_of(shop, held, chosen.cloud), shop.examples()[: 1 + ALONE])
        residents = model.engine.residents
        if model.version != BASE:  # the version as it is, but with room for a long prompt
            known = residents._loaded[model.version]
            residents._loaded[model.version] = replace(known, system=long_beginning(shop), input_tokens=900)
        for streams in chosen.streams:
            prompts = asked[: streams * 2]
            for name, warm in (("long, cold", False), ("long, prefix shared", True)):
                rounds = [measured(model, peer, prompts, streams, warm) for _ in range(chosen.rounds)]
                report(name, streams, rounds)
        state = model.engine.state()
        print(f"prefix hits {state.prefix_hits}, tokens not read again {state.prefix_tokens_saved}")


if __name__ == "__main__":
    main()

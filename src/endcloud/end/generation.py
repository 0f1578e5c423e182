"""The end model in service: answers as one version, streamed or many at once.

Versions stand beside each other on the shared weights of the base, and none is ever swapped in place: a request is
answered to its end by the version it began with. A version brings its own system sentence and input length,
since it learned behind them. All versions on one base share one engine, which owns the device.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue

from endcloud.end.base_model import BaseModel
from endcloud.end.chat_format import ChatFormat, with_system
from endcloud.end.continuous import Row, generator, stop_ids_of
from endcloud.end.engine import Engine, Flight, Listener
from endcloud.end.residents import BASE, Resident, Residents
from endcloud.protocols import Progress, Versions
from endcloud.types import Delta, Drawn, Message, Reply, Request, Sampling, Tokens

_BYTE_TOKEN = re.compile(r"<0x[0-9A-F]{2}>")


@dataclass(frozen=True)
class _Shared:
    """What all versions on one base share: the engine, and how ids become text."""

    engine: Engine
    format: ChatFormat
    byte_ids: frozenset[int]


class LocalEndModel:
    """The end model on this machine, answering as `version`; implements `protocols.EndModel`.

    `system` and `input_tokens` are those of the bare base; a trained version has its own in its settings. At most
    `rows` replies are drawn at once.
    """

    def __init__(
        self,
        base: BaseModel,
        versions: Versions,
        *,
        system: str,
        version: str = BASE,
        input_tokens: int = 256,
        rows: int = 64,
    ) -> None:
        format = ChatFormat(base.tokenizer)
        residents = Residents(base, versions, system, input_tokens)
        engine = Engine(residents, stop_ids_of(format, base.model), rows=rows)
        vocabulary = base.tokenizer.get_vocab()
        byte_ids = frozenset(index for token, index in vocabulary.items() if _BYTE_TOKEN.fullmatch(token))
        self._shared = _Shared(engine, format, byte_ids)
        self.name, self.version = base.label, version
        self.check(version)

    @property
    def engine(self) -> Engine:
        return self._shared.engine

    def check(self, version: str) -> None:
        """Loads a version beside the others; raises VersionError where it is broken or for another base."""
        self.engine.residents.release(self.engine.hold(version))

    def at(self, version: str) -> LocalEndModel:
        """The same base answering as another version, loaded beside this one."""
        self.check(version)
        other = object.__new__(LocalEndModel)
        other._shared, other.name, other.version = self._shared, self.name, version
        return other

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        """Streams one reply. Abandoning the stream frees its place before the next token."""
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[tuple[int, Row, BaseException | None]] = asyncio.Queue()

        def hand_over(flight: Flight) -> None:
            item = (len(flight.row.logprobs), flight.row, flight.error)
            with suppress(RuntimeError):  # the reader's loop has ended, and nobody listens any more
                loop.call_soon_threadsafe(queue.put_nowait, item)

        residents = self.engine.residents
        resident = residents.lease(self.version)
        if resident is None:
            resident = await asyncio.to_thread(self.engine.hold, self.version)
        try:
            flight = self._flight(resident, request.messages, request.sampling, hand_over)
            self.engine.submit(flight)
        finally:
            residents.release(resident)
        text = _Text(self._shared)
        try:
            while True:
                drawn, row, error = await queue.get()
                if error is not None:
                    raise error
                delta = text.next(row, drawn)
                yield delta
                if delta.finish is not None:
                    return
        finally:
            self.engine.abandon(flight)

    def answer_all(
        self, conversations: Sequence[Sequence[Message]], sampling: Sampling, progress: Progress
    ) -> list[Reply]:
        """Answers many conversations, as many at once as the engine takes; the replies are in the order given.

        With a seed, a reply depends on its place in the list, not on its neighbours (exactly so in float32).
        """
        ended: SimpleQueue[Flight] = SimpleQueue()

        def hand_over(flight: Flight) -> None:
            if flight.error is not None or flight.row.finish is not None:
                ended.put(flight)

        began = time.monotonic()
        resident = self.engine.hold(self.version)
        flights: list[Flight] = []
        try:
            for number, messages in enumerate(conversations):
                flights.append(self._flight(resident, messages, sampling, hand_over, number))
            # Those of like length together: short prompts are not filled up to long ones.
            for flight in sorted(flights, key=lambda flight: len(flight.row.prompt)):
                self.engine.submit(flight)
            with progress.task(f"answer as {self.version}", len(flights), "replies") as task:
                for _ in flights:
                    if (error := ended.get().error) is not None:
                        raise error
                    task.advance()
        finally:
            for flight in flights:
                self.engine.abandon(flight)
            self.engine.residents.release(resident)
        seconds = (time.monotonic() - began) / max(1, len(flights))
        return [self._reply(flight.row, seconds) for flight in flights]

    def _flight(
        self,
        resident: Resident,
        messages: Sequence[Message],
        sampling: Sampling,
        listener: Listener,
        number: int = 0,
    ) -> Flight:
        """A reply to be drawn, its prompt as in training: behind the version's sentence, at most its input length."""
        prompt = self._shared.format.prompt_ids(with_system(resident.system, messages), resident.input_tokens)
        return Flight(Row(prompt, resident, sampling, generator(sampling.seed, number)), listener)

    def _reply(self, row: Row, seconds: float) -> Reply:
        return Reply(
            text=self._shared.format.text_of(row.ids),
            author="end",
            model=self.name,
            version=self.version,
            finish=row.finish or "length",
            confidence=row.confidence,
            seconds=seconds,
            tokens=Tokens(len(row.prompt), len(row.ids), row.cached),
        )


class _Text:
    """The text of one reply piece by piece; a character is held back until all its bytes are there."""

    def __init__(self, shared: _Shared) -> None:
        self._shared = shared
        self._sent = ""
        self._told = 0

    def next(self, row: Row, drawn: int) -> Delta:
        """What is new after `drawn` tokens, the stop token counted. The row may be further already."""
        ended = row.finish is not None and drawn == len(row.logprobs)
        ids = row.ids[:drawn]
        news = tuple(
            Drawn(logprob, margin)
            for logprob, margin in zip(row.logprobs[self._told : drawn], row.margins[self._told : drawn], strict=True)
        )
        self._told = drawn
        tokens = Tokens(len(row.prompt), len(ids), row.cached)
        if ended:
            return Delta(self._shared.format.text_of(ids)[len(self._sent) :], row.finish, tokens, news)
        text = self._shared.format.text_so_far(settled(ids, self._shared.byte_ids)).rstrip("\ufffd")
        if not text.startswith(self._sent):
            return Delta("", None, tokens, news)
        piece, self._sent = text[len(self._sent) :], text
        return Delta(piece, None, tokens, news)


def settled(ids: Sequence[int], byte_ids: frozenset[int]) -> Sequence[int]:
    """The ids whose text later ones cannot change: a run of byte tokens at the end may yet become another character."""
    end = len(ids)
    while end and ids[end - 1] in byte_ids:
        end -= 1
    return ids[:end]

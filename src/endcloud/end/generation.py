"""The end model in service: answers as one version, streamed or many at once.

Every version has a module tree of its own on the shared weights of the base (`BaseModel.tree`), so versions
stand beside each other and none is ever swapped in place: a request is answered to its end by the version it
began with. A version brings its own system sentence and input length, since it learned behind them. One thread
owns the device; whoever asks waits for it.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event, Lock

import torch
from transformers import PreTrainedModel

from endcloud.end import versions as version_files
from endcloud.end.adapters import PROMPT_KEY, attach, check_state, load_lora
from endcloud.end.base_model import BaseModel
from endcloud.end.chat_format import ChatFormat, with_system
from endcloud.end.decoding import Draft, batches_by_length, decode, decode_all, settled, stop_ids_of
from endcloud.end.methods import LoRA
from endcloud.protocols import Progress, Versions
from endcloud.types import Delta, Message, Reply, Request, Sampling, Tokens

BASE = "base"
"""The name of the bare model, beside the digests of versions."""

_BYTE_TOKEN = re.compile(r"<0x[0-9A-F]{2}>")
_BATCH_ROWS = 64
_BATCH_TOKENS = 16_384


@dataclass(frozen=True)
class Answering:
    """A version ready to answer: its tree, its flat key/values if it is a prompt method, and how it is asked."""

    model: PreTrainedModel
    key_values: torch.Tensor | None
    system: str
    input_tokens: int


class _Engine:
    """What all versions on one base share: the base, its format, the versions loaded, and the device's thread."""

    def __init__(self, base: BaseModel, versions: Versions, system: str, input_tokens: int) -> None:
        self.base, self.versions = base, versions
        self.format = ChatFormat(base.tokenizer)
        self.stop_ids = stop_ids_of(self.format, base.model)
        self.byte_ids = frozenset(
            index for token, index in base.tokenizer.get_vocab().items() if _BYTE_TOKEN.fullmatch(token)
        )
        self.bare = Answering(base.tree(), None, system, input_tokens)
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="end-model")
        self._loaded: dict[str, Answering] = {BASE: self.bare}
        self._lock = Lock()

    def answering(self, version: str) -> Answering:
        """Loads a version once. Raises VersionError where it is incomplete, broken or for another base."""
        with self._lock:
            if version not in self._loaded:
                self._loaded[version] = self._load(version)
            return self._loaded[version]

    def forget(self, version: str) -> None:
        with self._lock:
            if version != BASE:
                self._loaded.pop(version, None)

    def _load(self, digest: str) -> Answering:
        path = self.versions.path(digest)
        version = version_files.verify(path, self.base.digest)
        method, state = version_files.method_of(version), version_files.weights_of(path)
        system = str(version.settings.get("system", self.bare.system))
        input_tokens = int(version.settings.get("plan", {}).get("input_tokens", self.bare.input_tokens))
        if isinstance(method, LoRA):
            return Answering(load_lora(self.base, method, state), None, system, input_tokens)
        check_state(attach(self.base, method).served_state(), state)
        key_values = state[PROMPT_KEY].to(self.base.device, self.base.model.dtype)
        return Answering(self.bare.model, key_values, system, input_tokens)


class LocalEndModel:
    """The end model on this machine, answering as `version`; implements `protocols.EndModel`.

    `system` and `input_tokens` are those of the bare base; a trained version has its own in its settings.
    """

    def __init__(
        self, base: BaseModel, versions: Versions, *, system: str, version: str = BASE, input_tokens: int = 256
    ) -> None:
        self._engine = _Engine(base, versions, system, input_tokens)
        self._engine.answering(version)
        self.name, self.version = base.label, version

    def at(self, version: str) -> LocalEndModel:
        """The same base answering as another version, loaded beside this one."""
        self._engine.answering(version)
        other = object.__new__(LocalEndModel)
        other._engine, other.name, other.version = self._engine, self.name, version
        return other

    def forget(self, version: str) -> None:
        """Frees a version's weights; it is loaded again when asked for."""
        self._engine.forget(version)

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        """Streams one reply. Abandoning the stream stops the model after the token it is at."""
        loop, abandoned = asyncio.get_running_loop(), Event()
        queue: asyncio.Queue[Delta | BaseException] = asyncio.Queue()

        def put(item: Delta | BaseException) -> None:
            loop.call_soon_threadsafe(queue.put_nowait, item)

        def work() -> None:
            try:
                for delta in self._deltas(request, abandoned):
                    put(delta)
            except BaseException as error:  # handed to whoever asked, who raises it
                put(error)

        self._engine.thread.submit(work)
        try:
            while True:
                item = await queue.get()
                if isinstance(item, BaseException):
                    raise item
                yield item
                if item.finish is not None:
                    return
        finally:
            abandoned.set()

    def answer_all(
        self, conversations: Sequence[Sequence[Message]], sampling: Sampling, progress: Progress
    ) -> list[Reply]:
        """Answers many conversations in batches of like length; the replies are in the order given.

        With a seed, a reply depends on its place in the list, not on its batch (exactly so in float32).
        """
        answering = self._engine.answering(self.version)
        prompts = [self._prompt(answering, conversation) for conversation in conversations]
        replies: dict[int, Reply] = {}
        prefix = 0 if answering.key_values is None else answering.key_values.shape[0]
        chunks = batches_by_length([len(prompt) for prompt in prompts], _BATCH_ROWS, _BATCH_TOKENS, prefix)
        with progress.task(f"answer as {self.version}", len(prompts), "replies") as task:
            for numbers in chunks:
                began = time.monotonic()
                drafts = self._engine.thread.submit(
                    decode_all,
                    answering.model,
                    answering.key_values,
                    [prompts[number] for number in numbers],
                    sampling,
                    self._engine.stop_ids,
                    numbers,
                ).result()
                seconds = (time.monotonic() - began) / len(numbers)
                for number, draft in zip(numbers, drafts, strict=True):
                    replies[number] = self._reply(draft, len(prompts[number]), seconds)
                task.advance(len(numbers))
        return [replies[number] for number in range(len(prompts))]

    def _deltas(self, request: Request, abandoned: Event) -> Iterator[Delta]:
        """The pieces of one reply, in the device's thread; a character is held back until all its bytes are there."""
        answering = self._engine.answering(self.version)
        prompt = self._prompt(answering, request.messages)
        draft, sent = Draft(), ""
        for [draft] in decode(answering.model, answering.key_values, [prompt], request.sampling, self._engine.stop_ids):
            if abandoned.is_set():
                return
            text = self._engine.format.text_of(settled(draft.ids, self._engine.byte_ids)).rstrip("\ufffd")
            if text != sent and text.startswith(sent):
                yield Delta(text[len(sent) :])
                sent = text
        rest = self._engine.format.text_of(draft.ids)[len(sent) :]
        yield Delta(rest, draft.finish, Tokens(len(prompt), len(draft.ids)))

    def _reply(self, draft: Draft, prompt: int, seconds: float) -> Reply:
        return Reply(
            text=self._engine.format.text_of(draft.ids),
            author="end",
            model=self.name,
            version=self.version,
            finish=draft.finish,
            confidence=draft.confidence,
            seconds=seconds,
            tokens=Tokens(prompt, len(draft.ids)),
        )

    def _prompt(self, answering: Answering, messages: Sequence[Message]) -> list[int]:
        """The prompt as in training: behind the version's sentence, at most its input length."""
        return self._engine.format.prompt_ids(with_system(answering.system, messages), answering.input_tokens)

"""A shop in memory: the stages of the loop in their simplest form, so that the loop itself can be run."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from endcloud.errors import SourceError
from endcloud.protocols import ChatModel, Label, Masker
from endcloud.testing.echoing_end import EchoingEnd
from endcloud.testing.memorising_trainer import MemorisingTrainer
from endcloud.testing.memory_budget import MemoryBudget
from endcloud.testing.memory_labels import MemoryLabels
from endcloud.testing.memory_versions import MemoryVersions
from endcloud.testing.overlap_scorer import OverlapScorer
from endcloud.testing.silent_progress import SilentProgress
from endcloud.types import AdapterVersion, Example, Message, Request, Sampling, Score


class MemoryShop:
    """Every stage that `endcloud.loop.run` needs, with no network, no GPU and no key.

    A source is a text file with one `question TAB answer` a line. `cloud` is asked in clear text: hand it a
    guard around a `ScriptedCloud`. The end model learns by heart, so every example is both trained on and
    judged by: this shows that the loop turns, not that anything is learned.
    """

    def __init__(self, cloud: ChatModel, masker: Masker, *, budget: float = 1.0) -> None:
        self.examples: list[Example] = []
        self.labels = MemoryLabels()
        self.budget = MemoryBudget(budget)
        self.versions = MemoryVersions()
        self.progress = SilentProgress()
        self._cloud = cloud
        self._masker = masker
        self._placeholders: dict[str, frozenset[str]] = {}
        self._learned: dict[str, dict[str, str]] = {}

    def prepare(self, sources: Sequence[Path]) -> int:
        for source in sources:
            for number, line in enumerate(source.read_text(encoding="utf-8").splitlines(), start=1):
                self.examples.append(self._example(line, source.name, number))
        return len(self.examples)

    def teach(self) -> int:
        return asyncio.run(self._teach())

    def train(self, method: str) -> AdapterVersion:
        labels = self.labels.of(example.id for example in self.examples)
        taught = [replace(example, reply=labels[example.id].text, origin="cloud") for example in self.examples]
        return MemorisingTrainer(self._learned, self.versions).train(taught, [], self.progress)

    def judge(self, versions: Sequence[AdapterVersion]) -> Mapping[str, float]:
        return {digest: self._score(digest) for digest in ["base", *(version.digest for version in versions)]}

    def promote(self, version: AdapterVersion, reason: str) -> None:
        self.versions.stand(version.digest, "active", reason)

    def _example(self, line: str, source: str, number: int) -> Example:
        question, tab, answer = line.partition("\t")
        if not tab:
            raise SourceError(f"Line {number} of {source!r} is {line!r}: write a question, a TAB and its answer.")
        masked = self._masker.mask([Message("user", question), Message("assistant", answer)])
        name = f"{source}:{number}"
        self._placeholders[name] = masked.placeholders
        return Example(name, name, "", masked.messages[:1], masked.messages[1].content, "natural", source, "train")

    async def _teach(self) -> int:
        for example in self.examples:
            reservation = self.budget.reserve(0.0, "label")
            request = Request(
                example.messages,
                purpose="label",
                conversation=example.id,
                placeholders=self._placeholders[example.id],
            )
            text = "".join([delta.text async for delta in self._cloud.stream(request)])
            self.budget.settle(reservation, 0.0)
            at = datetime(2026, 1, 1, tzinfo=UTC)
            self.labels.add([Label(example.id, example.id, text, "", self._cloud.name, "", "a script", at)])
        return len(self.labels.rows)

    def _score(self, version: str) -> float:
        """The mean of Equation 1 over all examples, at the paper's α and Θ."""
        labels = self.labels.of(example.id for example in self.examples)
        conversations = [example.messages for example in self.examples]
        model = EchoingEnd(self._learned).at(version)
        replies = [reply.text for reply in model.answer_all(conversations, Sampling(), self.progress)]
        finals = []
        for example, reply in zip(self.examples, replies, strict=True):
            cloud = labels[example.id].text
            pairs = [(reply, cloud), (example.query, reply), (example.query, cloud)]
            similarity, relevance, cloud_relevance = OverlapScorer().score(pairs)
            final = Score(similarity, relevance, cloud_relevance).final(alpha=0.8, threshold=0.2)
            finals.append(0.0 if final is None else final)
        return sum(finals) / len(finals)

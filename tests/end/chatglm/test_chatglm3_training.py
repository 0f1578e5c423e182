"""The converted model learns by all three methods and answers in its own format, streamed and in batches."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from endcloud.end.base_model import BaseModel
from endcloud.end.generation import LocalEndModel
from endcloud.end.methods import LoRA, Method, PrefixTuning, PTuningV2, TrainingPlan
from endcloud.end.training import PeftTrainer
from endcloud.protocols import Progress
from endcloud.store.versions import StoredVersions
from endcloud.testing.tiny_base import SYSTEM, tiny_example
from endcloud.types import Message, Request, Sampling

METHODS: list[tuple[Method, float]] = [
    (LoRA(rank=8, dropout=0.0, targets="all"), 1e-2),
    (PTuningV2(8, start="random"), 0.3),
    (PrefixTuning(8, projection_size=64, start="random"), 3e-2),
]


async def streamed(model: LocalEndModel, messages: tuple[Message, ...], sampling: Sampling) -> list[str]:
    return [delta.text async for delta in model.stream(Request(messages, sampling))]


@pytest.mark.parametrize(("method", "rate"), METHODS, ids=[method.name for method, _ in METHODS])
def test_a_version_learns_a_sentence_and_answers_with_it(
    method: Method, rate: float, chatglm3: BaseModel, versions: StoredVersions, tmp_path: Path, progress: Progress
) -> None:
    example = tiny_example(0, reply="满59元包邮")
    plan = TrainingPlan(60, rate, rows=1, packing=False, check_every=60)
    trainer = PeftTrainer(chatglm3, method, plan, versions, system=SYSTEM, work=tmp_path / "work")
    version = trainer.train([example], [example], progress)
    model = LocalEndModel(chatglm3, versions, system=SYSTEM, version=version.digest)
    sampling = Sampling(temperature=0.0, max_tokens=24)
    (reply,) = model.answer_all([example.messages], sampling, progress)
    assert (reply.text, reply.finish) == ("满59元包邮", "stop")  # no metadata line, no space before it
    pieces = asyncio.run(streamed(model, example.messages, sampling))
    assert "".join(pieces) == reply.text and len([piece for piece in pieces if piece]) > 2

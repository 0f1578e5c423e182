"""The end model answers as the version asked for, the same streamed as in a batch, whoever its neighbours are."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from endcloud.end.base_model import BaseModel
from endcloud.end.continuous import stop_ids_of
from endcloud.end.generation import LocalEndModel
from endcloud.end.methods import LoRA, Method, PrefixTuning, PTuningV2, TrainingPlan
from endcloud.end.training import PeftTrainer
from endcloud.errors import VersionError
from endcloud.store.versions import StoredVersions
from endcloud.testing.silent_progress import SilentProgress
from endcloud.testing.tiny_base import SYSTEM, tiny_example
from endcloud.types import Delta, Message, Request, Sampling

EXAMPLES = [tiny_example(number) for number in range(12)]
CONVERSATIONS = [example.messages for example in EXAMPLES]
GREEDY = Sampling(max_tokens=12)
DRAWN = Sampling(temperature=1.5, top_p=0.9, max_tokens=12, seed=4)


def learned(
    base: BaseModel, versions: StoredVersions, work: Path, method: Method, rate: float, system: str = SYSTEM
) -> str:
    plan = TrainingPlan(12, rate, rows=2, check_every=12)
    return (
        PeftTrainer(base, method, plan, versions, system=system, work=work).train(EXAMPLES, [], SilentProgress()).digest
    )


async def collect(model: LocalEndModel, request: Request) -> list[Delta]:
    return [delta async for delta in model.stream(request)]


@pytest.fixture
def three(glm: BaseModel, versions: StoredVersions, tmp_path: Path) -> list[str]:
    return [
        learned(glm, versions, tmp_path, LoRA(dropout=0.0, targets="all"), 1e-3),
        learned(glm, versions, tmp_path, PrefixTuning(8), 1e-3),
        learned(glm, versions, tmp_path, PTuningV2(8), 1e-2),
    ]


def test_replies_are_those_of_the_models_own_generate(base: BaseModel, versions: StoredVersions) -> None:
    model = LocalEndModel(base, versions, system=SYSTEM)
    replies = model.answer_all(CONVERSATIONS[:4], GREEDY, SilentProgress())
    chat_format = model._shared.format
    for conversation, reply in zip(CONVERSATIONS, replies[:4], strict=False):
        ids = torch.tensor([chat_format.prompt_ids((Message("system", SYSTEM), *conversation))])
        made = base.model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False)
        expected = [int(index) for index in made[0, ids.shape[1] :] if int(index) not in chat_format.stop_ids]
        assert expected and reply.text == chat_format.text_of(expected)
        assert reply.tokens.prompt == ids.shape[1] and reply.tokens.completion == len(expected)
        assert reply.confidence is not None and reply.confidence < 0


@pytest.mark.parametrize("sampling", [GREEDY, DRAWN], ids=["greedy", "drawn"])
def test_a_reply_does_not_depend_on_its_neighbours_nor_on_streaming(
    glm: BaseModel, versions: StoredVersions, three: list[str], sampling: Sampling
) -> None:
    model = LocalEndModel(glm, versions, system=SYSTEM)
    texts = set()
    for version in ["base", *three]:
        at = model.at(version)
        together = at.answer_all(CONVERSATIONS, sampling, SilentProgress())
        first = at.answer_all(CONVERSATIONS[:1], sampling, SilentProgress())[0]
        assert first.text == together[0].text
        assert first.confidence == pytest.approx(together[0].confidence, abs=1e-5)
        deltas = asyncio.run(collect(at, Request(CONVERSATIONS[0], sampling=sampling)))
        assert "".join(delta.text for delta in deltas) == first.text
        assert [delta.finish for delta in deltas[:-1]] == [None] * (len(deltas) - 1)
        counted = [delta.tokens for delta in deltas if delta.tokens is not None]
        assert [one.completion for one in counted] == sorted(one.completion for one in counted)
        assert deltas[-1].finish == first.finish and counted[-1] == replace(
            first.tokens, cached=first.tokens.prompt - 1
        ), "the same prompt was read before, but for its last token"
        assert {reply.version for reply in together} == {version}
        texts.add(tuple(reply.text for reply in together))
    assert len(texts) == 4, "every version answers in its own way"


def test_a_prompt_method_answers_as_peft_does(glm: BaseModel, versions: StoredVersions, three: list[str]) -> None:
    from peft import PeftModel

    for version in three:
        model = LocalEndModel(glm, versions, system=SYSTEM, version=version)
        reply = model.answer_all(CONVERSATIONS[:1], GREEDY, SilentProgress())[0]
        peft = PeftModel.from_pretrained(glm.tree(), versions.path(version)).eval()
        ids = model._shared.format.prompt_ids((Message("system", SYSTEM), *CONVERSATIONS[0]))
        drawn: list[int] = []
        while len(drawn) < 12:
            row = torch.tensor([[*ids, *drawn]])
            chosen = int(peft(input_ids=row, attention_mask=torch.ones_like(row)).logits[0, -1].argmax())
            if chosen in stop_ids_of(model._shared.format, glm.model):
                break
            drawn.append(chosen)
        assert drawn and reply.text == model._shared.format.text_of(drawn)


def test_versions_stand_beside_each_other_undisturbed(
    glm: BaseModel, versions: StoredVersions, three: list[str]
) -> None:
    model = LocalEndModel(glm, versions, system=SYSTEM, version=three[0])
    alone = model.answer_all(CONVERSATIONS, GREEDY, SilentProgress())

    async def at_once() -> list[list[Delta]]:
        models = [model.at(version) for version in three * 2]
        return await asyncio.gather(*(collect(at, Request(CONVERSATIONS[0], sampling=GREEDY)) for at in models))

    streams = [[d.text for d in deltas] for deltas in asyncio.run(at_once())]
    assert streams[:3] == streams[3:]
    assert "".join(streams[0]) == alone[0].text
    assert [r.text for r in model.answer_all(CONVERSATIONS, GREEDY, SilentProgress())] == [r.text for r in alone]


def test_a_version_brings_its_own_system_sentence(glm: BaseModel, versions: StoredVersions, tmp_path: Path) -> None:
    version = learned(glm, versions, tmp_path, LoRA(dropout=0.0), 1e-3, system="你是另一家店的客服。")
    model = LocalEndModel(glm, versions, system=SYSTEM)
    mine, other = model, model.at(version)
    tokens = [m.answer_all(CONVERSATIONS[:1], GREEDY, SilentProgress())[0].tokens.prompt for m in (mine, other)]
    assert tokens[0] != tokens[1]


def test_an_abandoned_stream_frees_the_model(glm: BaseModel, versions: StoredVersions) -> None:
    model = LocalEndModel(glm, versions, system=SYSTEM)

    async def leave() -> list[Delta]:
        stream = model.stream(Request(CONVERSATIONS[0], sampling=Sampling(max_tokens=100_000, temperature=5.0, seed=1)))
        async for _ in stream:
            break
        await stream.aclose()
        return await collect(model, Request(CONVERSATIONS[0], sampling=GREEDY))

    assert asyncio.run(asyncio.wait_for(leave(), 60))[-1].finish is not None


def test_an_unknown_version_is_refused(glm: BaseModel, versions: StoredVersions) -> None:
    with pytest.raises(VersionError, match="manifest"):
        LocalEndModel(glm, versions, system=SYSTEM, version="0123456789abcdef")

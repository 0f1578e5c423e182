"""Preference learning: the loss is the paper's, pairs are found wherever they lie, and a poor reply becomes rarer."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from endcloud.end import learning
from endcloud.end.adapters import Adapter, attach
from endcloud.end.base_model import BaseModel
from endcloud.end.chat_format import ChatFormat, Tokenized
from endcloud.end.methods import LoRA, TrainingPlan
from endcloud.end.objective import Supervised
from endcloud.end.preference import Preference, Preferred
from endcloud.end.schedule import rate_at
from endcloud.end.training import PeftTrainer
from endcloud.end.versions import weights_of
from endcloud.store.versions import StoredVersions
from endcloud.testing.silent_progress import SilentProgress
from endcloud.testing.tiny_base import SYSTEM, tiny_example
from endcloud.types import Example

METHOD = LoRA(dropout=0.1, targets="all")
EXAMPLES = [tiny_example(number) for number in range(12)]
POOR = {f"e{number}": f"亲，满{number + 40}元包邮，不退" for number in range(6)}


def texts(base: BaseModel, examples: list[Example]) -> list[Tokenized]:
    chat_format = ChatFormat(base.tokenizer)
    return [chat_format.tokenized(example, SYSTEM) for example in examples]


def log_p(base: BaseModel, adapter: Adapter, text: Tokenized) -> float:
    """What the model gives a reply, alone and unpacked: the plain way."""
    logits = adapter.model(input_ids=torch.tensor([text.ids])).logits[0].log_softmax(-1)
    ids = text.ids[text.prompt :]
    return float(sum(logits[text.prompt - 1 + at, token] for at, token in enumerate(ids)))


def moved(base: BaseModel) -> tuple[Adapter, Adapter]:
    """An adapter as it began, and one that has learned something since."""
    torch.manual_seed(3)
    began, now = attach(base, METHOD), attach(base, METHOD)
    for adapter, scale in ((began, 0.0), (now, 0.05)):
        torch.manual_seed(4)
        state = {name: torch.randn_like(weight) * 0.05 for name, weight in adapter.parameters().items()}
        extra = {name: weight + torch.randn_like(weight) * scale for name, weight in state.items()}
        adapter.load_trainable_state(extra)
        adapter.peft.eval()
    return began, now


def test_the_loss_is_cross_entropy_and_the_papers_preference(base: BaseModel) -> None:
    began, now = moved(base)
    right = texts(base, EXAMPLES[:5])
    right[1] = replace(right[1], weight=0.5)
    poor = {n: texts(base, [replace(EXAMPLES[n], reply=POOR[f"e{n}"])])[0] for n in (1, 3)}
    objective = Preferred(base, right, poor, 0, beta=0.3)
    objective.prepare(began)
    rows = [(0, 1), (4,), (3, 2), (1,)]  # example 1 twice: the end of one round through the data and the next's begin
    with torch.no_grad():
        found = objective.of_rows(now, rows)
        plain = Supervised(base, right, 0).of_rows(now, rows)

        def preferred(number: int) -> float:
            gained = log_p(base, now, right[number]) - log_p(base, began, right[number])
            gained -= log_p(base, now, poor[number]) - log_p(base, began, poor[number])
            length = len(right[number].ids) - right[number].prompt
            return math.log1p(math.exp(-0.3 * gained)) * length * right[number].weight

        expected = float(plain.total) + 2 * preferred(1) + preferred(3)
    assert abs(preferred(1) - preferred(3)) > 1e-3, "the pairs must differ for this test to tell them apart"
    assert float(found.total) == pytest.approx(expected, rel=1e-4)
    assert found.weight == plain.weight and found.tokens > plain.tokens


def test_without_a_pair_it_is_plain_training(base: BaseModel) -> None:
    _, now = moved(base)
    right = texts(base, EXAMPLES[:3])
    with torch.no_grad():
        found = Preferred(base, right, {}, 0, beta=0.3).of_rows(now, [(0, 2), (1,)])
        assert float(found.total) == float(Supervised(base, right, 0).of_rows(now, [(0, 2), (1,)]).total)


def trainer(
    base: BaseModel, versions: StoredVersions, work: Path, preference: Preference | None, parent: str = ""
) -> PeftTrainer:
    plan = TrainingPlan(20, 1e-2, rows=2, check_every=5)
    return PeftTrainer(base, METHOD, plan, versions, system=SYSTEM, work=work, parent=parent, preference=preference)


def test_it_moves_away_from_the_poor_reply_further_than_plain_training_does(
    glm: BaseModel, versions: StoredVersions, tmp_path: Path, progress: SilentProgress
) -> None:
    poorly = [replace(example, reply=POOR.get(example.id, example.reply)) for example in EXAMPLES]
    before = trainer(glm, versions, tmp_path, None).train(poorly, [], progress).digest
    plain = trainer(glm, versions, tmp_path, None, before).train(EXAMPLES, [], progress)
    preferring = trainer(glm, versions, tmp_path, Preference(POOR), before).train(EXAMPLES, [], progress)
    assert preferring.settings["objective"] == {"name": "dpo", "beta": 0.1, "pairs": 6}
    assert "objective" not in plain.settings
    poor = texts(glm, [example for example in poorly if example.id in POOR])
    chances = []
    for digest in (before, plain.digest, preferring.digest):
        adapter = attach(glm, METHOD)
        adapter.load_served_state(weights_of(versions.path(digest)))
        adapter.peft.eval()
        with torch.no_grad():
            chances.append(sum(log_p(glm, adapter, text) for text in poor))
    assert chances[0] > chances[1] > chances[2] + 5


class Killed(BaseException):
    """Stands for the end of the process."""


def test_a_run_that_was_broken_off_still_measures_from_where_it_began(
    glm: BaseModel,
    versions: StoredVersions,
    tmp_path: Path,
    progress: SilentProgress,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(step: int, plan: TrainingPlan) -> float:
        if step == 13:
            raise Killed
        return rate_at(step, plan)

    monkeypatch.setattr(learning, "rate_at", broken)
    with pytest.raises(Killed):
        trainer(glm, versions, tmp_path, Preference(POOR)).train(EXAMPLES, [], progress)
    monkeypatch.setattr(learning, "rate_at", rate_at)
    resumed = trainer(glm, versions, tmp_path, Preference(POOR)).train(EXAMPLES, [], progress)
    assert progress.tasks[1].done == 20
    versions.path(resumed.digest).rename(tmp_path / "aside")
    assert trainer(glm, versions, tmp_path, Preference(POOR)).train(EXAMPLES, [], progress).digest == resumed.digest


def test_other_pairs_or_another_beta_are_another_training(
    glm: BaseModel, versions: StoredVersions, tmp_path: Path, progress: SilentProgress
) -> None:
    preferences = [None, Preference(POOR), Preference({**POOR, "e1": "不知道"}), Preference(POOR, 0.5)]
    digests = {trainer(glm, versions, tmp_path, each).train(EXAMPLES, [], progress).digest for each in preferences}
    assert len(digests) == 4

"""Where a training stands: its loss on examples it does not learn from, and its answers to probe questions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from endcloud.end.adapters import Adapter
from endcloud.end.batches import Batch, make_batch, pack
from endcloud.end.chat_format import ChatFormat, Tokenized, with_system
from endcloud.end.checkpoint import TrainingLog
from endcloud.end.continuous import ContinuousBatch, Row, draw_all, generator, stop_ids_of
from endcloud.end.methods import TrainingPlan
from endcloud.end.residents import Resident
from endcloud.end.slots import stretch_of
from endcloud.types import Message, Sampling

_PROBE_TOKENS = 64

BatchLoss = Callable[[Adapter, Batch], tuple[torch.Tensor, float]]
"""The weighted sum of token losses and the sum of weights of one batch, on the adapter's device."""


class Validation:
    """Measures an adapter on the way. `texts` are the examples to judge by; `probe` are prompts to answer."""

    def __init__(
        self, texts: Sequence[Tokenized], probe: Sequence[Sequence[int]], plan: TrainingPlan, pad_id: int
    ) -> None:
        rows = list(pack(texts, plan.row_tokens, range(len(texts))))
        size = plan.rows * 2
        chunks = [rows[start : start + size] for start in range(0, len(rows), size)]
        self.batches = [make_batch([[texts[number] for number in row] for row in chunk], pad_id) for chunk in chunks]
        self.probe = probe

    def measure(self, adapter: Adapter, loss: BatchLoss, chat_format: ChatFormat, log: TrainingLog, step: int) -> None:
        """Adds what was measured after `step` steps to the log."""
        adapter.peft.eval()
        with torch.no_grad():
            if self.batches:
                sums = [loss(adapter, batch) for batch in self.batches]
                log.validation.append((step, sum(float(one) for one, _ in sums) / sum(weight for _, weight in sums)))
            if self.probe:
                log.replies.append((step, answers(adapter, chat_format, self.probe)))

    def improved(self, log: TrainingLog) -> bool:
        """Whether the newest loss is the lowest so far; true where there is nothing to judge by."""
        return not self.batches or log.validation[-1][1] <= min(loss for _, loss in log.validation)


def answers(adapter: Adapter, chat_format: ChatFormat, prompts: Sequence[Sequence[int]]) -> list[str]:
    """The likeliest replies of a version that is being trained, drawn as the engine draws those of finished ones."""
    key_values = adapter.key_values()
    front = None if key_values is None else stretch_of(adapter.model, key_values)
    itself = Resident("in training", "", front, "", 0)

    def forward(_: Sequence[Resident], **inputs: Any) -> torch.Tensor:
        logits: torch.Tensor = adapter.model(**inputs).logits
        return logits

    sampling = Sampling(max_tokens=_PROBE_TOKENS)
    rows = [Row(prompt, itself, sampling, generator(None)) for prompt in prompts]
    draw_all(ContinuousBatch(adapter.model, forward, stop_ids_of(chat_format, adapter.model), prefix_tokens=0), rows)
    return [chat_format.text_of(row.ids) for row in rows]


def probe_prompts(
    chat_format: ChatFormat, system: str, probe: Sequence[Sequence[Message]], limit: int
) -> list[list[int]]:
    """The probe's conversations as prompts of at most `limit` tokens, behind the role sentence."""
    return [chat_format.prompt_ids(with_system(system, messages), limit) for messages in probe]


def figures(log: TrainingLog) -> dict[str, float]:
    """The curve's ends, as metrics of the version."""
    found: dict[str, float] = {"train_loss": log.loss[-1][1], "best_step": log.best_step} if log.loss else {}
    if log.validation:
        found |= {"validation_loss_before": log.validation[0][1]}
        found |= {"validation_loss": min(loss for _, loss in log.validation)}
    return found

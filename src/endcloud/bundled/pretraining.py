"""Pre-training the nano model: packed rows, Muon and AdamW, and a checkpoint to go on from.

The whole of it must fit into two minutes of two processor cores, so each step counts: conversations are
packed into rows of fixed width (a mask keeps neighbours apart), only the replies are learned and only their
positions go through the output layer, matrices are stepped by Muon (which learns from far fewer steps than
Adam does), and products run in bfloat16 where the processor has it.

Step n always sees the same rows, so a run that was killed goes on from its last checkpoint and ends with
the weights of an unbroken one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import GlmForCausalLM

from endcloud.end.chat_format import ChatFormat
from endcloud.errors import TrainingError
from endcloud.protocols import Progress
from endcloud.types import Message

IGNORED = -100
_OPEN_ROWS = 32


@dataclass(frozen=True, slots=True)
class Rendered:
    """A conversation as token ids. `labels` holds at each position the id to predict next, or -100."""

    ids: list[int]
    labels: list[int]


@dataclass(frozen=True, slots=True)
class Schedule:
    """How pre-training steps.

    `steps` × `rows` × `width` positions are seen in all. More steps: better and slower. A higher
    `matrix_rate` (Muon) or `other_rate` (AdamW: embeddings, norms, biases) learns faster until it diverges.
    The rates rise over `warmup` steps and fall linearly to nought over the last `decay` share of the steps.
    """

    steps: int = 700
    rows: int = 4
    width: int = 256
    matrix_rate: float = 1.5e-2
    other_rate: float = 2e-2
    weight_decay: float = 0.01
    warmup: int = 20
    decay: float = 0.6
    checkpoint_every: int = 100


@dataclass(frozen=True, slots=True)
class Rows:
    """Packed rows, each tensor (rows, width): ids, positions within the conversation, its number, labels.

    The label at a position is the id to predict next, or -100.
    """

    ids: Tensor
    positions: Tensor
    conversations: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.ids)

    def batch(self, step: int, rows: int) -> Rows:
        """The rows of step `step`; after the last row the first comes again."""
        chosen = torch.arange(step * rows, (step + 1) * rows) % len(self)
        return Rows(self.ids[chosen], self.positions[chosen], self.conversations[chosen], self.labels[chosen])


def pack(conversations: Sequence[Rendered], width: int, padding: int) -> Rows:
    """Fills rows of `width` with whole conversations; one longer than a row is cut at its end.

    Each goes into the fullest of a few open rows that still holds it, so that rows keep roughly the order
    given and little is padding.
    """
    open_rows: list[list[Rendered]] = []
    done: list[list[Rendered]] = []
    for conversation in conversations:
        length = min(len(conversation.ids), width)
        fitting = [row for row in open_rows if _length(row) + length <= width]
        row = max(fitting, key=_length, default=None)
        if row is None:
            row = []
            open_rows.append(row)
        row.append(conversation)
        if len(open_rows) > _OPEN_ROWS:
            fullest = max(open_rows, key=_length)
            open_rows.remove(fullest)
            done.append(fullest)
    done += open_rows
    return _stack([_laid_out(row, width, padding) for row in done])


def _length(row: Sequence[Rendered]) -> int:
    return sum(len(conversation.ids) for conversation in row)


def _laid_out(row: Sequence[Rendered], width: int, padding: int) -> tuple[list[int], list[int], list[int], list[int]]:
    ids: list[int] = []
    positions: list[int] = []
    numbers: list[int] = []
    labels: list[int] = []
    for number, conversation in enumerate(row, start=1):
        ids += conversation.ids
        positions += range(len(conversation.ids))
        numbers += [number] * len(conversation.ids)
        labels += conversation.labels
    missing = max(0, width - len(ids))
    return (
        (ids + [padding] * missing)[:width],
        (positions + [0] * missing)[:width],
        (numbers + [0] * missing)[:width],
        (labels + [IGNORED] * missing)[:width],
    )


def _stack(rows: Sequence[tuple[list[int], list[int], list[int], list[int]]]) -> Rows:
    ids, positions, numbers, labels = (torch.tensor(column) for column in zip(*rows, strict=True))
    return Rows(ids, positions, numbers, labels)


def rendered(messages: Sequence[Message], chat: ChatFormat) -> Rendered:
    """A conversation as ids, every reply in it learned.

    The rendering is that of training and serving: after a reply in the middle the next role mark stands in
    the ids, but what is learned there is the stop token, as at the end.
    """
    ids: list[int] = []
    spans: list[tuple[int, int]] = []
    for number, message in enumerate(messages):
        if message.role == "assistant":
            prompt = chat.prompt_ids(messages[:number])
            ids = [*prompt, *chat.text_ids(message.content)]
            spans.append((len(prompt), len(ids)))
    labels = [IGNORED] * len(ids)
    for start, end in spans:
        labels[start - 1 : end] = [*ids[start:end], chat.stop_ids[0]]
    return Rendered(ids, labels)


def isolation_mask(conversations: Tensor) -> Tensor:
    """The boolean attention mask (rows, 1, width, width): causal, and within one conversation only."""
    same = conversations[:, None, :, None] == conversations[:, None, None, :]
    return same & torch.ones(conversations.shape[1], conversations.shape[1], dtype=torch.bool).tril()


def fast_precision() -> torch.dtype:
    """bfloat16 where this processor multiplies it in hardware (2.0 to 2.7 times faster here), else float32."""
    supported = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.bfloat16 if supported else torch.float32


def batch_loss(model: GlmForCausalLM, batch: Rows, precision: torch.dtype) -> Tensor:
    """Mean cross-entropy over the learned positions of `batch`."""
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == torch.bfloat16):
        hidden = model.model(
            input_ids=batch.ids,
            attention_mask=isolation_mask(batch.conversations),
            position_ids=batch.positions,
            use_cache=False,
        ).last_hidden_state
        learned = batch.labels != IGNORED
        logits = model.lm_head(hidden[learned])
    return cross_entropy(logits.float(), batch.labels[learned])


def pretrain(model: GlmForCausalLM, rows: Rows, schedule: Schedule, checkpoint: Path, progress: Progress) -> float:
    """Trains `model` in place over `rows`; returns the mean loss of the last tenth of the steps.

    Goes on from `checkpoint` where that file exists, and removes nothing: the caller owns the file.
    Raises TrainingError when the loss is no longer a number.
    """
    optimizers = _optimizers(model, schedule)
    first = _resume(model, optimizers, checkpoint)
    precision = fast_precision()
    losses: list[float] = []
    model.train()
    with progress.task("pre-training the nano model", schedule.steps, "steps") as task:
        task.advance(first)
        began, tokens = time.monotonic(), 0
        for step in range(first, schedule.steps):
            batch = rows.batch(step, schedule.rows)
            loss = batch_loss(model, batch, precision)
            torch.autograd.backward(loss)
            _step(optimizers, _share(step, schedule))
            losses.append(float(loss.detach()))
            if losses[-1] != losses[-1]:
                raise TrainingError(
                    f"Pre-training the nano model diverged at step {step}: the loss is {losses[-1]!r}. "
                    f"Remove {str(checkpoint)!r} and try again, and report it if it comes back."
                )
            tokens += int((batch.conversations > 0).sum())
            task.advance(loss=round(losses[-1], 3), tokens_per_second=round(tokens / (time.monotonic() - began)))
            if (step + 1) % schedule.checkpoint_every == 0 and step + 1 < schedule.steps:
                _save(model, optimizers, step + 1, checkpoint)
    model.train(False)
    tail = losses[-max(1, schedule.steps // 10) :]
    return sum(tail) / len(tail) if tail else 0.0


def _share(step: int, schedule: Schedule) -> float:
    """The share of the full rate at `step`: warm-up, plateau, linear fall."""
    rise = (step + 1) / max(1, schedule.warmup)
    fall = (schedule.steps - step) / max(1.0, schedule.steps * schedule.decay)
    return min(1.0, rise, fall)


def _optimizers(model: nn.Module, schedule: Schedule) -> list[torch.optim.Optimizer]:
    """Muon for the layers' matrices, AdamW for everything else."""
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        (matrices if parameter.ndim == 2 and "layers." in name else others).append(parameter)
    return [
        torch.optim.Muon(matrices, lr=schedule.matrix_rate, weight_decay=schedule.weight_decay),
        torch.optim.AdamW(others, lr=schedule.other_rate, weight_decay=0.0, betas=(0.9, 0.98)),
    ]


def _step(optimizers: Sequence[torch.optim.Optimizer], share: float) -> None:
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group.setdefault("full_lr", group["lr"]) * share
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)


def _state(model: nn.Module, optimizers: Sequence[torch.optim.Optimizer]) -> Iterator[tuple[str, Tensor]]:
    """Everything a run needs to go on, by name; tied weights once."""
    for name, parameter in model.named_parameters():
        yield f"weight/{name}", parameter.detach()
    for number, optimizer in enumerate(optimizers):
        for position, state in optimizer.state_dict()["state"].items():
            for key, value in state.items():
                yield f"optimizer/{number}/{position}/{key}", torch.as_tensor(value).detach()


def _save(model: nn.Module, optimizers: Sequence[torch.optim.Optimizer], step: int, path: Path) -> None:
    """Writes the checkpoint whole or not at all."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    save_file({name: value.contiguous() for name, value in _state(model, optimizers)}, partial, {"step": str(step)})
    with partial.open("rb+") as file:
        os.fsync(file.fileno())
    partial.replace(path)


def _resume(model: nn.Module, optimizers: Sequence[torch.optim.Optimizer], path: Path) -> int:
    """Loads the checkpoint at `path` if there is one; returns the number of steps already done."""
    if not path.is_file():
        return 0
    with safe_open(path, framework="pt") as file:
        parameters = dict(model.named_parameters())
        states: list[dict[int, dict[str, Tensor]]] = [{} for _ in optimizers]
        for name in file.keys():  # noqa: SIM118 - a safetensors file is no mapping
            kind, rest = name.split("/", 1)
            if kind == "weight":
                with torch.no_grad():
                    parameters[rest].copy_(file.get_tensor(name))
            else:
                number, position, key = rest.split("/")
                states[int(number)].setdefault(int(position), {})[key] = file.get_tensor(name)
        step = int(file.metadata()["step"])
    for optimizer, state in zip(optimizers, states, strict=True):
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    return step

"""The loop of training: gradients of some rows, one move of the weights, a look at where it stands; to be read
from top to bottom.

Nothing random is left over between steps: which rows a step takes and what dropout it has follow from its number. So
a run goes on from a checkpoint as if it had never stopped, and several processes share a step's rows.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import torch
from accelerate import PartialState
from accelerate.utils import reduce

from endcloud.end.adapters import Adapter
from endcloud.end.batches import Row
from endcloud.end.chat_format import ChatFormat
from endcloud.end.checkpoint import Checkpoint, TrainingLog, optimizer_tensors, restore_optimizer
from endcloud.end.methods import TrainingPlan
from endcloud.end.objective import Objective
from endcloud.end.schedule import rate_at
from endcloud.end.validation import Validation
from endcloud.errors import TrainingError
from endcloud.protocols import ProgressTask

Keep = Callable[[int, TrainingLog, int], None]
"""Told of a step whose weights become a version, the curves so far, and the tokens seen by this run; the adapter then
holds the weights to keep."""


@dataclass
class Learning:
    """One run of the loop: `adapter` learns by `objective`, a checkpoint at `path` under the `fingerprint`.

    Make it on the adapter as training finds it, then `resume` where there is a checkpoint, then `run`.
    """

    adapter: Adapter
    objective: Objective
    plan: TrainingPlan
    validation: Validation
    chat_format: ChatFormat
    processes: PartialState
    path: Path
    fingerprint: str
    done: int = 0
    log: TrainingLog = field(default_factory=TrainingLog)
    tokens: int = 0

    def __post_init__(self) -> None:
        plan = self.plan
        self.weights = self.adapter.parameters()
        self.best = self.adapter.trainable_state()
        self.device = next(iter(self.weights.values())).device
        self.optimizer = torch.optim.AdamW(self.weights.values(), lr=plan.learning_rate, weight_decay=plan.weight_decay)
        self.objective.prepare(self.adapter)

    def resume(self, checkpoint: Checkpoint) -> None:
        """Goes on from where a run was broken off."""
        self.adapter.load_trainable_state(checkpoint.weights)
        restore_optimizer(self.optimizer, self.weights, checkpoint.optimizer)
        self.log, self.best, self.done = checkpoint.log, dict(checkpoint.best), checkpoint.step

    def run(self, rows: Iterable[Row], kept: Collection[int], keep: Keep, task: ProgressTask) -> None:
        """All steps that are left. `rows` are the whole run's, from its beginning; at the steps `kept`, `keep` is
        called. Raises TrainingError where the loss is no number any more."""
        plan, rows_a_step = self.plan, self.plan.rows * self.plan.accumulation
        task.advance(self.done) if self.done else self._measure(0)
        left = islice(rows, self.done * rows_a_step, None)
        began = time.monotonic()
        for step in range(self.done, plan.steps):
            loss = self._move(*self._gradients(step, list(islice(left, rows_a_step))), step)
            self.log.loss.append((step + 1, loss))
            rate = self.tokens * self.processes.num_processes / (time.monotonic() - began)
            task.advance(1, loss=round(loss, 4), tokens_per_second=round(rate))
            if (step + 1) % plan.check_every == 0 or step + 1 in kept:
                self._check(step + 1, keep if step + 1 in kept else None)

    def _gradients(self, step: int, rows: Sequence[Row]) -> tuple[float, float]:
        """Adds up the gradients of this process' share of the rows; returns the sums of loss and weight.

        Every process draws all rows of the step and works on its share. Sums are added up over rows and processes and
        divided once, so it does not matter how rows are spread.
        """
        mine = rows[self.processes.process_index :: self.processes.num_processes]
        loss_sum, weight_sum = 0.0, 0.0
        self.adapter.peft.train()
        self.optimizer.zero_grad()
        for start in range(0, len(mine), self.plan.rows):
            torch.manual_seed(hash((self.plan.seed, step, start, self.processes.process_index)) % 2**63)
            loss = self.objective.of_rows(self.adapter, mine[start : start + self.plan.rows])
            torch.autograd.backward(loss.total)
            loss_sum, weight_sum = loss_sum + float(loss.total.detach()), weight_sum + loss.weight
            self.tokens += loss.tokens
        return loss_sum, weight_sum

    def _move(self, loss_sum: float, weight_sum: float, step: int) -> float:
        """One step of the optimiser on the gradients of all processes; returns the mean loss."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.plan.learning_rate * rate_at(step, self.plan)
        exact = torch.float32 if self.device.type == "mps" else torch.float64  # MPS knows no float64
        sums = reduce(torch.tensor([loss_sum, weight_sum], dtype=exact, device=self.device), "sum")
        mean_loss = float(sums[0] / sums[1])
        if not math.isfinite(mean_loss):
            raise TrainingError(
                f"The loss of {self.adapter.method.name} is {mean_loss!r} at step {step + 1}; "
                f"use a learning rate below {self.plan.learning_rate!r}."
            )
        for parameter in self.weights.values():
            gradient = parameter.grad if parameter.grad is not None else torch.zeros_like(parameter)
            parameter.grad = reduce(gradient, "sum") / sums[1].to(gradient.dtype)
        torch.nn.utils.clip_grad_norm_(self.weights.values(), self.plan.clip)
        self.optimizer.step()
        return mean_loss

    def _check(self, step: int, keep: Keep | None) -> None:
        """Looks where training stands, gives the weights away where a version is due, writes the checkpoint."""
        self._measure(step)
        if self.plan.schedule == "constant" or self.validation.improved(self.log):
            self.best, self.log.best_step = self.adapter.trainable_state(), step
        if keep is not None:
            self.adapter.load_trainable_state(self.best)
            keep(step, self.log, self.tokens * self.processes.num_processes)
        # After the version, so that whoever goes on from here finds it.
        if self.processes.is_main_process and step < self.plan.steps:
            moments = optimizer_tensors(self.optimizer, self.weights)
            state = self.adapter.trainable_state()
            Checkpoint(self.fingerprint, step, self.log, state, moments, self.best).write(self.path)
        self.processes.wait_for_everyone()

    def _measure(self, step: int) -> None:
        self.validation.measure(self.adapter, self.objective.of_batch, self.chat_format, self.log, step)

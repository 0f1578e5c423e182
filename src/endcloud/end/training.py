"""Training, from examples to a version: one loop, to be read from top to bottom.

Only the adapter's weights move; the base stays as it is, shared with whoever else uses it. Every step takes its
rows by number and its dropout from the seed, so a training that was killed and goes on from its checkpoint ends
with the very weights of one that was not, and two processes under accelerate, each with half the rows of every
step, follow the loss curve of one.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path

import torch
from accelerate import PartialState
from accelerate.utils import reduce

from endcloud.end import versions as version_files
from endcloud.end.adapters import Adapter, attach
from endcloud.end.base_model import BaseModel
from endcloud.end.batches import Batch, Row, endless_rows, make_batch, token_losses, weighted_loss
from endcloud.end.chat_format import ChatFormat, Tokenized
from endcloud.end.checkpoint import (
    Checkpoint,
    TrainingLog,
    optimizer_tensors,
    read_checkpoint,
    restore_optimizer,
)
from endcloud.end.methods import LoRA, Method, TrainingPlan, as_settings
from endcloud.end.prompt_start import count_for_prompt, example_prompt, start_from_prompt
from endcloud.end.quantization import as_setting
from endcloud.end.schedule import rate_at
from endcloud.end.tokenized_examples import TokenizedExamples
from endcloud.end.validation import Validation, figures, probe_prompts
from endcloud.errors import TrainingError, VersionError
from endcloud.protocols import Progress, ProgressTask, Versions
from endcloud.types import AdapterVersion, Example, Message

RECIPE = 1
"""Raised whenever a change of this code makes other weights from the same input."""


class PeftTrainer:
    """Trains one method by one plan on one base; implements `protocols.Trainer`.

    `system` is the role sentence in front of every example, as in serving. `work` is a directory for the
    checkpoint. `parent` is the version to go on from; empty to start from the base. `probe` are conversations
    answered at every check, so that a chart can show how replies get better; the log keeps the answers.
    """

    def __init__(
        self,
        base: BaseModel,
        method: Method,
        plan: TrainingPlan,
        versions: Versions,
        *,
        system: str,
        work: Path,
        parent: str = "",
        probe: Sequence[Sequence[Message]] = (),
    ) -> None:
        self.base, self.method, self.plan, self.versions = base, method, plan, versions
        self.system, self.work, self.parent, self.probe = system, work, parent, probe
        # On a CPU accelerate joins the other processes only when it is told that it is one.
        self.processes = PartialState(cpu=base.device.type == "cpu")
        self.format = ChatFormat(base.tokenizer)
        self.pad_id = int(base.tokenizer.pad_token_id or 0)

    def train(self, train: Sequence[Example], validation: Sequence[Example], progress: Progress) -> AdapterVersion:
        """Learns from `train`, keeping the weights that do best on `validation` (with the constant schedule, the
        last), and writes the version.

        Examples with a reason for exclusion are left out. A training that was done before, with the very same
        base, examples and settings, gives its version at once. Raises TrainingError where there is nothing to
        learn or the loss is no number any more, VersionError where the parent does not fit.
        """
        return self.train_to(train, validation, [self.plan.steps], progress)[-1]

    def train_to(
        self, train: Sequence[Example], validation: Sequence[Example], steps: Sequence[int], progress: Progress
    ) -> list[AdapterVersion]:
        """One run of `plan.steps` that also writes a version at each of `steps` on the way, ascending.

        Only with the constant schedule can there be more than the last: by any other rate, the weights on the way
        are not those of a shorter training. Raises as `train` does, and TrainingError for steps that do not fit.
        """
        self._check_steps(steps)
        learned = [example for example in train if not example.excluded and example.weight > 0]
        judged = [example for example in validation if not example.excluded][: self.plan.validation_examples]
        if not learned:
            raise TrainingError(f"None of the {len(train)} training examples may be trained on; prepare or label more.")
        fingerprints = {step: self._fingerprint(learned, judged, step) for step in steps}
        made = {step: version for step, name in fingerprints.items() if (version := self._known(name)) is not None}
        if len(made) == len(steps):
            names = ", ".join(version.digest for version in made.values())
            progress.say(f"Version {names} was trained from exactly this before and is used again.")
            return [made[step] for step in steps]
        texts = TokenizedExamples(learned, self._tokenized)
        judged_texts = TokenizedExamples(judged, self._tokenized)
        probe = probe_prompts(self.format, self.system, self.probe, self.plan.input_tokens)
        validation_of = Validation(judged_texts, probe, self.plan, self.pad_id)
        devices = [self.base.device] if self.base.device.type == "cuda" else []
        began, path = time.monotonic(), self._checkpoint_path(fingerprints[steps[-1]])

        def keep(adapter: Adapter, step: int, log: TrainingLog, tokens: int) -> None:
            seen = sorted({learned[number].id for number in self._seen(texts, step)})
            version = made[step] = self._keep(adapter, seen, fingerprints[step], self._plan_to(step), log)
            seconds = time.monotonic() - began
            speed = {"train_seconds": seconds, "train_tokens_per_second": tokens / seconds}
            if self.processes.is_main_process:
                self.versions.measure(version.digest, {**speed, **figures(log)})

        with (
            torch.random.fork_rng(devices),
            progress.task(f"train {self.method.name}", self.plan.steps, "steps") as task,
        ):
            adapter = self._start(texts)
            checkpoint = read_checkpoint(path, fingerprints[steps[-1]])
            if checkpoint and any(step <= checkpoint.step and step not in made for step in steps[:-1]):
                checkpoint = None  # a version on the way was lost, so the way has to be gone again
            self._learn(adapter, texts, validation_of, checkpoint, path, fingerprints, task, keep)
        if self.processes.is_main_process:
            path.unlink(missing_ok=True)
        return [made[step] for step in steps]

    def _check_steps(self, steps: Sequence[int]) -> None:
        if not steps or list(steps) != sorted(set(steps)) or steps[0] < 1 or steps[-1] != self.plan.steps:
            raise TrainingError(
                f"The steps {list(steps)!r} must rise from 1 or more to the plan's {self.plan.steps!r}."
            )
        if len(steps) > 1 and self.plan.schedule != "constant":
            raise TrainingError(
                f"Versions at the steps {list(steps)!r} of one run need the constant schedule, not "
                f"{self.plan.schedule!r}; train each by itself, or with a constant rate."
            )

    def _learn(
        self,
        adapter: Adapter,
        texts: Sequence[Tokenized],
        validation: Validation,
        checkpoint: Checkpoint | None,
        path: Path,
        fingerprints: Mapping[int, str],
        task: ProgressTask,
        keep: Callable[[Adapter, int, TrainingLog, int], None],
    ) -> None:
        """The loop. At each step that `fingerprints` name, `keep` gets the adapter with the weights to keep, the
        curves and the tokens seen."""
        plan, state = self.plan, self.processes
        weights = adapter.parameters()
        optimizer = torch.optim.AdamW(weights.values(), lr=plan.learning_rate, weight_decay=plan.weight_decay)
        log, best, done = TrainingLog(), adapter.trainable_state(), 0
        fingerprint = fingerprints[plan.steps]

        if checkpoint is not None:
            adapter.load_trainable_state(checkpoint.weights)
            restore_optimizer(optimizer, weights, checkpoint.optimizer)
            log, best, done = checkpoint.log, dict(checkpoint.best), checkpoint.step
            task.advance(done)
        else:
            validation.measure(adapter, self._loss, self.format, log, 0)

        rows_a_step = plan.rows * plan.accumulation
        rows = islice(self._rows(texts), done * rows_a_step, None)
        began, seen = time.monotonic(), 0

        for step in range(done, plan.steps):
            for group in optimizer.param_groups:
                group["lr"] = plan.learning_rate * rate_at(step, plan)

            # Every process draws all rows of the step and works on its share. Sums are added up over rows and
            # processes and divided once, so it does not matter how rows are spread.
            mine = list(islice(rows, rows_a_step))[state.process_index :: state.num_processes]
            loss_sum, weight_sum = 0.0, 0.0
            adapter.peft.train()
            optimizer.zero_grad()
            for start in range(0, len(mine), plan.rows):
                batch = make_batch(
                    [[texts[number] for number in row] for row in mine[start : start + plan.rows]], self.pad_id
                )
                torch.manual_seed(hash((plan.seed, step, start, state.process_index)) % 2**63)
                loss, weight = self._loss(adapter, batch)
                torch.autograd.backward(loss)
                loss_sum, weight_sum, seen = loss_sum + float(loss.detach()), weight_sum + weight, seen + batch.tokens

            exact = torch.float32 if self.base.device.type == "mps" else torch.float64  # MPS knows no float64
            sums = reduce(torch.tensor([loss_sum, weight_sum], dtype=exact, device=self.base.device), "sum")
            mean_loss = float(sums[0] / sums[1])
            if not math.isfinite(mean_loss):
                raise TrainingError(
                    f"The loss of {self.method.name} is {mean_loss!r} at step {step + 1}; "
                    f"use a learning rate below {plan.learning_rate!r}."
                )
            for parameter in weights.values():
                gradient = parameter.grad if parameter.grad is not None else torch.zeros_like(parameter)
                parameter.grad = reduce(gradient, "sum") / sums[1].to(gradient.dtype)
            torch.nn.utils.clip_grad_norm_(weights.values(), plan.clip)
            optimizer.step()

            log.loss.append((step + 1, mean_loss))
            rate = seen * state.num_processes / (time.monotonic() - began)
            task.advance(1, loss=round(mean_loss, 4), tokens_per_second=round(rate))

            if (step + 1) % plan.check_every == 0 or step + 1 in fingerprints:
                validation.measure(adapter, self._loss, self.format, log, step + 1)
                if plan.schedule == "constant" or validation.improved(log):
                    best, log.best_step = adapter.trainable_state(), step + 1
                if step + 1 in fingerprints:
                    adapter.load_trainable_state(best)
                    keep(adapter, step + 1, log, seen * state.num_processes)
                # After the version, so that whoever goes on from here finds it.
                if state.is_main_process and step + 1 < plan.steps:
                    moments = optimizer_tensors(optimizer, weights)
                    Checkpoint(fingerprint, step + 1, log, adapter.trainable_state(), moments, best).write(path)
                state.wait_for_everyone()

    def _loss(self, adapter: Adapter, batch: Batch) -> tuple[torch.Tensor, float]:
        """The weighted sum of token losses and the sum of weights of one batch."""
        compute, batch = self.base.compute, batch.to(self.base.device)
        with torch.autocast(self.base.device.type, dtype=compute, enabled=compute != torch.float32):
            losses, segments = token_losses(adapter.model, batch, adapter.key_values(), compute)
        return weighted_loss(losses, segments, batch.weights)

    def _rows(self, texts: Sequence[Tokenized]) -> Iterator[Row]:
        plan = self.plan
        return endless_rows(texts, packing=plan.packing, row_tokens=plan.row_tokens, seed=plan.seed)

    def _seen(self, texts: Sequence[Tokenized], steps: int) -> list[int]:
        """The numbers of the examples that the steps came to, and of those a prompt method started from."""
        plan, start = self.plan, count_for_prompt(texts, self._prompt_tokens())
        rows = islice(self._rows(texts), steps * plan.rows * plan.accumulation)
        return sorted({number for row in rows for number in row} | set(range(start)))

    def _prompt_tokens(self) -> int:
        """How many ids of a real prompt training starts from; 0 where it starts otherwise."""
        starts = not self.parent and not isinstance(self.method, LoRA) and self.method.start == "prompt"
        return self.method.virtual_tokens if starts and not isinstance(self.method, LoRA) else 0

    def _start(self, texts: Sequence[Tokenized]) -> Adapter:
        """A fresh adapter; from the parent, from a real prompt, or at random by the seed."""
        torch.manual_seed(self.plan.seed)
        adapter = attach(self.base, self.method)
        if self.base.device.type == "cpu" and self.base.compute is torch.bfloat16:
            # On a CPU, PyTorch's fused attention is slow in bfloat16 with a mask: 0.13 s a step against 0.19.
            adapter.model.set_attn_implementation("eager")
        if self.parent:
            self._load_parent(adapter)
        elif size := self._prompt_tokens():
            start_from_prompt(adapter, example_prompt(texts, size))
        return adapter

    def _load_parent(self, adapter: Adapter) -> None:
        path = self.versions.path(self.parent)
        parent = version_files.verify(path, self.base.digest)
        if parent.method != self.method.name:
            raise VersionError(
                f"The parent {self.parent!r} was trained by {parent.method!r}, not {self.method.name!r}; "
                "train by its method or start from the base."
            )
        if isinstance(self.method, LoRA):
            adapter.load_served_state(version_files.weights_of(path))
        else:
            adapter.load_trainable_state(version_files.weights_of(path, version_files.ENCODER))

    def _plan_to(self, step: int) -> TrainingPlan:
        return replace(self.plan, steps=step)

    def _keep(
        self, adapter: Adapter, examples: Sequence[str], fingerprint: str, plan: TrainingPlan, log: TrainingLog
    ) -> AdapterVersion:
        settings = {
            **as_settings(self.method, plan),
            "system": self.system,
            "fingerprint": fingerprint,
            "compute": str(self.base.compute).removeprefix("torch."),
            **as_setting(self.base.quantization),
        }
        content = version_files.content_of(
            adapter,
            base_name=self.base.label,
            base_digest=self.base.digest,
            parent=self.parent,
            examples=examples,
            settings=settings,
            log=log.as_json(),
        )
        if self.processes.is_main_process:
            version_files.write(content, self.versions.path)
            self.versions.add(content.version)
        self.processes.wait_for_everyone()
        return content.version

    def _tokenized(self, example: Example) -> Tokenized:
        return self.format.tokenized(example, self.system, self.plan.input_tokens, self.plan.output_tokens)

    def _known(self, fingerprint: str) -> AdapterVersion | None:
        """The version that this very training made before, if it is still whole."""
        for version in self.versions.all():
            if version.settings.get("fingerprint") == fingerprint:
                try:
                    return version_files.verify(self.versions.path(version.digest), self.base.digest)
                except VersionError:
                    continue
        return None

    def _fingerprint(self, learned: Sequence[Example], judged: Sequence[Example], step: int) -> str:
        """SHA-256 of everything that decides the weights after `step` steps."""
        about = [RECIPE, self.base.digest, str(self.base.compute), self.system, self.parent]
        about += as_setting(self.base.quantization).values()
        digest = hashlib.sha256(
            json.dumps([about, as_settings(self.method, self._plan_to(step))], sort_keys=True).encode()
        )
        digest.update(json.dumps([[asdict(message) for message in messages] for messages in self.probe]).encode())
        for example in (*learned, *judged):
            digest.update(json.dumps(asdict(example), sort_keys=True).encode())
        return digest.hexdigest()

    def _checkpoint_path(self, fingerprint: str) -> Path:
        return self.work / f"checkpoint-{fingerprint[:16]}.safetensors"

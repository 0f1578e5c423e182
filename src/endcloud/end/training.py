"""Training, from examples to a version; the loop itself is in `endcloud.end.learning`.

Only the adapter's weights move; the base stays as it is, shared with whoever else uses it. Every step takes its
rows by number and its dropout from the seed, so a training that was killed and goes on from its checkpoint ends
with the very weights of one that was not, and two processes under accelerate, each with half the rows of every
step, follow the loss curve of one.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path

import torch
from accelerate import PartialState

from endcloud.end import versions as version_files
from endcloud.end.adapters import Adapter, attach
from endcloud.end.base_model import BaseModel
from endcloud.end.batches import Row, endless_rows
from endcloud.end.chat_format import ChatFormat, Tokenized
from endcloud.end.checkpoint import TrainingLog, read_checkpoint
from endcloud.end.learning import Learning
from endcloud.end.methods import LoRA, Method, TrainingPlan, as_settings
from endcloud.end.objective import Objective, Supervised
from endcloud.end.preference import Preference, Preferred
from endcloud.end.prompt_start import count_for_prompt, example_prompt, start_from_prompt
from endcloud.end.quantization import as_setting
from endcloud.end.tokenized_examples import TokenizedExamples
from endcloud.end.validation import Validation, figures, probe_prompts
from endcloud.errors import TrainingError, VersionError
from endcloud.protocols import Progress, Versions
from endcloud.types import AdapterVersion, Example, Message

RECIPE = 1
"""Raised whenever a change of this code makes other weights from the same input."""


class PeftTrainer:
    """Trains one method by one plan on one base; implements `protocols.Trainer`.

    `system` is the role sentence in front of every example, as in serving. `work` is a directory for the
    checkpoint. `parent` is the version to go on from; empty to start from the base. `probe` are conversations
    answered at every check, so that a chart can show how replies get better; the log keeps the answers. `preference`
    names replies to move away from while the right ones are learned.
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
        preference: Preference | None = None,
    ) -> None:
        self.base, self.method, self.plan, self.versions = base, method, plan, versions
        self.system, self.work, self.parent, self.probe = system, work, parent, probe
        self.preference = preference
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

        def keep(step: int, log: TrainingLog, tokens: int) -> None:
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
            objective = self._objective(learned, texts)
            learning = Learning(
                adapter,
                objective,
                self.plan,
                validation_of,
                self.format,
                self.processes,
                path,
                fingerprints[steps[-1]],
            )
            if checkpoint is not None:
                learning.resume(checkpoint)
            learning.run(self._rows(texts), steps, keep, task)
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

    def _objective(self, learned: Sequence[Example], texts: Sequence[Tokenized]) -> Objective:
        """Plain training, or by pairs where there are any among what is learned."""
        if self.preference is None:
            return Supervised(self.base, texts, self.pad_id)
        poor = {
            number: self._tokenized(replace(example, reply=said))
            for number, example in enumerate(learned)
            if (said := self.preference.poor.get(example.id, "")).strip() not in ("", example.reply.strip())
        }
        return Preferred(self.base, texts, poor, self.pad_id, self.preference.beta)

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
            **(self.preference.as_settings() if self.preference else {}),
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
        if self.preference is not None:
            poor = {example.id: self.preference.poor.get(example.id, "") for example in learned}
            digest.update(json.dumps([self.preference.beta, poor], sort_keys=True).encode())
        for example in (*learned, *judged):
            digest.update(json.dumps(asdict(example), sort_keys=True).encode())
        return digest.hexdigest()

    def _checkpoint_path(self, fingerprint: str) -> Path:
        return self.work / f"checkpoint-{fingerprint[:16]}.safetensors"

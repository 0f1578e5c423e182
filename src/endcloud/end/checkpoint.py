"""One file that a killed training goes on from: weights, optimizer, best weights so far and the loss curve.

It is a single safetensors file written beside its place and renamed, so it is always whole. It names the exact
training it belongs to; another one's checkpoint is never continued. Nothing random is in it: the order of the
rows and the dropout of each step follow from the seed and the step.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

Curve = list[tuple[int, float]]
"""(step, loss in nats a token), oldest first."""

_ADAM = ("exp_avg", "exp_avg_sq", "step")


@dataclass
class TrainingLog:
    """What was measured on the way. Losses are nats a token; `best_step` is where validation was lowest.

    `replies` are the answers to the trainer's probe questions at each check: (step, one text a question).
    """

    loss: Curve = field(default_factory=list)
    validation: Curve = field(default_factory=list)
    best_step: int = 0
    replies: list[tuple[int, list[str]]] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> TrainingLog:
        return cls(
            [(step, loss) for step, loss in values["loss"]],
            [(step, loss) for step, loss in values["validation"]],
            values["best_step"],
            [(step, replies) for step, replies in values["replies"]],
        )


@dataclass(frozen=True)
class Checkpoint:
    """Where a training stands after `step` steps."""

    fingerprint: str
    step: int
    log: TrainingLog
    weights: Mapping[str, torch.Tensor]
    optimizer: Mapping[str, torch.Tensor]
    best: Mapping[str, torch.Tensor]

    def write(self, path: Path) -> None:
        groups = {"weights": self.weights, "optimizer": self.optimizer, "best": self.best}
        tensors = {f"{group}/{name}": tensor for group, named in groups.items() for name, tensor in named.items()}
        about = {"fingerprint": self.fingerprint, "step": self.step, **self.log.as_json()}
        data = save(
            {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, {"about": json.dumps(about)}
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)


def read_checkpoint(path: Path, fingerprint: str) -> Checkpoint | None:
    """The checkpoint of the training with this fingerprint; None where there is none or it is another one's."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads(file.metadata()["about"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        return None  # not ours, or of another format: training begins anew and replaces it
    if about.get("fingerprint") != fingerprint:
        return None

    def group(prefix: str) -> dict[str, torch.Tensor]:
        return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}

    return Checkpoint(
        fingerprint, about["step"], TrainingLog.from_json(about), group("weights/"), group("optimizer/"), group("best/")
    )


def optimizer_tensors(optimizer: torch.optim.Optimizer, named: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """AdamW's moments and step counts, by parameter name."""
    return {
        f"{name}/{moment}": optimizer.state[weight][moment]
        for name, weight in named.items()
        if weight in optimizer.state
        for moment in _ADAM
    }


def restore_optimizer(
    optimizer: torch.optim.Optimizer, named: Mapping[str, torch.Tensor], tensors: Mapping[str, torch.Tensor]
) -> None:
    """The inverse of `optimizer_tensors`, onto each parameter's device."""
    for name, weight in named.items():
        optimizer.state[weight] = {
            moment: tensors[f"{name}/{moment}"].clone().to(weight.device if moment != "step" else "cpu")
            for moment in _ADAM
        }

"""One training loop for both scorers: AdamW, warm-up and decay, and a file that a killed training resumes from.

sentence-transformers' own trainers keep optimiser state as pickles and need a further package for their data
sets; its losses are used here with a loop of our own, whose checkpoint is one safetensors file. Nothing random is
in it: each step's batch and dropout follow from the seed and the step.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch.nn.utils import clip_grad_norm_

from endcloud import whole_files
from endcloud.errors import TrainingError
from endcloud.protocols import ProgressTask

_WARM_UP = 0.1  # of the steps
_ADAM = ("exp_avg", "exp_avg_sq", "step")
_SECONDS = 8.0  # between two checkpoints, and
_TIMES = 20.0  # at least this many times what writing one took
_SHOWN = 10  # steps between two figures

Curve = list[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how fast one model learns. `passes` over the exchanges; more fits them better, and then too well."""

    passes: float
    batch: int
    rate: float
    seed: int

    def steps(self, exchanges: int) -> int:
        return max(1, round(self.passes * exchanges / self.batch))


def learn(
    model: torch.nn.Module,
    loss: Callable[[int], torch.Tensor],
    steps: int,
    plan: Plan,
    checkpoint: Path,
    fingerprint: str,
    task: ProgressTask,
) -> Curve:
    """Minimises `loss(step)` over `model` in place; returns (step, mean loss since the last point).

    Goes on from `checkpoint` where it belongs to `fingerprint`, and removes it at the end.

    Raises:
        TrainingError: the loss is no number any more.
    """
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=plan.rate, weight_decay=0.01)
    done, curve = _resume(checkpoint, f"{fingerprint} {steps} {asdict(plan)}", model, optimizer)
    task.advance(done)
    written, took, recent = time.monotonic(), 0.0, [0.0][:0]
    model.train()
    for step in range(done, steps):
        optimizer.param_groups[0]["lr"] = plan.rate * _schedule(step, steps)
        with torch.random.fork_rng():
            torch.manual_seed(plan.seed * 1_000_003 + step)
            value = loss(step)
        if not torch.isfinite(value):
            raise TrainingError(
                f"The loss is {float(value.detach())!r} at step {step}; train with a lower rate than {plan.rate}."
            )
        optimizer.zero_grad()
        torch.autograd.backward(value)
        clip_grad_norm_(weights, 1.0)
        optimizer.step()
        recent.append(float(value.detach()))
        if (step + 1) % _SHOWN == 0 or step + 1 == steps:
            curve.append((step + 1, sum(recent) / len(recent)))
            recent.clear()
        task.advance(1, loss=curve[-1][1] if curve else recent[-1])
        if time.monotonic() - written > max(_SECONDS, _TIMES * took):
            began = time.monotonic()
            _keep(checkpoint, f"{fingerprint} {steps} {asdict(plan)}", model, optimizer, step + 1, curve)
            written = time.monotonic()
            took = written - began
    model.eval()
    checkpoint.unlink(missing_ok=True)
    return curve


def _schedule(step: int, steps: int) -> float:
    warm = max(1.0, _WARM_UP * steps)
    return min((step + 1) / warm, max(0.0, (steps - step) / max(1.0, steps - warm)))


def _keep(
    path: Path, training: str, model: torch.nn.Module, optimizer: torch.optim.Optimizer, step: int, curve: Curve
) -> None:
    tensors = {f"model/{name}": weight for name, weight in model.named_parameters()}
    for name, weight in model.named_parameters():
        state = optimizer.state.get(weight, {})
        tensors |= {f"{moment}/{name}": state[moment] for moment in _ADAM if moment in state}
    about = json.dumps({"training": training, "step": step, "curve": curve})
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    whole_files.write(path, save(plain, {"about": about}))


def _resume(path: Path, training: str, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> tuple[int, Curve]:
    """Loads what a killed run of this training left; (0, []) where there is none or it is another one's."""
    if not path.is_file():
        return 0, []
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads(file.metadata()["about"])
            if about["training"] != training:
                return 0, []
            found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        return 0, []  # of another format: training begins anew and replaces it
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.copy_(found[f"model/{name}"])
            if f"step/{name}" in found:
                optimizer.state[weight] = {
                    moment: found[f"{moment}/{name}"].to("cpu" if moment == "step" else weight.device)
                    for moment in _ADAM
                }
    return int(about["step"]), [(int(step), float(value)) for step, value in about["curve"]]

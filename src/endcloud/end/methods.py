"""The three ways to teach the end model (Table IV), and how long and how fast each is taught.

`LoRA` adds low-rank corrections to linear modules. `PrefixTuning` and `PTuningV2` put learned key/values in
front of every layer; they differ in that Prefix-Tuning makes them by a small network, and P-Tuning v2 learns
them directly. (In PEFT both are `PrefixTuningConfig`; its own `PromptEncoder` is P-Tuning v1, not in the paper.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, Literal

from endcloud.errors import UsageError

MethodName = Literal["lora", "prefix-tuning", "p-tuning-v2"]
Schedule = Literal["cosine", "constant"]
METHOD_NAMES: tuple[MethodName, ...] = ("lora", "prefix-tuning", "p-tuning-v2")


@dataclass(frozen=True, slots=True)
class LoRA:
    """Low-rank adaptation (Hu et al., 2021): W + (alpha / rank)·B·A.

    A higher `rank` can learn more and costs more memory; a higher `alpha` makes each step count more;
    `dropout` protects against learning few examples by heart. `targets` says which linear modules of each
    decoder layer are adapted: the query, key and value projections (as the original ChatGLM code does), or all.
    """

    rank: int = 8
    alpha: int = 32
    dropout: float = 0.1
    targets: Literal["query-key-value", "all"] = "query-key-value"
    name: ClassVar[MethodName] = "lora"


@dataclass(frozen=True, slots=True)
class PrefixTuning:
    """Prefix-Tuning (Li and Liang, 2021): key/values of `virtual_tokens` positions, made by a two-layer network.

    `projection_size` is the width of that network (None: the model's hidden size). `start` is where training
    begins: from the key/values of a real prompt, which learns far better, or at random, as the paper's would.
    """

    virtual_tokens: int = 128
    projection_size: int | None = None
    start: Literal["prompt", "random"] = "prompt"
    name: ClassVar[MethodName] = "prefix-tuning"


@dataclass(frozen=True, slots=True)
class PTuningV2:
    """P-Tuning v2 (Liu et al., 2021): the same key/values, learned directly, without the network."""

    virtual_tokens: int = 128
    start: Literal["prompt", "random"] = "prompt"
    name: ClassVar[MethodName] = "p-tuning-v2"


Method = LoRA | PrefixTuning | PTuningV2


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """How long and how fast is taught. One step uses `rows` × `accumulation` rows.

    With `packing` a row holds as many examples as fit into `row_tokens`; without it, exactly one. More rows
    make steps steadier and slower. The learning rate rises over the first `warmup` share of the steps and then
    falls along a cosine to a tenth. Every `check_every` steps the validation loss is measured on at most
    `validation_examples` examples and a checkpoint is written; the best weights are kept. A kill loses at
    most that many steps.

    With the `constant` schedule the rate never changes and the last weights are kept, so that a version says what so
    many steps do and is the same whether or not the run went on: several step counts can be had from one run.
    """

    steps: int
    learning_rate: float
    rows: int = 8
    row_tokens: int = 128
    packing: bool = True
    accumulation: int = 1
    input_tokens: int = 256
    output_tokens: int = 512
    schedule: Schedule = "cosine"
    warmup: float = 0.05
    weight_decay: float = 0.0
    clip: float = 1.0
    check_every: int = 40
    validation_examples: int = 128
    seed: int = 0


_FAST: Mapping[str, tuple[Method, TrainingPlan]] = {
    "lora": (LoRA(rank=16, dropout=0.0, targets="all"), TrainingPlan(400, 4e-3, check_every=100)),
    "prefix-tuning": (PrefixTuning(128, start="random"), TrainingPlan(300, 1e-2, check_every=100)),
    "p-tuning-v2": (PTuningV2(128, start="random"), TrainingPlan(300, 3e-1, check_every=100)),
}
"""Measured on the bundled shop and its nano model, for training of about half a minute each on two processor cores
(docs/results.md). The rates are for that small model: choose those of a larger one on its validation loss."""

# Table IV gives rate, batch, steps and lengths. It does not give the schedule: warm-up, cosine, clipping and the
# distance of checkpoints are ours.
_PAPER_PLAN = TrainingPlan(
    steps=30_000,
    learning_rate=5e-5,
    rows=1,
    packing=False,
    input_tokens=256,
    output_tokens=512,
    check_every=500,
)
_PAPER: Mapping[str, tuple[Method, TrainingPlan]] = {
    "lora": (LoRA(rank=8, alpha=32, dropout=0.1, targets="query-key-value"), _PAPER_PLAN),
    "prefix-tuning": (PrefixTuning(128, start="random"), _PAPER_PLAN),
    "p-tuning-v2": (PTuningV2(128, start="random"), _PAPER_PLAN),
}

_LARGE_PLAN = TrainingPlan(
    1_000, 2e-4, rows=1, row_tokens=1024, accumulation=4, input_tokens=512, output_tokens=512, check_every=100
)
_LARGE: Mapping[str, tuple[Method, TrainingPlan]] = {
    "lora": (LoRA(rank=16, dropout=0.05, targets="all"), _LARGE_PLAN),
    "prefix-tuning": (PrefixTuning(128), replace(_LARGE_PLAN, learning_rate=5e-5)),
    "p-tuning-v2": (PTuningV2(128), replace(_LARGE_PLAN, learning_rate=2e-2)),
}
"""For bases from half a billion parameters on: one packed row at a time, so that it fits beside the weights, and
published rates: 2e-4 for LoRA on all linear modules (Dettmers et al., 2023, up to 13B), 5e-5 for Prefix-Tuning (Li and
Liang, 2021), 2e-2 for P-Tuning v2 (ChatGLM-6B's own training script). Not tried here: there were no such weights."""

PRESETS: Mapping[str, Mapping[str, tuple[Method, TrainingPlan]]] = {"fast": _FAST, "large": _LARGE, "paper": _PAPER}


def preset(name: str, method: str) -> tuple[Method, TrainingPlan]:
    """The method and plan of a preset; raises UsageError for a name there is not."""
    if name not in PRESETS:
        raise UsageError(f"The preset {name!r} does not exist; use one of {', '.join(PRESETS)}.")
    if method not in PRESETS[name]:
        raise UsageError(f"The method {method!r} does not exist; use one of {', '.join(METHOD_NAMES)}.")
    return PRESETS[name][method]


def as_settings(method: Method, plan: TrainingPlan) -> dict[str, Any]:
    """Both as plain values, for a version's manifest."""
    return {"method": {"name": method.name, **asdict(method)}, "plan": asdict(plan)}


def method_from_settings(settings: Mapping[str, Any]) -> Method:
    """The inverse of `as_settings` for the method."""
    values = dict(settings["method"])
    kinds: dict[str, type[Method]] = {kind.name: kind for kind in (LoRA, PrefixTuning, PTuningV2)}
    return kinds[values.pop("name")](**values)

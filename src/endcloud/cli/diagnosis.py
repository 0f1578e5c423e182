"""What `endcloud doctor` looks at: settings, machine, model, cloud, fonts, and what a training would take.

Estimates are rough on purpose and say so: they count the bytes of weights, optimiser and activations, and time
one matrix product on this machine to know how fast it multiplies.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from endcloud.assembly.masking import uploads_nothing
from endcloud.assembly.shop import STAND_IN, Shop
from endcloud.assembly.training import TrainingChoice, plan_of
from endcloud.errors import EndcloudError

if TYPE_CHECKING:
    from endcloud.end.base_model import BaseModel
    from endcloud.end.methods import TrainingPlan

_GIB = 2**30


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `bad` is what must be mended before the loop can run."""

    name: str
    state: Literal["ok", "note", "bad"]
    says: str


def diagnose(shop: Shop, *, ask: bool = False) -> list[Finding]:
    """Looks at everything; with `ask`, one short question goes to the cloud through guard and ledger."""
    return [
        Finding("settings", "ok", f"{shop.directory.settings.name} is valid"),
        *_machine(),
        *_policies(shop),
        *_cloud(shop, ask),
        *_end_model(shop),
        _ledger(shop),
        _fonts(),
    ]


def _machine() -> Iterator[Finding]:
    import psutil
    import torch

    memory = psutil.virtual_memory()
    yield Finding("python", "ok", f"{sys.version.split()[0]} on {platform.system()} {platform.machine()}")
    yield Finding(
        "processor", "ok", f"{os.cpu_count()} cores, torch {torch.__version__} uses {torch.get_num_threads()}"
    )
    state: Literal["ok", "note"] = "ok" if memory.available > 2 * _GIB else "note"
    yield Finding("memory", state, f"{memory.available / _GIB:.1f} of {memory.total / _GIB:.1f} GiB are free")
    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        yield Finding("gpu", "ok", f"{torch.cuda.get_device_name()}: {free / _GIB:.1f} of {total / _GIB:.1f} GiB free")
    else:
        yield Finding("gpu", "note", "none: small models train on the processor; a 6B model needs a GPU")
    free_disk = shutil.disk_usage(Path.cwd()).free
    yield Finding("disk", "ok" if free_disk > 2 * _GIB else "note", f"{free_disk / _GIB:.1f} GiB are free")


def _ledger(shop: Shop) -> Finding:
    from endcloud.assembly.ledger import verify_ledger

    found = verify_ledger(shop)
    if found.whole:
        return Finding("ledger", "ok", f"{found.rows:,} rows, whole")
    return Finding("ledger", "bad", f"{found.findings[0]} `endcloud ledger verify` says all.")


def _policies(shop: Shop) -> Iterator[Finding]:
    rules = len(shop.policies.lines)
    if rules:
        yield Finding("policies", "ok", f"{rules} rules in policies.md")
    else:
        yield Finding("policies", "note", "no rules in policies.md: labels with facts from nowhere are only flagged")


def _cloud(shop: Shop, ask: bool) -> Iterator[Finding]:
    settings = shop.settings.cloud
    if why := uploads_nothing(shop):
        yield Finding("cloud", "ok", f"{why} The end model and people do all")
        return
    if not settings.base_url or not settings.model:
        yield Finding("cloud", "bad", "none is set up; set cloud.base_url and cloud.model")
        return
    if settings.base_url == STAND_IN:
        yield Finding("cloud", "note", "the stand-in on this machine: good for trying, not for serving customers")
    elif not os.environ.get(settings.key_variable):
        yield Finding("cloud", "bad", f"the environment variable {settings.key_variable} holds no key")
    else:
        yield Finding("cloud", "ok", f"{settings.model} at {settings.base_url}, key in {settings.key_variable}")
    if settings.model not in settings.prices:
        yield Finding("price", "bad", f"cloud.prices has no {settings.model!r}, so the budget could not be kept")
    left = settings.budget - shop.budget.spent()
    yield Finding(
        "budget", "ok" if left > 0 else "bad", f"{left:.4f} of {settings.budget:.2f} {settings.currency} left"
    )
    if ask:
        yield _asked(shop)


def _asked(shop: Shop) -> Finding:
    import asyncio

    from endcloud.types import Message, Request, Sampling

    async def one_word() -> str:
        request = Request((Message("user", "你好"),), sampling=Sampling(max_tokens=8))
        return "".join([delta.text async for delta in shop.cloud.stream(request)])

    began = time.monotonic()
    try:
        said = asyncio.run(one_word())
    except EndcloudError as error:
        return Finding("answer", "bad", str(error))
    return Finding("answer", "ok", f"{said[:20]!r} after {time.monotonic() - began:.1f} s")


def _end_model(shop: Shop) -> Iterator[Finding]:
    from endcloud.assembly.base import on_this_machine
    from endcloud.cli.footprint import estimate

    settings = shop.settings.end
    _, plan = plan_of(settings, TrainingChoice())
    if needed := estimate(settings.model, _tokens(plan), settings.quantization):
        yield Finding("memory needed", "note", needed)
    if not on_this_machine(shop):
        says = f"{settings.model!r} is not on this machine; the first training fetches it from the hub"
        yield Finding("end model", "note", says)
        return
    try:
        base = shop.base
    except EndcloudError as error:
        yield Finding("end model", "bad", str(error))
        return
    parameters = int(base.model.num_parameters())
    kind = base.model.config.model_type
    held = "" if base.quantization == "none" else f", held in {base.quantization}"
    what = f"{base.label} ({kind}, {parameters / 1e6:,.1f} M parameters{held}) on {base.device}"
    yield Finding("end model", "ok", what)
    yield Finding("a training", "note", _training(base, plan, parameters))


def _training(base: BaseModel, plan: TrainingPlan, parameters: int) -> str:
    """Memory: weights, plus what the forward pass keeps for the backward one. Time: 6 operations a weight and token."""
    from endcloud.end.memory import activations
    from endcloud.end.quantization import bytes_of_weights

    config, tokens = base.model.config.get_text_config(decoder=True), _tokens(plan)
    kept = activations(tokens, config.hidden_size, config.num_hidden_layers, config.vocab_size)
    memory = bytes_of_weights(base.model) + kept
    seconds = 6 * parameters * tokens * plan.accumulation * plan.steps / _operations_a_second(base)
    minutes = f"{seconds / 60:.0f} min" if seconds > 90 else f"{seconds:.0f} s"
    return f"{plan.steps} steps of {tokens} tokens: about {memory / _GIB:.2f} GiB and {minutes} (within a factor of 3)"


def _tokens(plan: TrainingPlan) -> int:
    """How many tokens go through the model at once in training."""
    return plan.rows * (plan.row_tokens if plan.packing else plan.input_tokens + plan.output_tokens)


def _operations_a_second(base: BaseModel) -> float:
    """How fast this device multiplies matrices of the model's width, at the third of its best that training sees."""
    import torch

    size = int(base.model.config.get_text_config(decoder=True).hidden_size)
    left = torch.ones(1024, size, device=base.device, dtype=base.compute)
    right = torch.ones(size, size * 3, device=base.device, dtype=base.compute)
    for _ in range(3):
        left @ right
    began = time.monotonic()
    for _ in range(10):
        product = left @ right
    float(product[0, 0])  # waits for the device
    return 10 * 2 * 1024 * size * size * 3 / (time.monotonic() - began) / 3


def _fonts() -> Finding:
    from endcloud.scoring.fonts import cjk_family

    font = cjk_family()
    if font:
        return Finding("fonts", "ok", f"charts show Chinese in {font}")
    return Finding("fonts", "note", "no Chinese font: PNG charts number their labels and give a key")

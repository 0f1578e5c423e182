"""What would differential privacy cost? The same training with and without clipping each example's gradient and noise.

    python benchmarks/private_training.py                    # LoRA at three noises; about 15 minutes on one core
    python benchmarks/private_training.py --method prefix-tuning --steps 40 --noise 0.54

Each method is trained by the real loop on the bundled shop's labels; then again with DP-SGD (Abadi et al., 2016):
every example is a row of its own, its gradient over the adapter's weights is clipped to a norm, and Gaussian noise is
added to the sum. That way fits all three methods, since it knows only `Learning`; Opacus' own layers were not made for
key/values in front. Noise 0 clips only. With `opacus` installed its accountant says which epsilon each noise stands for
(delta 1e-5, as if rows were drawn by chance, which is the usual convention). Printed in one run: seconds a step, peak
memory, the last losses, and how many of 300 unseen questions the version answers rightly.
"""

from __future__ import annotations

import argparse
import importlib
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import psutil
import torch

from endcloud.assembly import Shop
from endcloud.assembly.candidates import began_with
from endcloud.assembly.training import TrainingChoice, plan_of
from endcloud.bundled.held_out import combinations
from endcloud.bundled.shop import load_shop
from endcloud.bundled.truth import judge
from endcloud.cli import bundled_shop
from endcloud.end import training
from endcloud.end.batches import Row
from endcloud.end.learning import Learning
from endcloud.end.methods import METHOD_NAMES
from endcloud.testing.silent_progress import SilentProgress
from endcloud.types import Sampling

NORM = 1.0
ROWS = 32
DELTA = 1e-5
QUESTIONS = 300


class PrivateLearning(Learning):
    """Learning in which no example moves the weights by more than NORM, and noise hides whether it was there."""

    noise = 0.0

    def _gradients(self, step: int, rows: Sequence[Row]) -> tuple[float, float]:
        weights = list(self.weights.values())
        sums = [torch.zeros_like(one) for one in weights]
        total = 0.0
        self.adapter.peft.train()
        for number, row in enumerate(rows):
            self.optimizer.zero_grad()
            torch.manual_seed(hash((self.plan.seed, step, number)) % 2**63)
            loss = self.objective.of_rows(self.adapter, [row])
            torch.autograd.backward(loss.total / max(loss.weight, 1e-9))
            gradients = [one.grad if one.grad is not None else torch.zeros_like(one) for one in weights]
            size = torch.sqrt(torch.stack([gradient.pow(2).sum() for gradient in gradients]).sum())
            share = torch.clamp(NORM / (size + 1e-12), max=1.0)
            for held, gradient in zip(sums, gradients, strict=True):
                held += gradient * share
            total += float(loss.total.detach()) / max(loss.weight, 1e-9)
            self.tokens += loss.tokens
        for one, held in zip(weights, sums, strict=True):
            one.grad = held + torch.randn_like(held) * (self.noise * NORM)
        return total, float(len(rows))


def epsilon(noise: float, share: float, steps: int) -> str:
    """What the noise promises, by Opacus' accountant; a question mark where it is not installed."""
    if noise <= 0:
        return "none"
    try:
        accountant = importlib.import_module("opacus.accountants").RDPAccountant()
    except ImportError:
        return "?"
    accountant.history = [(noise, share, steps)]
    return f"{accountant.get_epsilon(DELTA):.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", choices=METHOD_NAMES, default="lora")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--labels", type=int, default=2_000)
    parser.add_argument("--noise", type=float, nargs="+", default=[0.0, 0.5, 1.0])
    parser.add_argument("--shop", type=Path, help="where the shop is made, or was made before")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        root = asked.shop or Path(made) / "shop"
        bundled_shop.set_up(root, load_shop())
        with Shop.open(root, SilentProgress()) as shop:
            if not shop.directory.corpus.is_dir():
                shop.prepare([root / bundled_shop.DIALOGUES])
            shop.label(limit=asked.labels)
            compare(shop, asked.method, asked.steps, asked.noise)


def compare(shop: Shop, name: str, steps: int, noises: Sequence[float]) -> None:
    examples = began_with(shop)
    method, plan = plan_of(shop.settings.end, TrainingChoice(name, steps=steps))
    private = replace(plan, rows=ROWS, packing=False, clip=1e9, schedule="constant")
    usual = Learning
    print("| training | noise | epsilon | seconds a step | peak MiB | last loss | right of unseen |")
    print("|---|---|---|---|---|---|---|")
    for noise in [None, *noises]:
        PrivateLearning.noise = noise or 0.0
        training.Learning = usual if noise is None else PrivateLearning  # type: ignore[misc]
        chosen = replace(plan, schedule="constant") if noise is None else private
        given = [replace(one, id=f"{noise}:{one.id}") for one in examples]
        trainer = training.PeftTrainer(
            shop.base, method, chosen, shop.versions, system=shop.role, work=shop.directory.work
        )
        began = time.monotonic()
        version = trainer.train(given, [], SilentProgress())
        took = (time.monotonic() - began) / steps
        loss = training.version_files.training_log(shop.versions.path(version.digest)).loss
        last = sum(value for _, value in loss[-10:]) / len(loss[-10:])
        told = "-" if noise is None else epsilon(noise, ROWS / len(examples), steps)
        peak = psutil.Process().memory_info().rss / 2**20
        print(f"| {name}, {'as usual' if noise is None else 'private'} | {'-' if noise is None else noise} | {told} | "
              f"{took:.3f} | {peak:.0f} | {last:.2f} | {right(shop, version.digest):.2f} |", flush=True)  # fmt: skip


def right(shop: Shop, version: str) -> float:
    """The share of unseen combinations that the version answers rightly."""
    questions = combinations(load_shop(), QUESTIONS, 7)
    sampling = Sampling(max_tokens=shop.settings.end.max_tokens)
    replies = shop.end_model(version).answer_all([one.messages for one in questions], sampling, SilentProgress())
    found = [judge(one.meaning, reply.text).right for one, reply in zip(questions, replies, strict=True)]
    return sum(found) / len(found)


if __name__ == "__main__":
    main()

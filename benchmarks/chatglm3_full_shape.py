"""What ChatGLM3-6B costs on this machine: memory and tokens a second at the paper's setting, with random weights.

    python benchmarks/chatglm3_full_shape.py            # the full shape: 6.24 billion parameters, for a GPU
    python benchmarks/chatglm3_full_shape.py --tiny     # a random small model: shows that the script runs

Speed and memory depend on the shapes alone, so random weights of the full shape measure them truly and need no
download; what the model says is noise. The setting is Table IV's: one example a step, 256 tokens of input, 512 of
output, LoRA of rank 8 on query, key and value, 128 virtual tokens for the prompt methods; replies drawn with top-p 0.8
and temperature 0.6. The paper's card has 24 GB. The figures come from the product's own trainer and end model, and the
hardware is printed with them.
"""

from __future__ import annotations

import argparse
import platform
import resource
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch
from transformers import GlmForCausalLM

from endcloud.end.base_model import BaseModel, choose_device, fast_bfloat16
from endcloud.end.chatglm.architecture import ChatGLM3
from endcloud.end.generation import LocalEndModel
from endcloud.end.methods import METHOD_NAMES, preset
from endcloud.end.training import PeftTrainer
from endcloud.end.versions import VersionDirectory
from endcloud.store.database import Database, sqlite_url
from endcloud.store.versions import StoredVersions
from endcloud.testing.silent_progress import SilentProgress
from endcloud.testing.tiny_base import SYSTEM, tiny_tokenizer
from endcloud.types import Example, Message, Sampling

CARD = 24e9
"""Memory of the paper's card, in bytes."""

LONG = "请问多少钱包邮什么时候发货呢可以开发票吗" * 60
"""More than 512 tokens, so that every example fills the paper's lengths."""


def random_base(model: ChatGLM3, device: torch.device) -> BaseModel:
    """Random weights of that shape, in half precision where the device has it. The tokenizer is a small stand-in: the
    table of embeddings has its full size all the same."""
    tokenizer = tiny_tokenizer("glm")
    dtype = torch.bfloat16 if fast_bfloat16(device) or device.type == "cuda" else torch.float32
    assert tokenizer.eos_token_id is not None
    config = model.glm_config(dtype, pad_id=int(tokenizer.pad_token_id), stop_ids=[int(tokenizer.eos_token_id)])
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with device:
            made = GlmForCausalLM(config)
    finally:
        torch.set_default_dtype(before)
    made.eval().requires_grad_(False)
    return BaseModel(made, tokenizer, "random", "random-chatglm3", device, dtype, dtype)


def example(number: int) -> Example:
    question = Message("user", f"{number}{LONG}")
    return Example(f"e{number}", f"d{number}", "s", (question,), f"{number}{LONG}", "cloud", "random", split="train")


def peak(device: torch.device) -> float:
    """Bytes at the highest so far: the device's own, or the process's on a CPU."""
    if device.type == "cuda":
        return float(torch.cuda.max_memory_allocated(device))
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * 1024


def forget_peak(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def measure_training(base: BaseModel, method: str, steps: int, folder: Path, versions: StoredVersions) -> str:
    """Steps of the paper's plan for one method: the rate that its own progress shows, after all steps."""
    how, plan = preset("paper", method)
    plan = replace(plan, steps=steps, check_every=steps)
    progress = SilentProgress()
    forget_peak(base.device)
    trainer = PeftTrainer(base, how, plan, versions, system=SYSTEM, work=folder)
    trainer.train([example(number) for number in range(steps)], [], progress)
    return row(f"train {method}", float(progress.tasks[0].figures["tokens_per_second"]), peak(base.device))


def measure_generation(base: BaseModel, version: str, rows: int, tokens: int, versions: StoredVersions) -> str:
    model = LocalEndModel(base, versions, system=SYSTEM, version=version)
    asked = [[Message("user", f"{row}{LONG}")] for row in range(rows)]
    model.answer_all(asked[:1], Sampling(0.6, 0.8, 4, seed=1), SilentProgress())  # what is done once
    forget_peak(base.device)
    began = time.perf_counter()
    replies = model.answer_all(asked, Sampling(0.6, 0.8, tokens, seed=1), SilentProgress())
    seconds = time.perf_counter() - began
    drawn, memory = sum(reply.tokens.completion for reply in replies), peak(base.device)
    name = "base" if version == "base" else versions.get(version).method
    return row(f"answer as {name}, {rows} at once", drawn / seconds, memory)


def row(what: str, rate: float, memory: float) -> str:
    return f"| {what} | {rate:,.1f} tokens/s | {memory / 1e9:.1f} GB | {'yes' if memory < CARD else 'no'} |"


def hardware(device: torch.device) -> str:
    if device.type == "cuda":
        about = torch.cuda.get_device_properties(device)
        return f"{about.name}, {about.total_memory / 1e9:.0f} GB"
    return f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="a small shape, to see that it runs")
    parser.add_argument("--steps", type=int, default=30, help="training steps a method")
    parser.add_argument("--tokens", type=int, default=256, help="longest reply drawn")
    options = parser.parse_args()
    small = ChatGLM3(vocabulary=2048, hidden=128, inner=256, layers=4, heads=8, groups=2, head_size=16)
    device = choose_device("auto")
    base = random_base(small if options.tiny else ChatGLM3(), device)
    print(f"{base.model.num_parameters() / 1e9:.3f} billion random parameters, {base.dtype}, on {hardware(device)}")
    print(f"| what | speed | peak memory | fits in {CARD / 1e9:.0f} GB |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database = Database(sqlite_url(folder / "store.db"))
        versions = StoredVersions(database, VersionDirectory(folder / "versions"))
        for method in METHOD_NAMES:
            print(measure_training(base, method, options.steps, folder, versions), flush=True)
        for version in ("base", *(version.digest for version in versions.all())):
            for rows in (1, 16):
                print(measure_generation(base, version, rows, options.tokens, versions), flush=True)
        database.close()


if __name__ == "__main__":
    main()

"""What a base in 8 or 4 bits gains and costs in memory and speed: one random model, each precision in one run.

    python benchmarks/quantization.py [--hidden 1024] [--layers 4] [--device cpu]

The model has Qwen3's architecture and random weights: no score can be measured on it (`endcloud evaluate
--quantization int8,int4` does that on a shop), but bytes and seconds do not depend on what the weights say. Rounds
alternate between the precisions, and the best of each counts, so that a busy machine disturbs all of them alike.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from endcloud.end.base_model import BaseModel, load_base
from endcloud.end.quantization import bytes_of_weights
from endcloud.testing.tiny_base import save_tiny_base

HELD = (("float32", "none"), ("bfloat16", "none"), ("float32", "int8"), ("bfloat16", "int8"), ("bfloat16", "int4"))
ROWS, LENGTH, DRAWN = 8, 64, 8


def seconds(work: Callable[[], object], device: torch.device) -> float:
    began = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


def ids(base: BaseModel, rows: int, length: int) -> torch.Tensor:
    return torch.randint(20, 200, (rows, length), device=base.device)


@torch.no_grad()
def read(base: BaseModel) -> None:
    """A batch of prompts through the model."""
    base.model(input_ids=ids(base, ROWS, LENGTH), logits_to_keep=1)


@torch.no_grad()
def write(base: BaseModel) -> None:
    """One reply, token by token."""
    cache = None
    for _ in range(DRAWN):
        output = base.model(input_ids=ids(base, 1, 1), past_key_values=cache, use_cache=True)
        cache = output.past_key_values


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hidden", type=int, default=1024)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    shape = {
        "hidden_size": options.hidden,
        "intermediate_size": 3 * options.hidden,
        "num_hidden_layers": options.layers,
        "num_attention_heads": options.hidden // 64,
        "num_key_value_heads": options.hidden // 128,
        "head_dim": 128,
        "initializer_range": 0.02,
    }
    with tempfile.TemporaryDirectory() as folder:
        name = str(save_tiny_base("qwen3", Path(folder), **shape))
        bases = {held: load_base(name, device=options.device, precision=held[0], quantization=held[1]) for held in HELD}
    best: dict[tuple[tuple[str, str], str], float] = {}
    for _ in range(options.rounds + 1):  # the best counts, so the first round may warm up
        for held, base in bases.items():
            for kind, work in (("read", read), ("write", write)):
                took = seconds(lambda work=work, base=base: work(base), base.device)
                best[held, kind] = min(best.get((held, kind), took), took)
    print(f"{options.device}, {torch.get_num_threads()} threads, {options.layers} layers of {options.hidden}")
    print(f"{'base':<22}{'MiB':>8}{'prompt tokens/s':>17}{'ratio':>7}{'reply tokens/s':>16}{'ratio':>7}")
    first = HELD[0]
    for held, base in bases.items():
        speed = {"read": ROWS * LENGTH / best[held, "read"], "write": DRAWN / best[held, "write"]}
        ratio = {kind: best[first, kind] / best[held, kind] for kind in speed}
        label = held[0] if held[1] == "none" else f"{held[1]} ({held[0]})"
        print(
            f"{label:<22}{bytes_of_weights(base.model) / 2**20:>8.0f}"
            f"{speed['read']:>17.0f}{ratio['read']:>7.2f}{speed['write']:>16.1f}{ratio['write']:>7.2f}"
        )


if __name__ == "__main__":
    main()

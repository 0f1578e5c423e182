"""How much memory a copy of a base takes to train on, and how much is free: looked at before anything is loaded.

Weights are counted from the headers of the files, so that a base of many GB is judged without reading it. What a step
of training keeps is an estimate, right within a factor of 2.
"""

from __future__ import annotations

import json
from pathlib import Path

import psutil
import torch
from transformers import AutoConfig

from endcloud.end.base_model import choose_device, choose_precision, directory_of

_PROCESS = 700_000_000
"""Bytes of a process with torch and transformers and no model in it (measured: 0.6 GB)."""
_QUANTIZED = {"int8": 1.02, "int4": 0.53}
"""Bytes of a weight with its scales, of the linear modules of the layers."""
_CGROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory.stat"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
        "/sys/fs/cgroup/memory/memory.stat",
    ),
)
"""Limit, usage and their parts, as containers have them: version 2, then version 1."""


def activations(tokens: int, hidden: int, layers: int, vocabulary: int) -> int:
    """Bytes that a forward pass over `tokens` keeps for the backward one, in 16 bits: about 34 a token, unit and layer
    (Korthikanti et al., 2022, without attention maps), and the logits twice."""
    return 34 * tokens * hidden * layers + 8 * tokens * vocabulary


def needed(name_or_path: str, *, device: str, precision: str, quantization: str, tokens: int) -> int:
    """Bytes that a process takes which trains on this base with `tokens` at once."""
    directory, where = directory_of(name_or_path), choose_device(device)
    held, compute = choose_precision(precision, where, directory)
    config = AutoConfig.from_pretrained(directory, local_files_only=True).get_text_config(decoder=True)
    kept = activations(tokens, config.hidden_size, config.num_hidden_layers, config.vocab_size)
    process = _PROCESS if where.type != "cuda" else _PROCESS // 2
    return weights(directory, held.itemsize, quantization) + kept * compute.itemsize // 2 + process


def weights(directory: Path, itemsize: int, quantization: str = "none") -> int:
    """Bytes of a base's weights, `itemsize` bytes each, those of the layers' linear modules less where quantised."""
    small = _QUANTIZED.get(quantization, itemsize)
    total = 0.0
    for path in directory.glob("*.safetensors"):
        for name, shape in _shapes(path).items():
            in_layers = len(shape) == 2 and any(part.isdigit() for part in name.split("."))
            total += _product(shape) * (small if in_layers else itemsize)
    return int(total)


def free(device: torch.device) -> int:
    """Bytes that a new process can have on this device; within a container, of what the container may have."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return min(int(psutil.virtual_memory().available), *map(_left_of, _CGROUPS))


def _left_of(files: tuple[str, str, str]) -> int:
    """What a container's limit leaves; pages of files that it holds can be given back and count as free."""
    try:
        limit, used = (int(Path(name).read_text()) for name in files[:2])
        parts = dict(line.split() for line in Path(files[2]).read_text().splitlines())
        return limit - used + int(parts.get("total_inactive_file", parts.get("inactive_file", 0)))
    except (OSError, ValueError):  # no such file, or "max"
        return 2**63 - 1


def _shapes(path: Path) -> dict[str, list[int]]:
    """The tensors' shapes, from the header of a safetensors file."""
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return {name: about["shape"] for name, about in header.items() if name != "__metadata__"}


def _product(shape: list[int]) -> int:
    size = 1
    for length in shape:
        size *= length
    return size

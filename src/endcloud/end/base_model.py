"""Loads the base model the student starts from: any causal language model that transformers knows by itself.

The model comes from a directory or, by a name that the operator gave, from the hub; only safetensors are read
and no code that comes with a model is ever run. Its digest is taken from the content of its files, so that an
adapter can refuse a base it was not made for, whatever that base is called.
"""

from __future__ import annotations

import copy
import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch
from huggingface_hub import snapshot_download
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.pytorch_utils import Conv1D
from transformers.utils import logging as hf_logging

from endcloud.end.quantization import make_steady, quantization_config, shared_state
from endcloud.errors import ModelError

MODEL_FILES = (
    "config.json",
    "generation_config.json",
    "*.safetensors",
    "*.safetensors.index.json",
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template*",
)
"""The files that decide how a model answers; all others, a README say, leave its digest alone."""

_PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_LARGE = 1_000_000_000
"""From this many parameters on, weights on a CPU are held in bfloat16 to halve their memory."""


@dataclass(frozen=True)
class BaseModel:
    """A frozen model on its device.

    `dtype` is how weights are held that are not quantised, `compute` how training multiplies them, and
    `quantization` how the linear modules of the layers are held: none, int8 or int4.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    digest: str
    name: str
    device: torch.device
    dtype: torch.dtype
    compute: torch.dtype
    quantization: str = "none"

    @property
    def label(self) -> str:
        """The name to write into versions: a hub name, or the last part of a directory, never a machine's path."""
        path = Path(self.name).expanduser()
        return path.resolve().name if path.is_dir() else self.name

    def tree(self) -> PreTrainedModel:
        """The model with modules of its own on the same weights: an adapter put into it disturbs nobody else."""
        shared = [*self.model.parameters(), *self.model.buffers(), *shared_state(self.model)]
        return copy.deepcopy(self.model, {id(each): each for each in shared})


def load_base(
    name_or_path: str, *, device: str = "auto", precision: str = "auto", quantization: str = "none"
) -> BaseModel:
    """Loads model and tokenizer, frozen and in evaluation mode.

    `device` is auto, cpu, cuda, cuda:N or mps; `precision` is auto, float32, bfloat16 or float16; `quantization` is
    none, int8 or int4. Raises ModelError where the model is missing, is of a kind transformers does not know, has no
    safetensors, or where this machine lacks the device or what quantisation needs.
    """
    hf_logging.disable_progress_bar()  # our own progress says what a person needs to know
    directory = directory_of(name_or_path)
    where = choose_device(device)
    held, compute = choose_precision(precision, where, directory)
    bits = quantization_config(quantization, where, compute)
    try:
        tokenizer = AutoTokenizer.from_pretrained(directory, local_files_only=True, trust_remote_code=False)
        model = AutoModelForCausalLM.from_pretrained(
            directory,
            dtype=held,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            attn_implementation="sdpa",
            # Quantised weights are made on their device while they are read; others are moved when they are there.
            **({"quantization_config": bits, "device_map": {"": str(where)}} if bits else {}),
        )
    except (ValueError, OSError, KeyError, ImportError, RuntimeError) as error:
        raise ModelError(f"The base model {name_or_path!r} cannot be loaded: {_first_line(error)}") from error
    _freeze(model if bits else nn.Module.to(model, where))
    model.config.use_cache = True
    return BaseModel(model, tokenizer, base_digest(directory), name_or_path, where, held, compute, quantization)


def base_digest(directory: Path) -> str:
    """SHA-256 over names and contents of the files that decide how the model answers (64 hex digits)."""
    names = sorted({path.name for pattern in MODEL_FILES for path in directory.glob(pattern) if path.is_file()})
    digest = hashlib.sha256()
    for name in names:
        with (directory / name).open("rb") as file:
            digest.update(f"{name}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()


def choose_device(device: str = "auto") -> torch.device:
    """The device named, or the best one there is: CUDA, then MPS, then CPU."""
    has = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if device == "auto":
        return torch.device(next(kind for kind, there in has.items() if there))
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise ModelError(f"The device {device!r} does not exist; use auto, cpu, cuda or mps.") from error
    if not has.get(chosen.type, False):
        raise ModelError(f"The device {device!r} is not there on this machine; use device = auto or cpu.")
    return chosen


def fast_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 multiplies faster than float32 here; a CPU needs AVX512-BF16 or AMX for that."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
        return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    return False


def choose_precision(precision: str, device: torch.device, directory: Path) -> tuple[torch.dtype, torch.dtype]:
    """How weights are held and how training computes."""
    if precision != "auto":
        if precision not in _PRECISIONS:
            raise ModelError(f"The precision {precision!r} does not exist; use auto or one of {list(_PRECISIONS)}.")
        return _PRECISIONS[precision], _PRECISIONS[precision]
    fast = torch.bfloat16 if fast_bfloat16(device) else torch.float32
    if device.type == "cuda":
        return (fast, fast) if fast is torch.bfloat16 else (torch.float32, torch.float32)
    return (fast if _bytes_of_weights(directory) > 2 * _LARGE else torch.float32), fast


def _freeze(model: PreTrainedModel) -> None:
    """Nothing in the base learns or drops out, and quantised weights stay as they are."""
    model.eval().requires_grad_(False)
    make_steady(model)


def _bytes_of_weights(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.glob("*.safetensors"))


def directory_of(name_or_path: str) -> Path:
    """The local directory of a model; a hub name is downloaded, unless it looks like a path."""
    path = Path(name_or_path).expanduser()
    if not path.is_dir():
        looks_like_a_path = path.is_absolute() or name_or_path.startswith((".", "~")) or name_or_path.count("/") != 1
        if looks_like_a_path:
            raise ModelError(f"The base model {name_or_path!r} is neither a directory nor a name like 'owner/model'.")
        try:
            path = Path(snapshot_download(name_or_path, allow_patterns=list(MODEL_FILES)))
        except Exception as error:  # the hub's client raises errors of many libraries
            raise ModelError(f"The base model {name_or_path!r} could not be fetched: {_first_line(error)}") from error
    if not (path / "config.json").is_file():
        raise ModelError(f"The base model {str(path)!r} has no config.json; name a directory saved by transformers.")
    if not any(path.glob("*.safetensors")):
        raise ModelError(f"The base model {str(path)!r} has no *.safetensors; convert it, pickles are not read.")
    try:
        AutoConfig.from_pretrained(path, local_files_only=True, trust_remote_code=False)
    except (ValueError, OSError, KeyError) as error:
        raise ModelError(f"The base model {str(path)!r} is of an unknown kind: {_first_line(error)}") from error
    return path


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def key_value_shape(model: PreTrainedModel) -> tuple[int, int, int]:
    """Layers, key/value heads and head size: the shape of what a prompt method puts in front."""
    config = model.config.get_text_config(decoder=True)
    heads = int(config.num_attention_heads)
    head_size = int(getattr(config, "head_dim", None) or config.hidden_size // heads)
    return int(config.num_hidden_layers), int(getattr(config, "num_key_value_heads", None) or heads), head_size


def decoder_linears(model: PreTrainedModel) -> dict[str, nn.Module]:
    """Every linear module of the decoder's layers by its path (the output head is not among them)."""
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, (nn.Linear, Conv1D)) and any(part.isdigit() for part in name.split("."))
    }

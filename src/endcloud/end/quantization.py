"""The base held in 8 or 4 bits, for consumer cards and small machines, by bitsandbytes.

`int8` is LLM.int8() (Dettmers et al., 2022): one scale a row, and columns of outlying activations multiplied in full.
`int4` is NF4 with double quantisation (QLoRA, Dettmers et al., 2023). Only the linear modules of the layers are
quantised; embeddings, norms and the output head stay as they are, and so does everything an adapter adds.
Weights are quantised while they are loaded, so a base in full precision is never in memory as a whole.

The base's files, and so its digest, are the same in every precision: a version can be put on any of them. What it
answers is another matter, and `precision_note` is the sentence to say then.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any, Literal, get_args

import torch
from torch import nn
from transformers import BitsAndBytesConfig, PreTrainedModel

from endcloud.errors import ModelError
from endcloud.types import AdapterVersion

Quantization = Literal["none", "int8", "int4"]
_BLOCK = 64
"""Weights that share a scale in int4. On a processor bitsandbytes silently decodes a row wrongly (errors of a third
instead of a tenth, seen with 0.50.2) whose length is no multiple of it."""

QUANTIZATIONS: tuple[Quantization, ...] = get_args(Quantization)
_SETTING = "quantization"


def quantization_config(quantization: str, device: torch.device, compute: torch.dtype) -> BitsAndBytesConfig | None:
    """What transformers needs to quantise while it loads; None for full precision.

    Raises ModelError for a name there is not, where bitsandbytes is not installed, or where it cannot run.
    """
    if quantization not in QUANTIZATIONS:
        raise ModelError(f"The quantization {quantization!r} does not exist; use one of {', '.join(QUANTIZATIONS)}.")
    if quantization == "none":
        return None
    if find_spec("bitsandbytes") is None:
        raise ModelError(
            f"The quantization {quantization!r} needs bitsandbytes, which is not installed: "
            "run `pip install endcloud[quantized]`, or use quantization = none."
        )
    if device.type not in ("cpu", "cuda"):
        raise ModelError(f"The quantization {quantization!r} is not tried on {device.type!r}; use cpu, cuda, or none.")
    # It says at every multiplication that activations become float16, which is how LLM.int8() works.
    logging.getLogger("bitsandbytes.autograd._functions").setLevel(logging.ERROR)
    if quantization == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=compute,
    )


def make_steady(model: PreTrainedModel) -> None:
    """Keeps quantised weights as they are, whoever uses them; raises ModelError where they would be wrong.

    On a processor with AVX512-BF16, bitsandbytes repacks a 4-bit weight in place when it is first used to answer.
    Repacked weights have rounder scales and pass no gradients on: a training on the same weights would learn
    nothing after its first validation. So they are never repacked. 8-bit modules move their scales at the first
    forward pass; that is done here, before trees are made and threads ask.
    """
    if not hasattr(model, "hf_quantizer"):
        return
    from bitsandbytes.nn.modules import Linear4bit, Linear8bitLt

    for name, module in model.named_modules():
        if isinstance(module, Linear4bit):
            if module.weight.device.type == "cpu" and module.in_features % _BLOCK:
                raise ModelError(
                    f"The base model cannot be held in int4 on a processor: the rows of {name!r} are "
                    f"{module.in_features!r} long, which is no multiple of {_BLOCK}; use int8 or none."
                )
            module.support_avx512bf16_for_cpu = False
        elif isinstance(module, Linear8bitLt) and getattr(module.weight, "CB", None) is not None:
            module.init_8bit_state()


def shared_state(model: nn.Module) -> Iterator[Any]:
    """What belongs to the weights beside parameters and buffers: 8-bit rows with their scales, 4-bit scales."""
    for module in model.modules():
        state = getattr(module, "state", None)
        yield from (
            tensor for tensor in (getattr(state, "CB", None), getattr(state, "SCB", None)) if tensor is not None
        )
        if (scales := getattr(module, "quant_state", None)) is not None:
            yield scales


def bytes_of_weights(model: nn.Module) -> int:
    """The memory that the weights take as they are held, scales included; shared ones count once."""
    tensors: dict[int, torch.Tensor] = {}
    for tensor in (*model.parameters(), *model.buffers(), *_tensors_of(shared_state(model))):
        tensors[tensor.data_ptr()] = tensor
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())


def _tensors_of(states: Iterator[Any]) -> Iterator[torch.Tensor]:
    for state in states:
        if isinstance(state, torch.Tensor):
            yield state
            continue
        while state is not None:  # doubly quantised scales have scales of their own
            yield from (tensor for tensor in (state.absmax, state.code) if tensor is not None)
            state = state.state2 if getattr(state, "nested", False) else None


def as_setting(quantization: str) -> dict[str, str]:
    """What a version's settings say of its base; nothing where it was not quantised, as before there was a choice."""
    return {} if quantization == "none" else {_SETTING: quantization}


def quantization_of(version: AdapterVersion) -> str:
    """What the base was held in when this version was trained."""
    return str(version.settings.get(_SETTING, "none"))


def precision_note(version: AdapterVersion, quantization: str) -> str:
    """The sentence to say where a version answers on another precision than it was trained on; empty otherwise."""
    trained = quantization_of(version)
    if trained == quantization:
        return ""
    return (
        f"Version {version.digest[:8]} was trained on a base in {_words(trained)} and answers on one in "
        f"{_words(quantization)}: what was measured on the one need not hold on the other, so evaluate it here."
    )


def _words(quantization: str) -> str:
    return "full precision" if quantization == "none" else quantization

"""Starts a prompt method from the key/values of a real prompt.

Random key/values mean nothing to a model, and training spends most of its steps on making them mean anything.
The key/values that the base itself computes for real questions and answers of this shop already do. P-Tuning v2
takes them as they are. Prefix-Tuning makes its key/values by a small network, tanh and one linear layer: that
last layer is fitted to them by ridge regression, which is exact where the network is as wide as there are
virtual tokens.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from endcloud.end.adapters import Adapter
from endcloud.end.base_model import key_value_shape
from endcloud.end.chat_format import Tokenized
from endcloud.errors import TrainingError

_RIDGE = 1e-3


def start_from_prompt(adapter: Adapter, prompt: Sequence[int]) -> None:
    """Sets the adapter's key/values to those of `prompt`, of which as many ids are used as it has virtual tokens."""
    encoder = adapter.encoder()
    wanted = prompt_key_values(adapter, prompt)
    with torch.no_grad():
        if not encoder.prefix_projection:
            encoder.embedding.weight.copy_(wanted)
            return
        last = encoder.transform[-1]
        assert isinstance(last, nn.Linear)
        inner = encoder.transform[:-1](encoder.embedding.weight)
        fit_last_layer(last, inner, wanted)


def prompt_key_values(adapter: Adapter, prompt: Sequence[int]) -> torch.Tensor:
    """The base's own key/values for a prompt, (virtual tokens, layers · 2 · heads · head size), float32.

    A prompt shorter than the virtual tokens is repeated until it fills them.
    """
    size = adapter.virtual_tokens
    if not prompt:
        raise TrainingError("A prompt method cannot start from an empty prompt; give it examples or start at random.")
    ids = (list(prompt) * (size // len(prompt) + 1))[:size]
    layers, heads, head_size = key_value_shape(adapter.model)
    with torch.no_grad():
        output = adapter.model(input_ids=torch.tensor([ids], device=adapter.model.device), use_cache=True)
    parts = [tensor[0] for layer in output.past_key_values.layers for tensor in (layer.keys, layer.values)]
    stacked = torch.stack(parts).float()  # (2 · layers, heads, virtual tokens, head size)
    return stacked.permute(2, 0, 1, 3).reshape(size, layers * 2 * heads * head_size)


def fit_last_layer(layer: nn.Linear, inner: torch.Tensor, wanted: torch.Tensor) -> None:
    """Ridge regression of `wanted` (n, out) on `inner` (n, in), bias included, written into the layer."""
    center, target = inner.mean(dim=0), wanted.mean(dim=0)
    # On the CPU, since MPS knows no float64; it is 128 rows or so.
    features, residual = (inner - center).cpu().double(), (wanted - target).cpu().double()
    gram = features @ features.T
    gram += _RIDGE * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
    weight = residual.T @ torch.linalg.solve(gram, features)
    layer.weight.copy_(weight)
    layer.bias.copy_(target - center @ layer.weight.T)


def example_prompt(examples: Sequence[Tokenized], size: int) -> list[int]:
    """Ids of whole training examples, one behind the other, cut at `size`: a prompt as this shop speaks."""
    used = examples[: count_for_prompt(examples, size)]
    return [index for example in used for index in example.ids][:size]


def count_for_prompt(examples: Sequence[Tokenized], size: int) -> int:
    """How many of the first examples fill a prompt of `size` ids."""
    count, filled = 0, 0
    while filled < size and count < len(examples):
        filled += len(examples[count].ids)
        count += 1
    return count

"""The converted model computes what ChatGLM3 computes: held to a statement of its forward pass in plain PyTorch.

The statement below is written from the published architecture (modeling_chatglm.py) and reads the official weights by
their official names. It shares nothing with the conversion or with transformers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from torch.nn import functional
from transformers import AutoModelForCausalLM, DynamicCache, GlmForCausalLM

from endcloud.end.base_model import BaseModel
from endcloud.testing.tiny_chatglm3 import GROUPS, HEAD_SIZE, HEADS, INNER, LAYERS, Weights

EPSILON = 1e-5
VOCABULARY = 1024
Cache = dict[int, tuple[torch.Tensor, torch.Tensor]]


def rms_norm(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return weight * x / (x.pow(2).mean(-1, keepdim=True) + EPSILON).sqrt()


def rotate(x: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    """Turns the first half of each head, (batch, length, heads, head size), pair by pair of neighbours."""
    turned, kept = x[..., : HEAD_SIZE // 2], x[..., HEAD_SIZE // 2 :]
    dimensions = turned.shape[-1]
    theta = 1.0 / 10_000 ** (torch.arange(0, dimensions, 2).float() / dimensions)
    angle = positions[..., None].float() * theta  # (batch, length, pairs)
    cos, sin = angle.cos()[:, :, None], angle.sin()[:, :, None]
    first, second = turned[..., 0::2], turned[..., 1::2]
    pairs = torch.stack([first * cos - second * sin, second * cos + first * sin], dim=-1)
    return torch.cat([pairs.flatten(-2), kept], dim=-1)


@dataclass
class Statement:
    """ChatGLM3's forward pass. `cache` holds keys and values of what went before, (batch, length, groups, size)."""

    weights: Weights
    cache: Cache = field(default_factory=dict)

    def logits(self, ids: torch.Tensor, positions: torch.Tensor, open_to: torch.Tensor) -> torch.Tensor:
        """(batch, length, vocabulary); `open_to` (batch, length, all lengths) says who may look at whom."""
        x = self.weights["transformer.embedding.word_embeddings.weight"][ids]
        for layer in range(LAYERS):
            x = x + self.attention(layer, x, positions, open_to)
            x = x + self.feed_forward(layer, x)
        x = rms_norm(x, self.weights["transformer.encoder.final_layernorm.weight"])
        return x @ self.weights["transformer.output_layer.weight"].T

    def of_layer(self, layer: int, name: str) -> torch.Tensor:
        return self.weights[f"transformer.encoder.layers.{layer}.{name}"]

    def attention(self, layer: int, x: torch.Tensor, positions: torch.Tensor, open_to: torch.Tensor) -> torch.Tensor:
        batch, length, _ = x.shape
        normed = rms_norm(x, self.of_layer(layer, "input_layernorm.weight"))
        name = "self_attention.query_key_value"
        mixed = normed @ self.of_layer(layer, f"{name}.weight").T + self.of_layer(layer, f"{name}.bias")
        query, key, value = mixed.split([HEADS * HEAD_SIZE, GROUPS * HEAD_SIZE, GROUPS * HEAD_SIZE], dim=-1)
        query = rotate(query.reshape(batch, length, HEADS, HEAD_SIZE), positions)
        key = rotate(key.reshape(batch, length, GROUPS, HEAD_SIZE), positions)
        value = value.reshape(batch, length, GROUPS, HEAD_SIZE)
        if layer in self.cache:
            key, value = (torch.cat(both, dim=1) for both in zip(self.cache[layer], (key, value), strict=True))
        self.cache[layer] = key, value
        heads = []
        for head in range(HEADS):
            group = head // (HEADS // GROUPS)  # neighbouring heads share a group's key and value
            scores = query[:, :, head] @ key[:, :, group].transpose(1, 2) / HEAD_SIZE**0.5
            shares = scores.masked_fill(~open_to, float("-inf")).softmax(dim=-1)
            heads.append(shares @ value[:, :, group])
        return torch.cat(heads, dim=-1) @ self.of_layer(layer, "self_attention.dense.weight").T

    def feed_forward(self, layer: int, x: torch.Tensor) -> torch.Tensor:
        normed = rms_norm(x, self.of_layer(layer, "post_attention_layernorm.weight"))
        both = normed @ self.of_layer(layer, "mlp.dense_h_to_4h.weight").T
        return (functional.silu(both[..., :INNER]) * both[..., INNER:]) @ self.of_layer(
            layer, "mlp.dense_4h_to_h.weight"
        ).T


@pytest.fixture(scope="module")
def model(converted: Path) -> GlmForCausalLM:
    """As anyone loads it, with nothing of ours."""
    loaded = AutoModelForCausalLM.from_pretrained(converted)
    assert isinstance(loaded, GlmForCausalLM)
    return loaded.eval()


@pytest.fixture(scope="module")
def ids() -> torch.Tensor:
    return torch.randint(3, VOCABULARY, (3, 41), generator=torch.Generator().manual_seed(5))


def causal(batch: int, length: int) -> torch.Tensor:
    return torch.ones(batch, length, length, dtype=torch.bool).tril()


@torch.no_grad()
def test_whole_sequences_give_the_same_logits(model: GlmForCausalLM, weights: Weights, ids: torch.Tensor) -> None:
    positions = torch.arange(41).expand(3, -1)
    expected = Statement(weights).logits(ids, positions, causal(3, 41))
    assert expected.std() > 0.3  # a model that says something
    assert (model(ids).logits - expected).abs().max() < 1e-5


@torch.no_grad()
def test_rows_padded_at_the_left_give_the_same_logits(
    model: GlmForCausalLM, weights: Weights, ids: torch.Tensor
) -> None:
    pads = (0, 7, 20)
    mask = torch.tensor([[0] * pad + [1] * (41 - pad) for pad in pads])
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    got = model(ids * mask, attention_mask=mask, position_ids=positions).logits
    for row, pad in enumerate(pads):
        alone = ids[row : row + 1, pad:]
        length = alone.shape[1]
        expected = Statement(weights).logits(alone, torch.arange(length)[None], causal(1, length))
        assert (got[row, pad:] - expected[0]).abs().max() < 1e-5


@torch.no_grad()
def test_token_by_token_gives_the_same_logits(model: GlmForCausalLM, weights: Weights, ids: torch.Tensor) -> None:
    statement, cache = Statement(weights), DynamicCache()
    whole = Statement(weights).logits(ids, torch.arange(41).expand(3, -1), causal(3, 41))
    for at, until in [(0, 9), *((step, step + 1) for step in range(9, 41))]:
        piece, positions = ids[:, at:until], torch.arange(at, until).expand(3, -1)
        got = model(piece, past_key_values=cache, use_cache=True).logits
        expected = statement.logits(piece, positions, causal(3, until)[:, at:until])
        assert (expected - whole[:, at:until]).abs().max() < 1e-5  # the statement agrees with itself
        assert (got - expected).abs().max() < 1e-5


@torch.no_grad()
def test_our_own_loading_gives_the_same_logits(chatglm3: BaseModel, weights: Weights, ids: torch.Tensor) -> None:
    expected = Statement(weights).logits(ids, torch.arange(41).expand(3, -1), causal(3, 41))
    assert (chatglm3.model(ids).logits - expected).abs().max() < 1e-5

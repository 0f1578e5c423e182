"""A tiny random ChatGLM3 in the official layout: its settings, names, fused weights and shards, `.bin` or safetensors.

It knows nothing and is called random wherever it shows. It is written from the published layout, not from the code
that imports it, so that the import can be held to it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import save_file

from endcloud import whole_files

Layout = Literal["bin", "safetensors"]
Weights = dict[str, torch.Tensor]

HIDDEN, INNER, LAYERS, HEADS, GROUPS, HEAD_SIZE = 48, 64, 3, 4, 2, 16


def tiny_settings(vocabulary: int) -> dict[str, object]:
    """An official config.json in miniature."""
    return {
        "model_type": "chatglm",
        "architectures": ["ChatGLMModel"],
        "add_bias_linear": False,
        "add_qkv_bias": True,
        "apply_residual_connection_post_layernorm": False,
        "ffn_hidden_size": INNER,
        "hidden_size": HIDDEN,
        "kv_channels": HEAD_SIZE,
        "layernorm_epsilon": 1e-5,
        "multi_query_attention": True,
        "multi_query_group_num": GROUPS,
        "num_attention_heads": HEADS,
        "num_layers": LAYERS,
        "original_rope": True,
        "padded_vocab_size": vocabulary,
        "post_layer_norm": True,
        "rmsnorm": True,
        "seq_length": 1024,
        "tie_word_embeddings": False,
        "torch_dtype": "float16",
    }


def tiny_weights(vocabulary: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> Weights:
    """Random weights under the official names. The embeddings are small, so that the norms' epsilon
    matters; logits are of the order of 1."""
    chance = torch.Generator().manual_seed(seed)

    def random(*shape: int, size: float = 0.2, middle: float = 0.0) -> torch.Tensor:
        return (torch.randn(shape, generator=chance) * size + middle).to(dtype)

    fused = (HEADS + 2 * GROUPS) * HEAD_SIZE
    weights = {
        "transformer.embedding.word_embeddings.weight": random(vocabulary, HIDDEN, size=0.02),
        "transformer.rotary_pos_emb.inv_freq": 1e4
        ** -(torch.arange(0, HEAD_SIZE // 2, 2).to(dtype) / (HEAD_SIZE // 2)),
    }
    for layer in range(LAYERS):
        prefix = f"transformer.encoder.layers.{layer}"
        weights |= {
            f"{prefix}.input_layernorm.weight": random(HIDDEN, middle=1.0),
            f"{prefix}.self_attention.query_key_value.weight": random(fused, HIDDEN),
            f"{prefix}.self_attention.query_key_value.bias": random(fused),
            f"{prefix}.self_attention.dense.weight": random(HIDDEN, HEADS * HEAD_SIZE),
            f"{prefix}.post_attention_layernorm.weight": random(HIDDEN, middle=1.0),
            f"{prefix}.mlp.dense_h_to_4h.weight": random(2 * INNER, HIDDEN),
            f"{prefix}.mlp.dense_4h_to_h.weight": random(HIDDEN, INNER),
        }
    return weights | {
        "transformer.encoder.final_layernorm.weight": random(HIDDEN, middle=1.0),
        "transformer.output_layer.weight": random(vocabulary, HIDDEN, size=0.06),
    }


def save_official(
    directory: Path,
    weights: Mapping[str, torch.Tensor],
    settings: Mapping[str, object],
    tokenizer_model: bytes,
    *,
    layout: Layout = "bin",
    shards: int = 3,
) -> Path:
    """Writes an official directory: about equally many weights a shard, in the order given."""
    whole_files.write(directory / "config.json", json.dumps(settings))
    whole_files.write(directory / "tokenizer.model", tokenizer_model)
    stem, index = ("pytorch_model", "pytorch_model.bin") if layout == "bin" else ("model", "model.safetensors")
    names, weight_map = list(weights), dict[str, str]()
    for number in range(shards):
        mine = names[len(names) * number // shards : len(names) * (number + 1) // shards]
        file = f"{stem}-{number + 1:05d}-of-{shards:05d}.{layout}"
        held = {name: weights[name].contiguous() for name in mine}
        if layout == "bin":
            torch.save(held, directory / file)
        else:
            save_file(held, directory / file)
        weight_map |= dict.fromkeys(mine, file)
    whole_files.write(directory / f"{index}.index.json", json.dumps({"metadata": {}, "weight_map": weight_map}))
    return directory

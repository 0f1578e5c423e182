"""ChatGLM3 and its twin in transformers: how the official names, shapes and settings map onto `GlmForCausalLM`.

ChatGLM3-6B is a pre-norm decoder with RMSNorm, SwiGLU, grouped queries and a rotary embedding on the first half of
each head, in pairs of neighbours. `GlmForCausalLM` computes the same. Only two things differ: the names, and that
the official file keeps query, key and value of a layer in one matrix. So weights are renamed and cut, never computed
with: a half-precision weight comes out bit for bit.

Source: modeling_chatglm.py and configuration_chatglm.py of THUDM/chatglm3-6b.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import GlmConfig

from endcloud.errors import ModelError

_ROTARY_BASE = 10_000.0
_FIXED: Mapping[str, object] = {
    "rmsnorm": True,
    "post_layer_norm": True,
    "add_bias_linear": False,
    "add_qkv_bias": True,
    "multi_query_attention": True,
    "apply_residual_connection_post_layernorm": False,
    "original_rope": True,
    "tie_word_embeddings": False,
}
"""Settings with which the architecture is ChatGLM3's; with others it would silently compute something else."""

_RENAMED = {
    "transformer.embedding.word_embeddings.weight": "model.embed_tokens.weight",
    "transformer.encoder.final_layernorm.weight": "model.norm.weight",
    "transformer.output_layer.weight": "lm_head.weight",
}
_RENAMED_IN_LAYER = {
    "input_layernorm": "input_layernorm",
    "post_attention_layernorm": "post_attention_layernorm",
    "self_attention.dense": "self_attn.o_proj",
    "mlp.dense_h_to_4h": "mlp.gate_up_proj",
    "mlp.dense_4h_to_h": "mlp.down_proj",
}
_FUSED = "self_attention.query_key_value"
DROPPED = "transformer.rotary_pos_emb.inv_freq"
"""Frequencies that the model computes itself; some checkpoints hold them and some do not."""

_LAYER = re.compile(r"transformer\.encoder\.layers\.(\d+)\.(.+)\.(weight|bias)")


@dataclass(frozen=True, slots=True)
class ChatGLM3:
    """The sizes of a ChatGLM3; those of the 6B model are the defaults."""

    vocabulary: int = 65024
    hidden: int = 4096
    inner: int = 13696
    layers: int = 28
    heads: int = 32
    groups: int = 2
    head_size: int = 128
    positions: int = 8192
    epsilon: float = 1e-5
    rope_ratio: float = 1.0

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> ChatGLM3:
        """Reads the official config.json; raises ModelError where it is not a ChatGLM3's."""
        if config.get("model_type") != "chatglm" or "num_layers" not in config:
            raise ModelError(
                f"The model is of type {config.get('model_type')!r}, not a ChatGLM3; "
                "name the directory of the official ChatGLM3-6B checkpoint."
            )
        for name, value in _FIXED.items():
            if config.get(name, value) != value:
                raise ModelError(
                    f"The setting {name} is {config[name]!r}, ChatGLM3 has {value!r}: another architecture."
                )
        try:
            return cls(
                vocabulary=int(config["padded_vocab_size"]),
                hidden=int(config["hidden_size"]),
                inner=int(config["ffn_hidden_size"]),
                layers=int(config["num_layers"]),
                heads=int(config["num_attention_heads"]),
                groups=int(config["multi_query_group_num"]),
                head_size=int(config["kv_channels"]),
                positions=int(config["seq_length"]),
                epsilon=float(config["layernorm_epsilon"]),
                rope_ratio=float(config.get("rope_ratio", 1.0)),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"The config.json of the ChatGLM3 lacks or garbles a size: {error!r}.") from error

    @classmethod
    def of_converted(cls, config: GlmConfig) -> ChatGLM3:
        """The sizes of a model that was converted before."""
        return cls(
            vocabulary=config.vocab_size,
            hidden=config.hidden_size,
            inner=config.intermediate_size,
            layers=config.num_hidden_layers,
            heads=config.num_attention_heads,
            groups=config.num_key_value_heads or config.num_attention_heads,
            head_size=config.head_dim or config.hidden_size // config.num_attention_heads,
            positions=config.max_position_embeddings,
            epsilon=config.rms_norm_eps,
        )

    @property
    def query_rows(self) -> int:
        return self.heads * self.head_size

    @property
    def fused_parts(self) -> dict[str, int]:
        """The rows of the fused matrix, from the top: query, key, value (4096, 256, 256 in the 6B model)."""
        return {
            "q_proj": self.query_rows,
            "k_proj": self.groups * self.head_size,
            "v_proj": self.groups * self.head_size,
        }

    def linear_shapes(self) -> dict[str, tuple[int, int]]:
        """(rows, columns) of the linear modules of one layer, by their official names."""
        return {
            _FUSED: (sum(self.fused_parts.values()), self.hidden),
            "self_attention.dense": (self.hidden, self.query_rows),
            "mlp.dense_h_to_4h": (2 * self.inner, self.hidden),
            "mlp.dense_4h_to_h": (self.hidden, self.inner),
        }

    def official_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of every weight of the official checkpoint by name, `DROPPED` apart."""
        shapes: dict[str, tuple[int, ...]] = {
            "transformer.embedding.word_embeddings.weight": (self.vocabulary, self.hidden),
            "transformer.encoder.final_layernorm.weight": (self.hidden,),
            "transformer.output_layer.weight": (self.vocabulary, self.hidden),
        }
        for layer in range(self.layers):
            prefix = f"transformer.encoder.layers.{layer}"
            shapes |= {f"{prefix}.{name}.weight": shape for name, shape in self.linear_shapes().items()}
            shapes[f"{prefix}.{_FUSED}.bias"] = (sum(self.fused_parts.values()),)
            shapes |= {f"{prefix}.{name}.weight": (self.hidden,) for name in _RENAMED_IN_LAYER if "norm" in name}
        return shapes

    def convert(self, name: str, weight: torch.Tensor) -> dict[str, torch.Tensor]:
        """One official weight under its new names: views of it, so that nothing is copied or computed."""
        if name == DROPPED:
            return {}
        if name in _RENAMED:
            return {_RENAMED[name]: weight}
        found = _LAYER.fullmatch(name)
        assert found, name
        layer, module, kind = found.groups()
        return {f"model.layers.{layer}.{path}.{kind}": part for path, part in self.split(module, weight).items()}

    def split(self, module: str, rows: torch.Tensor) -> dict[str, torch.Tensor]:
        """What belongs to one official module of a layer, by the names of the new modules; the fused one is cut."""
        if module != _FUSED:
            return {_RENAMED_IN_LAYER[module]: rows}
        parts = torch.split(rows, list(self.fused_parts.values()))
        return {f"self_attn.{name}": part for name, part in zip(self.fused_parts, parts, strict=True)}

    def glm_config(self, dtype: torch.dtype, pad_id: int, stop_ids: Sequence[int]) -> GlmConfig:
        """The config.json of the converted model; the ids are its tokenizer's."""
        return GlmConfig(
            architectures=["GlmForCausalLM"],
            vocab_size=self.vocabulary,
            hidden_size=self.hidden,
            intermediate_size=self.inner,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            num_key_value_heads=self.groups,
            head_dim=self.head_size,
            hidden_act="silu",
            max_position_embeddings=self.positions,
            rms_norm_eps=self.epsilon,
            rope_parameters={
                "rope_type": "default",
                "rope_theta": _ROTARY_BASE * self.rope_ratio,
                "partial_rotary_factor": 0.5,
            },
            attention_bias=True,
            tie_word_embeddings=False,
            pad_token_id=pad_id,
            bos_token_id=None,
            eos_token_id=list(stop_ids),
            dtype=dtype,
        )

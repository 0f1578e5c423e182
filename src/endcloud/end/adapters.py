"""Puts an adapter on a base model by PEFT, and takes it off again as plain tensors.

Two shapes of state come out. What is *served* is PEFT's own file: LoRA's matrices, or the flat key/values of a
prompt method. What is *trained* is `trainable_state`: for prompt methods the parameters of the encoder, which
PEFT's file does not hold when there is a projection, and without which training could not go on.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from peft import LoraConfig, PeftConfig, PeftModel, PrefixEncoder, PrefixTuningConfig, TaskType, get_peft_model
from peft.utils import get_peft_model_state_dict, set_peft_model_state_dict
from transformers import DynamicCache, PreTrainedModel

from endcloud.end.base_model import BaseModel, decoder_linears, key_value_shape
from endcloud.end.methods import LoRA, Method, PrefixTuning
from endcloud.errors import ModelError, VersionError

Tensors = Mapping[str, torch.Tensor]

PROMPT_KEY = "prompt_embeddings"
"""PEFT's name for the flat key/values of a prompt method, (virtual tokens, layers · 2 · heads · head size)."""


@dataclass(frozen=True)
class Adapter:
    """An adapter attached to a module tree of its own. `model` is that tree with LoRA's modules in it, if any."""

    peft: PeftModel
    model: PreTrainedModel
    method: Method

    def parameters(self) -> dict[str, torch.nn.Parameter]:
        """What is trained, by name, in a stable order."""
        found = {name: weight for name, weight in self.peft.named_parameters() if weight.requires_grad}
        return dict(sorted(found.items()))

    @property
    def virtual_tokens(self) -> int:
        """Positions that the adapter puts in front; 0 for LoRA."""
        return 0 if isinstance(self.method, LoRA) else self.method.virtual_tokens

    def key_values(self) -> torch.Tensor | None:
        """The flat key/values in front, (virtual tokens, layers · 2 · heads · head size); None for LoRA."""
        if isinstance(self.method, LoRA):
            return None
        encoder = self.encoder()
        flat: torch.Tensor = encoder(torch.arange(self.method.virtual_tokens, device=encoder.embedding.weight.device))
        return flat

    def encoder(self) -> PrefixEncoder:
        """PEFT's module that makes the key/values of a prompt method."""
        encoder = self.peft.get_submodule("prompt_encoder.default")
        assert isinstance(encoder, PrefixEncoder)
        return encoder

    def trainable_state(self) -> dict[str, torch.Tensor]:
        return {name: weight.detach().clone().contiguous() for name, weight in self.parameters().items()}

    def load_trainable_state(self, state: Tensors) -> None:
        """Raises VersionError where the names or shapes are not those of this adapter."""
        mine = self.parameters()
        if {n: t.shape for n, t in state.items()} != {n: w.shape for n, w in mine.items()}:
            raise VersionError("The saved training state does not fit this method and base; train from the base anew.")
        with torch.no_grad():
            for name, weight in mine.items():
                weight.copy_(state[name])

    def served_state(self) -> dict[str, torch.Tensor]:
        """PEFT's own file of this adapter, as tensors on the CPU."""
        state = get_peft_model_state_dict(self.peft)
        return {name: tensor.detach().cpu().clone().contiguous() for name, tensor in sorted(state.items())}

    def load_served_state(self, state: Tensors) -> None:
        """Puts PEFT's own file back (LoRA). Raises VersionError where keys, shapes or values are not right."""
        check_state(self.served_state(), state)
        set_peft_model_state_dict(self.peft, dict(state))

    def config(self) -> PeftConfig:
        return self.peft.peft_config["default"]


def attach(base: BaseModel, method: Method) -> Adapter:
    """A fresh adapter, on a module tree that shares the base's weights but nothing else."""
    tree = base.tree()
    with warnings.catch_warnings():
        # PEFT asks for an attribute under a name that transformers 5 calls deprecated; nobody here can change that.
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*", category=FutureWarning)
        peft = get_peft_model(tree, _config(base.model, method))
    for weight in peft.parameters():
        if weight.requires_grad:
            weight.data = weight.data.float()  # the adapter trains in full precision, however the base is held
    return Adapter(peft, tree, method)


def load_lora(base: BaseModel, method: LoRA, state: Tensors) -> PreTrainedModel:
    """A tree of the base with these LoRA matrices in it, for answering. Raises VersionError for wrong keys."""
    adapter = attach(base, method)
    adapter.load_served_state(state)
    adapter.peft.eval().requires_grad_(False)
    return adapter.model


def check_state(expected: Tensors, state: Tensors) -> None:
    """PEFT loads half an adapter with a warning, and one full of NaN in silence: we raise VersionError."""
    missing, surplus = sorted(expected.keys() - state.keys()), sorted(state.keys() - expected.keys())
    if missing or surplus:
        raise VersionError(
            f"The adapter lacks {len(missing)} of {len(expected)} tensors {missing[:2]!r} "
            f"and has {len(surplus)} unknown ones {surplus[:2]!r}; train it again."
        )
    for name, tensor in state.items():
        if tensor.shape != expected[name].shape:
            raise VersionError(
                f"The adapter's tensor {name!r} has the shape {tuple(tensor.shape)!r}, "
                f"this base needs {tuple(expected[name].shape)!r}."
            )
    check_finite(state)


def check_finite(state: Tensors) -> None:
    for name, tensor in state.items():
        if not bool(torch.isfinite(tensor).all()):
            raise VersionError(f"The adapter's tensor {name!r} holds values that are not finite; train it again.")


def lora_targets(model: PreTrainedModel, which: str) -> list[str]:
    """The last names of the linear modules to adapt, found in the decoder's layers of whatever architecture.

    "all" takes every one in attention and MLP; "query-key-value" those of attention except its output projection.
    """
    names = {name.rsplit(".", 1)[-1]: name for name in decoder_linears(model)}
    if which == "query-key-value":
        chosen = [
            leaf
            for leaf, path in names.items()
            if "att" in path and not leaf.startswith(("o_", "out", "dense", "c_proj"))
        ]
    else:
        chosen = list(names)
    if not chosen:
        raise ModelError(
            f"No linear modules for LoRA ({which!r}) were found in a model of type {model.config.model_type!r}."
        )
    return sorted(chosen)


def cache_of(model: PreTrainedModel, flat: torch.Tensor, rows: int, dtype: torch.dtype) -> DynamicCache:
    """A cache that holds the same key/values in front of each of `rows` rows.

    `flat` is (virtual tokens, layers · 2 · heads · head size), the layout of PEFT's prefix encoder.
    """
    layers, heads, size = key_value_shape(model)
    tensors = flat.to(dtype).view(flat.shape[0], layers * 2, heads, size).permute(1, 2, 0, 3)
    shared = tensors.unsqueeze(1).expand(-1, rows, -1, -1, -1)
    return DynamicCache([(shared[2 * layer], shared[2 * layer + 1]) for layer in range(layers)])


def _config(model: PreTrainedModel, method: Method) -> PeftConfig:
    if isinstance(method, LoRA):
        return LoraConfig(
            task_type=TaskType.CAUSAL_LM,
            r=method.rank,
            lora_alpha=method.alpha,
            lora_dropout=method.dropout,
            target_modules=lora_targets(model, method.targets),
        )
    layers, heads, size = key_value_shape(model)
    projected = isinstance(method, PrefixTuning)
    width = method.projection_size if isinstance(method, PrefixTuning) else None
    return PrefixTuningConfig(
        task_type=TaskType.CAUSAL_LM,
        num_virtual_tokens=method.virtual_tokens,
        num_layers=layers,
        num_attention_heads=heads,
        token_dim=heads * size,
        encoder_hidden_size=width or int(model.config.get_text_config(decoder=True).hidden_size),
        prefix_projection=projected,
    )

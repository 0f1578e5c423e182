"""Tiny random base models of three architectures, saved as transformers saves them: a base in milliseconds.

They know nothing, and can learn a handful of sentences by heart: enough to hold every promise of training and
answering to. Their tokenizers set the known traps: byte tokens registered as special, a `<think>` that is an
added token but not a special one, and a template that thinks unless told not to.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch
from tokenizers import Tokenizer, decoders, models, trainers
from transformers import (
    Glm4Config,
    Glm4ForCausalLM,
    GlmConfig,
    GlmForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from endcloud.types import Example, Message

Kind = Literal["glm", "glm4", "qwen3"]

GLM_TEMPLATE = (
    "[gMASK]<sop>{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
QWEN_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
SYSTEM = "你是小铺的客服。"
TEXTS = [
    "请问多少钱包邮",
    "满五十九元包邮哦",
    "什么时候发货呢",
    "四十八小时内发货",
    "可以开发票吗",
    "可以的亲，请留下邮箱",
]


def tiny_tokenizer(kind: Kind) -> PreTrainedTokenizerFast:
    """A byte-fallback BPE over a few sentences; the control tokens are those of the kind."""
    controls = ["<pad>", "<|endoftext|>"] + (
        ["[gMASK]", "<sop>", "<|system|>", "<|user|>", "<|assistant|>"]
        if kind != "qwen3"
        else ["<|im_start|>", "<|im_end|>"]
    )
    bytes_ = [f"<0x{value:02X}>" for value in range(256)]
    inner = Tokenizer(models.BPE(byte_fallback=True, unk_token=None))
    trainer = trainers.BpeTrainer(
        vocab_size=420, special_tokens=controls + bytes_, initial_alphabet=list("system user assistant\n<|>")
    )
    inner.train_from_iterator([SYSTEM, *TEXTS] * 3, trainer)
    inner.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    eos = "<|im_end|>" if kind == "qwen3" else "<|endoftext|>"
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, pad_token="<pad>", eos_token=eos)
    tokenizer.chat_template = QWEN_TEMPLATE if kind == "qwen3" else GLM_TEMPLATE
    if kind == "qwen3":
        tokenizer.add_tokens(["<think>", "</think>"])
    return tokenizer


def tiny_model(kind: Kind, tokenizer: PreTrainedTokenizerFast, **changes: Any) -> PreTrainedModel:
    """A random model; `changes` are values of its configuration."""
    torch.manual_seed(0)
    shape: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": 48,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "max_position_embeddings": 1024,
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "bos_token_id": None,
        "tie_word_embeddings": True,
        "initializer_range": 0.2,
        **changes,
    }
    if kind == "glm":
        return GlmForCausalLM(GlmConfig(**shape))
    return Glm4ForCausalLM(Glm4Config(**shape)) if kind == "glm4" else Qwen3ForCausalLM(Qwen3Config(**shape))


def save_tiny_base(kind: Kind, directory: Path, *, template: str = "", **changes: Any) -> Path:
    """Writes a tiny base as transformers does; `template` replaces its chat template, `changes` its configuration."""
    tokenizer = tiny_tokenizer(kind)
    tokenizer.chat_template = template or tokenizer.chat_template
    tiny_model(kind, tokenizer, **changes).save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory


def tiny_example(number: int, **changes: Any) -> Example:
    question, reply = TEXTS[2 * (number % 3)], TEXTS[2 * (number % 3) + 1]
    messages = (Message("user", "在吗" * (number % 4 + 1)), Message("assistant", "在的亲"), Message("user", question))
    values: dict[str, Any] = {
        "id": f"e{number}",
        "dialogue": f"d{number}",
        "subject": "s",
        "messages": messages if number % 2 else messages[2:],
        "reply": reply,
        "origin": "cloud",
        "source": "test",
        "split": "train",
    }
    return Example(**{**values, **changes})

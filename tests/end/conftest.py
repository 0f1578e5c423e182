"""Two tiny random bases of different architecture, saved as transformers saves them, and a directory of versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, trainers
from transformers import (
    GlmConfig,
    GlmForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from endcloud.end.base_model import BaseModel, load_base
from endcloud.end.versions import VersionDirectory
from endcloud.types import AdapterVersion, Example, Message

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


def make_tokenizer(kind: str) -> PreTrainedTokenizerFast:
    """A byte-fallback BPE over a few sentences; every byte token is registered as special for `glm`, as a trap."""
    controls = ["<pad>", "<|endoftext|>"] + (
        ["[gMASK]", "<sop>", "<|system|>", "<|user|>", "<|assistant|>"]
        if kind == "glm"
        else ["<|im_start|>", "<|im_end|>"]
    )
    bytes_ = [f"<0x{value:02X}>" for value in range(256)]
    inner = Tokenizer(models.BPE(byte_fallback=True, unk_token=None))
    trainer = trainers.BpeTrainer(
        vocab_size=420, special_tokens=controls + bytes_, initial_alphabet=list("system user assistant\n<|>")
    )
    inner.train_from_iterator([SYSTEM, *TEXTS] * 3, trainer)
    inner.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    eos = "<|endoftext|>" if kind == "glm" else "<|im_end|>"
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, pad_token="<pad>", eos_token=eos)
    tokenizer.chat_template = GLM_TEMPLATE if kind == "glm" else QWEN_TEMPLATE
    if kind == "qwen3":
        tokenizer.add_tokens(["<think>", "</think>"])
    return tokenizer


def make_model(kind: str, tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    torch.manual_seed(0)
    shape = {
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
    }
    return GlmForCausalLM(GlmConfig(**shape)) if kind == "glm" else Qwen3ForCausalLM(Qwen3Config(**shape))


def save_base(kind: str, directory: Path) -> Path:
    tokenizer = make_tokenizer(kind)
    make_model(kind, tokenizer).save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory


@pytest.fixture(scope="session", params=["glm", "qwen3"])
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> BaseModel:
    directory = save_base(request.param, tmp_path_factory.mktemp(request.param))
    return load_base(str(directory), device="cpu", precision="float32")


@pytest.fixture(scope="session")
def glm(tmp_path_factory: pytest.TempPathFactory) -> BaseModel:
    return load_base(str(save_base("glm", tmp_path_factory.mktemp("glm"))), device="cpu", precision="float32")


def make_example(number: int, **changes: Any) -> Example:
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


class Rows(VersionDirectory):
    """A version directory with the rows about versions in memory, as the store keeps them: `protocols.Versions`."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.metrics_of: dict[str, dict[str, Any]] = {}
        self.standings: dict[str, Any] = {}

    def add(self, version: AdapterVersion) -> None:
        self.standings.setdefault(version.digest, "candidate")

    def get(self, digest: str) -> AdapterVersion:
        return self.read(digest)

    def standing(self, digest: str) -> Any:
        return self.standings[digest]

    def stand(self, digest: str, standing: Any, reason: str) -> None:
        self.standings[digest] = standing

    def active(self) -> str | None:
        return next((digest for digest, standing in self.standings.items() if standing == "active"), None)

    def measure(self, digest: str, metrics: Mapping[str, Any]) -> None:
        self.metrics_of.setdefault(digest, {}).update(metrics)

    def metrics(self, digest: str) -> dict[str, Any]:
        return self.metrics_of.get(digest, {})


class Told:
    """A progress that remembers what it was told."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.figures: list[dict[str, Any]] = []

    @contextmanager
    def task(self, name: str, total: int | None, unit: str) -> Iterator[Told]:
        yield self

    def say(self, sentence: str) -> None:
        self.said.append(sentence)

    def advance(self, steps: int = 1, **figures: float | str) -> None:
        self.figures.append(figures)


@pytest.fixture
def rows(tmp_path: Path) -> Rows:
    return Rows(tmp_path / "versions")


@pytest.fixture
def told() -> Told:
    return Told()

"""A random small ChatGLM3 in the official layout, and its tokenizer, trained here with SentencePiece itself."""

from __future__ import annotations

import io
import random
from pathlib import Path

import pytest
import sentencepiece

from endcloud.bundled.shop import load_shop
from endcloud.end.base_model import BaseModel, load_base
from endcloud.end.chatglm.checkpoint import import_checkpoint
from endcloud.testing.silent_progress import SilentProgress
from endcloud.testing.tiny_chatglm3 import Weights, save_official, tiny_settings, tiny_weights

VOCABULARY = 1024


def sentences() -> list[str]:
    """Chinese and Latin text with digits, runs of spaces and signs, so that pieces of every kind are learned."""
    chance = random.Random(3)
    shop = load_shop()
    texts = [str(intent) for intent in shop.intents]
    noise = ["".join(chance.choice("ab 12=-的。") for _ in range(chance.randrange(3, 30))) for _ in range(400)]
    code = [f"    def f{number}(x):  return x == {number}  # ======" for number in range(60)]
    return [*texts, *noise, *code]


@pytest.fixture(scope="session")
def tokenizer_model() -> bytes:
    """A `tokenizer.model` of the official kind: BPE, byte fallback, no normalizing, spaces kept."""
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences()),
        model_writer=written,
        model_type="bpe",
        vocab_size=900,
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        allow_whitespace_only_pieces=True,
        split_digits=True,
        hard_vocab_limit=False,
        num_threads=1,
        minloglevel=2,
    )
    return written.getvalue()


@pytest.fixture(scope="session")
def weights() -> Weights:
    return tiny_weights(VOCABULARY)


@pytest.fixture(scope="session")
def official(tmp_path_factory: pytest.TempPathFactory, weights: Weights, tokenizer_model: bytes) -> Path:
    directory = tmp_path_factory.mktemp("official") / "chatglm3-random"
    return save_official(directory, weights, tiny_settings(VOCABULARY), tokenizer_model)


@pytest.fixture(scope="session")
def converted(tmp_path_factory: pytest.TempPathFactory, official: Path) -> Path:
    destination = tmp_path_factory.mktemp("converted") / "random-chatglm3"
    return import_checkpoint(official, destination, SilentProgress()).directory


@pytest.fixture(scope="session")
def chatglm3(converted: Path) -> BaseModel:
    return load_base(str(converted), device="cpu", precision="float32")

"""The nano end model: ChatGLM3's architecture in miniature, pre-trained on this machine at first use.

No model is downloaded and none is shipped: `nano_base` invents other shops' conversations, learns a
tokenizer from them, pre-trains 4 million parameters in under two minutes, and keeps the result under the
digest of its whole recipe: every data file, every line of the code that makes it, and the versions of the
libraries. A changed recipe is another directory; the old one stays until somebody removes it.

What it knows afterwards: how customers ask, how shops answer, and how to take a fact from a policy that
stands in front of it. What it does not know: anything about this shop. That is left to fine-tuning.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from dataclasses import asdict, dataclass, field
from importlib import resources
from pathlib import Path

import torch
import transformers
from filelock import FileLock
from transformers import GenerationConfig, GlmConfig, GlmForCausalLM, PreTrainedTokenizerFast

from endcloud.bundled.nano_tokenizer import END_OF_TEXT, PADDING, ROLES, VOCABULARY, train_tokenizer
from endcloud.bundled.other_shops import conversations
from endcloud.bundled.pretraining import Schedule, fast_precision, pack, pretrain, rendered
from endcloud.bundled.shop import load_shop
from endcloud.end.chat_format import ChatFormat
from endcloud.protocols import Progress
from endcloud.types import Message

_CODE = (
    "endcloud.bundled:nano.py",
    "endcloud.bundled:nano_tokenizer.py",
    "endcloud.bundled:other_shops.py",
    "endcloud.bundled:other_wordings.py",
    "endcloud.bundled:pretraining.py",
    "endcloud.bundled:shop.py",
    "endcloud.bundled:intents.py",
    "endcloud.bundled:noise.py",
    "endcloud.bundled:wording.py",
    "endcloud.end:chat_format.py",
)
"""What the result depends on besides the data: a changed line is a changed recipe."""

_CONVERSATIONS_A_ROW = 2.3
"""Somewhat more than fit into a row of 256 tokens (2.2), so that no row is seen twice."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides what the nano model becomes, besides code, data and library versions.

    The shape gives 3.98 million parameters. Everything is drawn from `seed`.
    """

    hidden: int = 256
    layers: int = 4
    intermediate: int = 704
    heads: int = 4
    key_value_heads: int = 2
    head_size: int = 64
    vocabulary: int = VOCABULARY
    positions: int = 1024
    schedule: Schedule = field(default_factory=Schedule)
    seed: int = 7


def nano_base(cache: Path, progress: Progress, recipe: Recipe | None = None) -> Path:
    """The HF directory of the nano base model, made at first use and kept under `cache`.

    A run that was interrupted or killed goes on from its last checkpoint; two processes that ask at once
    make it once. Raises TrainingError when pre-training diverges.
    """
    recipe = recipe or Recipe()
    digest = recipe_digest(recipe)
    directory = cache / f"nano-{digest[:16]}"
    if directory.is_dir():
        return directory
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / f"nano-{digest[:16]}.lock"):
        if not directory.is_dir():
            _make(directory, digest, recipe, progress)
    return directory


def recipe_digest(recipe: Recipe) -> str:
    """SHA-256 over the recipe, the data files, the code that reads them and the libraries' versions."""
    digest = hashlib.sha256()
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    digest.update(json.dumps([asdict(recipe), versions], sort_keys=True).encode())
    for name, content in _inputs():
        digest.update(f"\0{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _inputs() -> list[tuple[str, bytes]]:
    """Name and bytes of each file that the texts come from, in a fixed order."""
    found = []
    for name in _CODE:
        package, file = name.split(":")
        found.append((name, resources.files(package).joinpath(file).read_bytes()))
    folders = [resources.files("endcloud.bundled").joinpath("data")]
    while folders:
        for entry in sorted(folders.pop().iterdir(), key=lambda entry: entry.name):
            if entry.is_dir():
                folders.append(entry)
            else:
                found.append((entry.name, entry.read_bytes()))
    return found


def pretraining_texts(recipe: Recipe) -> list[tuple[Message, ...]]:
    """The conversations that the base model learns from, the same for the same recipe."""
    schedule = recipe.schedule
    return conversations(load_shop(), round(schedule.steps * schedule.rows * _CONVERSATIONS_A_ROW), recipe.seed)


def _make(directory: Path, digest: str, recipe: Recipe, progress: Progress) -> None:
    began = time.monotonic()
    checkpoint = directory.with_name(f"{directory.name}.checkpoint.safetensors")
    texts = pretraining_texts(recipe)
    tokenizer = train_tokenizer((message.content for text in texts for message in text), recipe.vocabulary)
    chat = ChatFormat(tokenizer)
    schedule = recipe.schedule
    rows = pack([rendered(text, chat) for text in texts], schedule.width, _id_of(tokenizer, PADDING))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        model = GlmForCausalLM(_config(recipe, tokenizer))
    loss = pretrain(model, rows, schedule, checkpoint, progress)
    figures = {
        "digest": digest,
        "recipe": asdict(recipe),
        "conversations": len(texts),
        "rows": len(rows),
        "parameters": model.num_parameters(),
        "precision": str(fast_precision()).removeprefix("torch."),
        "loss": round(loss, 4),
        "seconds": round(time.monotonic() - began, 1),
    }
    _save(directory, model, tokenizer, figures)
    checkpoint.unlink(missing_ok=True)
    progress.say(
        f"The nano base model is ready: {model.num_parameters() / 1e6:.2f} million parameters, "
        f"{figures['seconds']} s, loss {loss:.3f}."
    )


def _id_of(tokenizer: PreTrainedTokenizerFast, token: str) -> int:
    return tokenizer.get_vocab()[token]


def _config(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> GlmConfig:
    end, user, observation = (_id_of(tokenizer, token) for token in (END_OF_TEXT, ROLES[1], ROLES[3]))
    return GlmConfig(
        vocab_size=recipe.vocabulary,
        hidden_size=recipe.hidden,
        intermediate_size=recipe.intermediate,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        num_key_value_heads=recipe.key_value_heads,
        head_dim=recipe.head_size,
        max_position_embeddings=recipe.positions,
        rms_norm_eps=1e-5,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=[end, user, observation],
    )


def _save(
    directory: Path, model: GlmForCausalLM, tokenizer: PreTrainedTokenizerFast, figures: dict[str, object]
) -> None:
    """Writes the HF directory whole or not at all."""
    partial = directory.with_name(f"{directory.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    model.generation_config = GenerationConfig.from_model_config(model.config)
    model.save_pretrained(partial)
    tokenizer.save_pretrained(partial)
    (partial / "pretraining.json").write_text(json.dumps(figures, indent=2, ensure_ascii=False), encoding="utf-8")
    for file in partial.iterdir():
        with file.open("rb+") as opened:
            os.fsync(opened.fileno())
    partial.replace(directory)

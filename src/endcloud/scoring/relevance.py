"""How well a reply answers a query: a model that reads both together.

A model with one output gives a raw logit, squashed by a sigmoid exactly once; a model with two gives (irrelevant,
relevant), of which softmax column 1 is taken (RocketQA's convention). sentence-transformers would apply the activation
saved with a model, which may be none or already a sigmoid, so only its logits are asked for and squashed here.
Qwen3-Reranker answers yes or no: the two logits are its two classes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol

import torch
from sentence_transformers import CrossEncoder
from transformers import BatchEncoding, PreTrainedTokenizerBase

from endcloud.errors import ModelError
from endcloud.scoring import model_directory
from endcloud.scoring.length_batches import length_batches
from endcloud.scoring.pair_tokens import code_pairs
from endcloud.scoring.precision import Precision, at_precision
from endcloud.scoring.qwen3_reranker import Qwen3Reranker
from endcloud.scoring.rocketqa import RocketQA

Kind = Literal["cross-encoder", "bge-reranker", "gte-reranker", "rocketqa", "qwen3-reranker"]
Pair = tuple[str, str]

_BATCH = 4096  # padded tokens in a batch


class PairModel(Protocol):
    """What reads pairs: its tokens, and its logits."""

    module: torch.nn.Module
    tokenizer: PreTrainedTokenizerBase
    outputs: int

    def code(self, pairs: Sequence[Pair]) -> tuple[BatchEncoding, int]:
        """The token ids of each pair, unpadded, and how many pairs were cut."""
        ...

    def logits(self, features: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """(n, outputs), for padded features on the module's device."""
        ...


class CrossEncoderRelevance:
    """A `Scorer` over (query, reply) pairs."""

    range = (0.0, 1.0)

    def __init__(
        self,
        directory: Path | str,
        *,
        kind: Kind = "cross-encoder",
        name: str = "",
        device: str | None = None,
        precision: Precision = "float32",
        instruction: str = "",
        batch_tokens: int = _BATCH,
    ) -> None:
        """Loads the model from `directory`; `device` None is the processor. Only `qwen3-reranker` is instructed.

        Raises:
            ModelError: the directory holds no model that can be loaded, or one with more than two outputs.
        """
        path = model_directory.find(directory)
        try:
            self._model = _load(path, kind, instruction)
        except (OSError, ValueError, KeyError, ImportError) as error:
            raise ModelError(f"The relevance model in {str(path)!r} cannot be loaded: {error}") from error
        if self._model.outputs not in (1, 2):
            raise ModelError(
                f"The relevance model in {str(path)!r} has {self._model.outputs!r} outputs; "
                "give one with one output (a logit) or two (irrelevant, relevant)."
            )
        self._device = torch.device(device or "cpu")
        self._model.module = at_precision(self._model.module.to(self._device).eval(), precision)
        self.name = name or path.name
        self.digest = model_directory.digest(path, kind, instruction, precision)
        self._batch_tokens = batch_tokens
        self._read = self._cut = 0

    def score(self, pairs: Sequence[Pair]) -> list[float | None]:
        """Relevance in [0, 1] for each (query, reply); 0 where one side says nothing; None for no number."""
        asked = [pair for pair in dict.fromkeys(pairs) if pair[0].strip() and pair[1].strip()]
        values = dict(zip(asked, self._ask(asked), strict=True)) if asked else {}
        return [_known(values[pair]) if pair in values else 0.0 for pair in pairs]

    def remarks(self) -> list[str]:
        """How many pairs were cut so far."""
        if not self._cut:
            return []
        return [f"{self.name}: {self._cut:,} of {self._read:,} pairs ({self._cut / self._read:.1%}) were cut to fit."]

    @torch.inference_mode()
    def _ask(self, pairs: list[Pair]) -> list[float]:
        coded, cut = self._model.code(pairs)
        self._read, self._cut = self._read + len(pairs), self._cut + cut
        found = [math.nan] * len(pairs)
        for batch in length_batches([len(ids) for ids in coded["input_ids"]], self._batch_tokens):
            picked = {name: [coded[name][i] for i in batch] for name in coded}
            features = self._model.tokenizer.pad(picked, return_tensors="pt").to(self._device)
            logits = self._model.logits(features).float()
            for index, value in zip(batch, _probabilities(logits, self._model.outputs), strict=True):
                found[index] = value
        return found


class _Classifier:
    """Any cross-encoder that sentence-transformers loads, asked for its logits only."""

    def __init__(self, path: Path) -> None:
        model = CrossEncoder(str(path), device="cpu", local_files_only=True)
        self.module: torch.nn.Module = model
        self.outputs = int(model.num_labels)
        self.tokenizer: PreTrainedTokenizerBase = model.tokenizer
        positions = getattr(model.config, "max_position_embeddings", 512)
        # RoBERTa counts positions from its padding index, so two of them hold no token
        spare = 2 if "roberta" in str(getattr(model.config, "model_type", "")) else 0
        self.tokens = min(int(model.max_seq_length or 512), int(positions) - spare)

    def code(self, pairs: Sequence[Pair]) -> tuple[BatchEncoding, int]:
        return code_pairs(self.tokenizer, pairs, self.tokens)

    def logits(self, features: Mapping[str, torch.Tensor]) -> torch.Tensor:
        scores: torch.Tensor = self.module(dict(features))["scores"]
        return scores


def _load(path: Path, kind: Kind, instruction: str) -> PairModel:
    if kind == "rocketqa":
        return RocketQA(path)
    if kind == "qwen3-reranker":
        return Qwen3Reranker(path, instruction)
    return _Classifier(path)


def _probabilities(logits: torch.Tensor, outputs: int) -> list[float]:
    """`logits` (n,) or (n, 1) for one output, (n, 2) for two; returns n numbers in [0, 1]."""
    squashed = torch.sigmoid(logits.reshape(-1)) if outputs == 1 else torch.softmax(logits, dim=1)[:, 1]
    return [float(value) for value in squashed]


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None

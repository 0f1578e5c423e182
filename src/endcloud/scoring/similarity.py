"""How alike two replies are: a bi-encoder and the cosine of its two vectors.

Cosines may be negative; Equation 1 and its threshold are stated for [0, 1], so they are clamped there (no squashing:
1 stays "the same").
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from endcloud.scoring import model_directory
from endcloud.scoring.embedding import Kind, TextEncoder
from endcloud.scoring.precision import Precision

QWEN3_SIMILARITY = "Retrieve semantically similar text"
QWEN3_RELEVANCE = "Given a customer's question to an online shop, retrieve replies that answer the question"


class SentenceSimilarity:
    """A `Scorer` over (reply, reply) pairs; symmetric, and each distinct text is encoded once in its life."""

    range = (0.0, 1.0)

    def __init__(
        self,
        directory: Path | str,
        *,
        kind: Kind = "sentence-transformers",
        name: str = "",
        device: str | None = None,
        precision: Precision = "float32",
        tokens: int | None = None,
        instruction: str = "",
    ) -> None:
        """Loads the model from `directory`; `device` None is the processor.

        Only `qwen3-embedding` takes an `instruction`; both replies get it, since neither is the query.

        Raises:
            ModelError: the directory holds no model that can be loaded.
        """
        self._encoder = TextEncoder(directory, kind, device=device, precision=precision, tokens=tokens)
        self._prompt = instructed(instruction or QWEN3_SIMILARITY) if kind == "qwen3-embedding" else ""
        self.name = name or Path(directory).name
        self.digest = model_directory.digest(Path(directory), kind, self._encoder.tokens, self._prompt, precision)

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[float | None]:
        """Cosine in [0, 1] for each pair; 0 where one side says nothing; None where the model gave no number."""
        return cosines(self._encoder, pairs, self._prompt, self._prompt)

    def remarks(self) -> list[str]:
        """How many texts were cut so far."""
        return cut_remark(self.name, self._encoder)


class EmbeddingRelevance:
    """A `Scorer` over (query, reply) pairs by cosine: the query carries the instruction, the reply none.

    Cheaper than a cross-encoder and less exact; its numbers crowd together, so calibrate Θ before use.
    """

    range = (0.0, 1.0)

    def __init__(
        self,
        directory: Path | str,
        *,
        name: str = "",
        device: str | None = None,
        precision: Precision = "float32",
        instruction: str = "",
    ) -> None:
        """Loads a Qwen3-Embedding model. Raises ModelError where the directory holds none."""
        self._encoder = TextEncoder(directory, "qwen3-embedding", device=device, precision=precision)
        self._prompt = instructed(instruction or QWEN3_RELEVANCE)
        self.name = name or Path(directory).name
        self.digest = model_directory.digest(Path(directory), self._encoder.tokens, self._prompt, precision)

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[float | None]:
        """Cosine in [0, 1] for each (query, reply); 0 where one side says nothing; None for no number."""
        return cosines(self._encoder, pairs, self._prompt, "")

    def remarks(self) -> list[str]:
        """How many texts were cut so far."""
        return cut_remark(self.name, self._encoder)


def instructed(instruction: str) -> str:
    """What Qwen3-Embedding expects in front of a query (its model card)."""
    return f"Instruct: {instruction}\nQuery:"


def cosines(
    encoder: TextEncoder, pairs: Sequence[tuple[str, str]], first_prompt: str, second_prompt: str
) -> list[float | None]:
    """Clamped cosines of (first, second) with their prompts in front; a blank text is like nothing."""
    said = [(first_prompt + a, second_prompt + b) for a, b in pairs if a.strip() and b.strip()]
    if not said:
        return [0.0] * len(pairs)
    both = encoder.vectors([text for pair in said for text in pair]).astype(np.float64)
    found = iter((both[0::2] * both[1::2]).sum(axis=1))
    return [_clamped(float(next(found))) if a.strip() and b.strip() else 0.0 for a, b in pairs]


def cut_remark(name: str, encoder: TextEncoder) -> list[str]:
    """One sentence if texts were longer than the model reads."""
    if not encoder.cut:
        return []
    return [
        f"{name} reads {encoder.tokens} tokens of a text: {encoder.cut:,} of {encoder.read:,} texts "
        f"({encoder.cut / encoder.read:.1%}) were cut there."
    ]


def _clamped(cosine: float) -> float | None:
    return min(1.0, max(0.0, cosine)) if math.isfinite(cosine) else None

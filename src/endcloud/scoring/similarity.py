"""How alike two replies are: a sentence-transformers bi-encoder and the cosine of its two vectors.

Any directory that sentence-transformers can load will do. Cosines may be negative; Equation 1 and its
threshold are stated for [0, 1], so they are clamped there (no squashing: 1 stays "the same").
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sentence_transformers import SentenceTransformer

from endcloud.errors import ModelError
from endcloud.scoring import model_directory


class SentenceSimilarity:
    """A `Scorer` over (reply, reply) pairs; symmetric, and each distinct text is encoded once a call."""

    range = (0.0, 1.0)

    def __init__(
        self, directory: Path | str, *, name: str = "", device: str | None = None, batch_size: int = 64
    ) -> None:
        """Loads the model from `directory`; `device` None lets sentence-transformers choose.

        Raises:
            ModelError: the directory holds no model that can be loaded.
        """
        path = model_directory.find(directory)
        try:
            self._model = SentenceTransformer(str(path), device=device, local_files_only=True)
        except (OSError, ValueError, KeyError) as error:
            raise ModelError(f"The similarity model in {str(path)!r} cannot be loaded: {error}") from error
        self.name = name or path.name
        self.digest = model_directory.digest(path)
        self._batch_size = batch_size

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[float | None]:
        """Cosine in [0, 1] for each pair; 0 where one side says nothing; None where the model gave no number."""
        row = {text: index for index, text in enumerate(dict.fromkeys(text for pair in pairs for text in pair))}
        if not row:
            return []
        vectors = self._model.encode(
            list(row), batch_size=self._batch_size, normalize_embeddings=True, show_progress_bar=False
        )
        matrix = np.asarray(vectors, dtype=np.float64)
        return [_cosine(matrix[row[a]], matrix[row[b]]) if a.strip() and b.strip() else 0.0 for a, b in pairs]


def _cosine(first: np.ndarray, second: np.ndarray) -> float | None:
    cosine = float(first @ second)
    return min(1.0, max(0.0, cosine)) if math.isfinite(cosine) else None

"""How well a reply answers a query: a cross-encoder that reads both together.

Any directory that sentence-transformers' `CrossEncoder` can load will do. A model with one output gives a raw
logit, squashed by a sigmoid exactly once; a model with two gives (irrelevant, relevant), of which softmax
column 1 is taken (RocketQA's convention). The library would apply the activation saved with the model, which
may be none or already a sigmoid, so the activation is switched off there and applied here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from sentence_transformers import CrossEncoder

from endcloud.errors import ModelError
from endcloud.scoring import model_directory


class CrossEncoderRelevance:
    """A `Scorer` over (query, reply) pairs."""

    range = (0.0, 1.0)

    def __init__(
        self, directory: Path | str, *, name: str = "", device: str | None = None, batch_size: int = 64
    ) -> None:
        """Loads the model from `directory`; `device` None lets sentence-transformers choose.

        Raises:
            ModelError: the directory holds no model that can be loaded, or one with more than two outputs.
        """
        path = model_directory.find(directory)
        try:
            self._model = CrossEncoder(str(path), device=device, local_files_only=True)
        except (OSError, ValueError, KeyError) as error:
            raise ModelError(f"The relevance model in {str(path)!r} cannot be loaded: {error}") from error
        if self._model.num_labels not in (1, 2):
            raise ModelError(
                f"The relevance model in {str(path)!r} has {self._model.num_labels!r} outputs; "
                "give one with one output (a logit) or two (irrelevant, relevant)."
            )
        self.name = name or path.name
        self.digest = model_directory.digest(path)
        self._batch_size = batch_size

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[float | None]:
        """Relevance in [0, 1] for each (query, reply); 0 where one side says nothing; None for no number."""
        distinct = {pair: index for index, pair in enumerate(dict.fromkeys(pairs))}
        if not distinct:
            return []
        logits = self._model.predict(
            list(distinct),
            batch_size=self._batch_size,
            activation_fn=torch.nn.Identity(),
            convert_to_tensor=True,
            show_progress_bar=False,
        )
        values = _probabilities(logits.float(), self._model.num_labels)
        return [_known(values[distinct[pair]]) if pair[0].strip() and pair[1].strip() else 0.0 for pair in pairs]


def _probabilities(logits: torch.Tensor, labels: int) -> list[float]:
    """`logits` (n,) or (n, 1) for one label, (n, 2) for two; returns n numbers in [0, 1]."""
    if labels == 1:
        return [float(value) for value in torch.sigmoid(logits.reshape(-1))]
    return [float(value) for value in torch.softmax(logits, dim=1)[:, 1]]


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None

"""The similarity scorer: a bi-encoder that learns by in-batch negatives which replies say the same.

Every second batch pairs replies with replies (what the scorer is asked), every other one queries with replies:
that keeps topics apart and gives the encoder that hard negatives for the relevance scorer are mined with. In each
batch the other texts are the negatives, and each pair brings one of its own that differs in a fact
(Henderson et al. 2017; `MultipleNegativesRankingLoss` of sentence-transformers).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from sentence_transformers.util import batch_to_device

from endcloud.errors import ModelError
from endcloud.protocols import Progress
from endcloud.scoring.in_domain.exchanges import Pairs, Triplet
from endcloud.scoring.in_domain.small_bert import LONGEST
from endcloud.scoring.in_domain.steps import Curve, Plan, learn


def load(base: Path, device: str | None) -> SentenceTransformer:
    """A sentence-transformers directory as it is; any other encoder with the mean of its tokens on top.

    Raises:
        ModelError: the directory holds no encoder that can be loaded.
    """
    try:
        if (base / "modules.json").is_file():
            return SentenceTransformer(str(base), device=device, local_files_only=True)
        encoder = Transformer(str(base), max_seq_length=LONGEST, model_kwargs={"local_files_only": True})
        pooling = Pooling(encoder.get_embedding_dimension(), "mean")
        return SentenceTransformer(modules=[encoder, pooling], device=device)
    except (OSError, ValueError, KeyError, AttributeError, RuntimeError) as error:
        raise ModelError(f"The base {str(base)!r} cannot be loaded as an encoder: {error}") from error


def train(
    model: SentenceTransformer, pairs: Pairs, plan: Plan, checkpoint: Path, fingerprint: str, progress: Progress
) -> Curve:
    """Trains `model` in place; returns its loss curve."""
    ranking = MultipleNegativesRankingLoss(model, scale=20.0)
    # Two batches, one of each kind, make a pass over the exchanges.
    steps = 2 * plan.steps(len(pairs.exchanges))

    def loss(step: int) -> torch.Tensor:
        drawn = (pairs.of_replies if step % 2 else pairs.of_queries)(step // 2, plan.batch)
        return _ranked(model, ranking, drawn)

    with progress.task("in-domain similarity", steps, "step") as task:
        return learn(model, loss, steps, plan, checkpoint, fingerprint, task)


def _ranked(
    model: SentenceTransformer, ranking: MultipleNegativesRankingLoss, drawn: Sequence[Triplet]
) -> torch.Tensor:
    columns = [batch_to_device(model.preprocess(list(column)), model.device) for column in zip(*drawn, strict=True)]
    value: torch.Tensor = ranking(columns, torch.zeros(len(drawn)))
    return value


def vectors(model: SentenceTransformer, texts: Sequence[str]) -> NDArray[np.float32]:
    """Unit vectors (texts, size)."""
    found = model.encode(list(texts), batch_size=128, normalize_embeddings=True, show_progress_bar=False)
    return np.asarray(found, dtype=np.float32)

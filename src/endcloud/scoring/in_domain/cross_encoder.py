"""The relevance scorer: a cross-encoder that reads query and reply together and learns which belong together.

For each exchange a batch holds one right pair and three wrong ones: a stranger's reply, a hard negative where
there is one, and the right reply with one fact changed. It ends in one logit with a binary cross-entropy, so that its
sigmoid is a probability in [0, 1].
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from sentence_transformers import CrossEncoder
from sentence_transformers.cross_encoder.losses import BinaryCrossEntropyLoss
from transformers.utils import logging as hf_logging

from endcloud.errors import ModelError
from endcloud.protocols import Progress
from endcloud.scoring import contrasts
from endcloud.scoring.in_domain.exchanges import Pairs
from endcloud.scoring.in_domain.small_bert import LONGEST
from endcloud.scoring.in_domain.steps import Curve, Plan, learn

_WRONG = 3  # wrong pairs for each right one


def load(base: Path, device: str | None, seed: int) -> CrossEncoder:
    """An encoder with a fresh head of one logit, drawn from `seed` where the directory has none.

    Raises:
        ModelError: the directory holds no encoder that can be loaded.
    """
    try:
        with torch.random.fork_rng(), _head_is_meant_to_be_new():
            torch.manual_seed(seed)
            model: CrossEncoder = CrossEncoder(
                str(base), num_labels=1, max_length=LONGEST, device=device, local_files_only=True
            )
            return model
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(f"The base {str(base)!r} cannot be loaded as a cross-encoder: {error}") from error


@contextmanager
def _head_is_meant_to_be_new() -> Iterator[None]:
    """transformers warns of a head that the directory lacks; here that is the point."""
    before = hf_logging.get_verbosity()
    hf_logging.set_verbosity_error()
    try:
        yield
    finally:
        hf_logging.set_verbosity(before)


def train(
    model: CrossEncoder,
    pairs: Pairs,
    negatives: Sequence[Sequence[str]],
    plan: Plan,
    checkpoint: Path,
    fingerprint: str,
    progress: Progress,
    name: str,
) -> Curve:
    """Trains `model` in place on the exchanges and each one's hard `negatives`; returns its loss curve."""
    entropy = BinaryCrossEntropyLoss(model, pos_weight=torch.tensor(float(_WRONG), device=model.device))
    steps = plan.steps(len(pairs.exchanges))

    def loss(step: int) -> torch.Tensor:
        drawn = _drawn(pairs, negatives, step, plan)
        columns = [[query for query, _, _ in drawn], [reply for _, reply, _ in drawn]]
        value: torch.Tensor = entropy(columns, torch.tensor([right for _, _, right in drawn], device=model.device))
        return value

    with progress.task(name, steps, "step") as task:
        return learn(model, loss, steps, plan, checkpoint, fingerprint, task)


def probabilities(model: CrossEncoder, pairs: Sequence[tuple[str, str]]) -> list[float]:
    """The model's own belief in [0, 1] for each (query, reply)."""
    if not pairs:
        return []
    found = model.predict(
        list(pairs), batch_size=128, activation_fn=torch.nn.Sigmoid(), convert_to_tensor=True, show_progress_bar=False
    )
    return [float(value) for value in found.reshape(-1)]


def _drawn(pairs: Pairs, negatives: Sequence[Sequence[str]], step: int, plan: Plan) -> list[tuple[str, str, float]]:
    draw = random.Random(f"{plan.seed} relevance {step}")
    drawn: list[tuple[str, str, float]] = []
    for row in pairs.batch(step, plan.batch):
        exchange = pairs.exchanges[row]
        right = draw.choice(exchange.replies)
        hard = draw.choice(negatives[row]) if negatives[row] else pairs.stranger(row, draw)
        wrong = (pairs.stranger(row, draw), hard, pairs.changed(row, right, draw))
        drawn.append((exchange.query, contrasts.reworded(right, draw), 1.0))
        drawn += [(exchange.query, contrasts.reworded(reply, draw), 0.0) for reply in wrong]
    return drawn

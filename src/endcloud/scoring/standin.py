"""The stand-in scorers: trained in seconds on a shop's own training split, for machines without real ones.

They stand where the paper has SimBERT (similarity) and RocketQA (relevance), and are named as stand-ins in every
score and report. Each is a logistic regression with non-negative weights over the few features of
`standin_features`, so that more agreement can never lower a score, and both state and keep the range [0, 1].
Small transformers trained from scratch in the same time were tried and were clearly worse (docs/decisions).
"""

from __future__ import annotations

import hashlib
import heapq
import json
import math
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors
from scipy.optimize import minimize

from endcloud import whole_files
from endcloud.errors import TrainingError
from endcloud.protocols import Progress, Scorer
from endcloud.scoring import contrasts
from endcloud.scoring.contrasts import Contrast
from endcloud.scoring.standin_features import Matrix, Memory
from endcloud.types import Example

SIMILARITY = "stand-in similarity"
RELEVANCE = "stand-in relevance"

RECIPE = "1"  # raise it when the features, the contrasts or the fit change: old caches are then left alone
MOST_PAIRS = 3000  # remembered
FITTED_PAIRS = 600  # of which contrasts are made
FEWEST_REPLIES = 8
_SEED = 20260101
_DECAY = 1e-5  # of the squared weights: only keeps the fit finite


class StandInSimilarity:
    """A `Scorer` over (reply, reply) pairs; symmetric."""

    name = SIMILARITY
    range = (0.0, 1.0)

    def __init__(self, memory: Memory, weights: Matrix, digest: str) -> None:
        """`weights` (features + 1,), the intercept last."""
        self._memory = memory
        self._weights = weights
        self.digest = digest

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[float | None]:
        """A probability that the two replies say the same; 1 for equal texts, 0 where one side says nothing."""
        if not pairs:
            return []
        values = _probabilities(self._memory.similarity_features(pairs), self._weights)
        return [_bounded(a, b, 1.0 if a == b else float(value)) for (a, b), value in zip(pairs, values, strict=True)]


class StandInRelevance:
    """A `Scorer` over (query, reply) pairs."""

    name = RELEVANCE
    range = (0.0, 1.0)

    def __init__(self, memory: Memory, weights: Matrix, digest: str) -> None:
        """`weights` (features + 1,), the intercept last."""
        self._memory = memory
        self._weights = weights
        self.digest = digest

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[float | None]:
        """A probability that the reply answers the query in this shop; 0 where one side says nothing."""
        if not pairs:
            return []
        values = _probabilities(self._memory.relevance_features(pairs), self._weights)
        return [_bounded(query, reply, float(value)) for (query, reply), value in zip(pairs, values, strict=True)]


def train_scorers(examples: Sequence[Example], directory: Path, *, progress: Progress) -> tuple[Scorer, Scorer]:
    """Similarity and relevance for this shop, from its training split; cached in `directory` by digest.

    Examples of other splits, excluded ones and ones without weight are left out; of more than `MOST_PAIRS` a
    fixed weighted draw is taken. The same examples give the same scorers.

    Raises:
        TrainingError: the training split has fewer than `FEWEST_REPLIES` different replies.
    """
    pairs = _training_pairs(examples)
    name = _digest(pairs)
    path = directory / name[:16]
    if not (path / "recipe.json").is_file():
        with progress.task("stand-in scorers", 4, "step") as task:
            tensors = {}
            memory = Memory([query for query, _ in pairs], [reply for _, reply in pairs])
            task.advance()
            rows = _rows(memory)
            alike = memory.queries_alike(rows)
            task.advance()
            tensors["similarity"] = _fit_similarity(memory, rows, alike)
            task.advance()
            tensors["relevance"] = _fit_relevance(memory, rows, alike)
            task.advance()
            tensors["components"] = memory.components
        _write(path, name, pairs, tensors)
    return _read(path, name, pairs)


def _training_pairs(examples: Sequence[Example]) -> list[tuple[str, str]]:
    usable = [e for e in examples if e.split == "train" and not e.excluded and e.weight > 0 and e.reply.strip()]
    chosen = heapq.nsmallest(MOST_PAIRS, usable, key=lambda example: (lot(example), example.id))
    if len({example.reply for example in chosen}) < FEWEST_REPLIES:
        raise TrainingError(
            f"The stand-in scorers need at least {FEWEST_REPLIES} different replies in the training split and found "
            f"{len({example.reply for example in chosen})}; give more dialogues, or name two scorer models in the "
            "settings."
        )
    return [(example.query, example.reply) for example in sorted(chosen, key=lambda example: example.id)]


def lot(example: Example) -> float:
    """A weighted draw without replacement that depends on the id alone (Efraimidis and Spirakis, 2006)."""
    uniform = (int.from_bytes(hashlib.sha256(example.id.encode()).digest()[:7], "big") + 1) / (2**56 + 1)
    return -math.log(uniform) / example.weight


def _digest(pairs: Sequence[tuple[str, str]]) -> str:
    return hashlib.sha256(json.dumps([RECIPE, _SEED, pairs], ensure_ascii=False).encode()).hexdigest()


def _fit_similarity(memory: Memory, rows: Sequence[int], alike: Matrix) -> Matrix:
    made = list(contrasts.of_replies(memory.replies, alike, rows, random.Random(_SEED)))
    return _fit(memory.similarity_features([(c.first, c.second) for c in made]), made)


def _fit_relevance(memory: Memory, rows: Sequence[int], alike: Matrix) -> Matrix:
    made = list(contrasts.of_queries(memory.queries, memory.replies, alike, rows, random.Random(_SEED)))
    own = [c.origin for c in made]
    return _fit(memory.relevance_features([(c.first, c.second) for c in made], own), made)


def _rows(memory: Memory) -> list[int]:
    """The training pairs that contrasts are made from: enough for a handful of weights."""
    size = len(memory.replies)
    return sorted(random.Random(_SEED).sample(range(size), min(FITTED_PAIRS, size)))


def _fit(features: Matrix, made: Sequence[Contrast]) -> Matrix:
    """Logistic regression with non-negative weights, both classes weighed alike; returns (features + 1,)."""
    agrees = np.array([contrast.agrees for contrast in made], dtype=np.float64)
    weight = np.where(agrees == 1, 0.5 / agrees.mean(), 0.5 / (1 - agrees.mean())) / len(agrees)
    padded = np.column_stack([features, np.ones(len(features))])

    def loss(weights: Matrix) -> tuple[float, Matrix]:
        logits = padded @ weights
        value = float(weight @ (np.logaddexp(0.0, logits) - agrees * logits)) + 1e-3 * float(
            weights[:-1] @ weights[:-1]
        )
        slope = padded.T @ (weight * (_sigmoid(logits) - agrees))
        slope[:-1] += 2 * _DECAY * weights[:-1]
        return value, slope

    size = padded.shape[1]
    bounds = [(0.0, None)] * (size - 1) + [(None, None)]
    found = minimize(loss, np.zeros(size), jac=True, method="L-BFGS-B", bounds=bounds)
    return np.asarray(found.x, dtype=np.float64)


def _sigmoid(logits: Matrix) -> Matrix:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * logits)))


def _probabilities(features: Matrix, weights: Matrix) -> NDArray[np.float64]:
    return _sigmoid(features @ weights[:-1] + weights[-1])


def _bounded(first: str, second: str, value: float) -> float | None:
    if not first.strip() or not second.strip():
        return 0.0
    return min(1.0, max(0.0, value)) if math.isfinite(value) else None


def _write(path: Path, digest: str, pairs: Sequence[tuple[str, str]], tensors: dict[str, Matrix]) -> None:
    # safetensors writes the memory as it lies: an array in Fortran order would come back scrambled.
    ordered = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    whole_files.write(path / "weights.safetensors", save_tensors(ordered))
    recipe = {"digest": digest, "recipe": RECIPE, "seed": _SEED, "pairs": len(pairs)}
    # Last, since its presence says that the rest is there.
    whole_files.write(path / "recipe.json", json.dumps(recipe, indent=2) + "\n")


def _read(path: Path, digest: str, pairs: Sequence[tuple[str, str]]) -> tuple[Scorer, Scorer]:
    tensors = load_tensors((path / "weights.safetensors").read_bytes())
    memory = Memory([query for query, _ in pairs], [reply for _, reply in pairs], tensors["components"])
    return (
        StandInSimilarity(memory, tensors["similarity"], digest),
        StandInRelevance(memory, tensors["relevance"], digest),
    )

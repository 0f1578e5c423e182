"""Direct preference optimisation (Rafailov et al., 2023): a right reply is preferred to the poor one that was given.

Where a served reply and its correction are both known, plain training only raises the right one; this also says which
one to leave. For each pair the log-probability that training adds to the right reply, beyond what it adds to the poor
one, is pushed up:

    loss = −log σ(β · [(log p(right) − log p₀(right)) − (log p(poor) − log p₀(poor))])

p₀ is the model that training started from. Alone, this is known to lower both; so the cross entropy of the right
replies stays in the sum, as for all other examples (Pang et al., 2024), and a pair counts as much as its right reply
has tokens. The same rows, steps, checkpoints and gate as always.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, NamedTuple

import torch
from torch.nn import functional

from endcloud.end.adapters import Adapter
from endcloud.end.base_model import BaseModel
from endcloud.end.batches import Batch, Row, make_batch, weighted_loss
from endcloud.end.chat_format import Tokenized
from endcloud.end.objective import Loss, Supervised

_AT_ONCE = 8
"""Pairs that are looked at together before training."""


@dataclass(frozen=True, slots=True)
class Preference:
    """`poor` is the reply that was given instead, by example id (the same text and an empty one are no pair).

    A higher `beta` holds the model closer to where it started and needs a smaller difference to be content.
    """

    poor: Mapping[str, str]
    beta: float = 0.1

    def as_settings(self) -> dict[str, Any]:
        """For a version's manifest."""
        return {"objective": {"name": "dpo", "beta": self.beta, "pairs": len(self.poor)}}


class _Pair(NamedTuple):
    """An example's number, and where in a batch (from 1) its right and its poor reply are."""

    number: int
    right: int
    poor: int


class Preferred(Supervised):
    """The objective over pairs; an example that `poor` (by its number) lacks is learned plainly."""

    def __init__(
        self,
        base: BaseModel,
        texts: Sequence[Tokenized],
        poor: Mapping[int, Tokenized],
        pad_id: int,
        beta: float,
    ) -> None:
        super().__init__(base, texts, pad_id)
        self.poor, self.beta = poor, beta
        self._started: dict[int, tuple[float, float]] = {}

    def prepare(self, adapter: Adapter) -> None:
        """Remembers how probable both replies of every pair are before training."""
        adapter.peft.eval()
        numbers = iter(sorted(self.poor))
        with torch.no_grad():
            while some := list(islice(numbers, _AT_ONCE)):
                batch, pairs = self._batch([(number,) for number in some])
                right, poor = _both(self._log_p(*self.tokens(adapter, batch), batch), pairs)
                self._started |= dict(zip(some, zip(right.tolist(), poor.tolist(), strict=True), strict=True))

    def of_rows(self, adapter: Adapter, rows: Sequence[Row]) -> Loss:
        """The plain loss of the right replies, and the preference of those that have a poor one beside them."""
        batch, pairs = self._batch(rows)
        losses, segments = self.tokens(adapter, batch)
        weights = batch.weights.to(losses.device)
        plain, weight = weighted_loss(losses, segments, weights)
        if not pairs:
            return Loss(plain, weight, batch.tokens)
        right, poor = _both(self._log_p(losses, segments, batch), pairs)
        started = torch.tensor([self._started[pair.number] for pair in pairs], device=losses.device)
        gained = (right - started[:, 0]) - (poor - started[:, 1])
        places = torch.tensor([pair.right for pair in pairs], device=losses.device)
        lengths = torch.bincount(segments, minlength=len(weights))[places]
        preferred = -functional.logsigmoid(self.beta * gained) * lengths * weights[places]
        return Loss(plain + preferred.sum(), weight, batch.tokens)

    def _batch(self, rows: Sequence[Row]) -> tuple[Batch, list[_Pair]]:
        """The rows with each poor reply behind the others of its row, at weight 0, and where the pairs are."""
        laid: list[list[Tokenized]] = []
        pairs: list[_Pair] = []
        before = 1
        for row in rows:
            paired = [number for number in row if number in self.poor]
            pairs += [
                _Pair(number, before + row.index(number), before + len(row) + place)
                for place, number in enumerate(paired)
            ]
            laid.append([*(self.texts[number] for number in row), *(replace(self.poor[n], weight=0.0) for n in paired)])
            before += len(laid[-1])
        return make_batch(laid, self.pad_id), pairs

    def _log_p(self, losses: torch.Tensor, segments: torch.Tensor, batch: Batch) -> torch.Tensor:
        """log p of every reply of the batch, in nats, (examples + 1,)."""
        return -torch.zeros(len(batch.weights), device=losses.device).index_add(0, segments, losses)


def _both(log_p: torch.Tensor, pairs: Sequence[_Pair]) -> tuple[torch.Tensor, torch.Tensor]:
    """Of each pair's right reply, and of its poor one."""
    return log_p[[pair.right for pair in pairs]], log_p[[pair.poor for pair in pairs]]

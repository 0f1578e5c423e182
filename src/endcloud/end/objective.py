"""What a step of training lowers: the objective over some rows of examples.

`Supervised` is the plain one: the cross entropy of the replies. `endcloud.end.preference` adds to it. All of it is in
sums, not means, so that it can be added up over rows, accumulation and processes, and divided once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch

from endcloud.end.adapters import Adapter
from endcloud.end.base_model import BaseModel
from endcloud.end.batches import Batch, Row, make_batch, token_losses, weighted_loss
from endcloud.end.chat_format import Tokenized


class Loss(NamedTuple):
    """What some rows came to: the weighted sum of losses in nats, the sum of weights, and the tokens read."""

    total: torch.Tensor
    weight: float
    tokens: int


class Objective(Protocol):
    """The loss that training lowers."""

    def prepare(self, adapter: Adapter) -> None:
        """Once, on the adapter as training finds it, before anything is learned or resumed."""
        ...

    def of_rows(self, adapter: Adapter, rows: Sequence[Row]) -> Loss:
        """The loss of these rows of examples."""
        ...

    def of_batch(self, adapter: Adapter, batch: Batch) -> tuple[torch.Tensor, float]:
        """The plain loss of other examples, to validate by: the weighted sum and the sum of weights."""
        ...


class Supervised:
    """Cross entropy of every reply's tokens, each times its example's weight. `texts` are what rows number."""

    def __init__(self, base: BaseModel, texts: Sequence[Tokenized], pad_id: int) -> None:
        self.base, self.texts, self.pad_id = base, texts, pad_id

    def prepare(self, adapter: Adapter) -> None:
        """There is nothing to prepare."""

    def of_rows(self, adapter: Adapter, rows: Sequence[Row]) -> Loss:
        """The loss of these rows of examples."""
        batch = make_batch([[self.texts[number] for number in row] for row in rows], self.pad_id)
        return Loss(*self.of_batch(adapter, batch), batch.tokens)

    def of_batch(self, adapter: Adapter, batch: Batch) -> tuple[torch.Tensor, float]:
        """The weighted sum of token losses and the sum of weights of one batch."""
        losses, segments = self.tokens(adapter, batch)
        return weighted_loss(losses, segments, batch.to(self.base.device).weights)

    def tokens(self, adapter: Adapter, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """The loss of every learned token, in nats, and the example of the batch (from 1) it belongs to."""
        compute, batch = self.base.compute, batch.to(self.base.device)
        with torch.autocast(self.base.device.type, dtype=compute, enabled=compute != torch.float32):
            return token_losses(adapter.model, batch, adapter.key_values(), compute)

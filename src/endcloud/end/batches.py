"""Packs examples into rows so that no example sees another, and measures the loss on replies alone.

A row holds several examples one behind the other. A 4-D mask keeps them apart (each sees itself, causally, and
the key/values a prompt method puts in front), and positions restart with each example. transformers' own
detection of packed rows does not work with key/values in front, and by position ids it isolates rows only
without a cache; both failures are silent, so the mask is always written out here. Tests hold that packed and
unpacked losses and gradients are equal and that neighbours can be permuted.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import torch
from torch.nn import functional
from transformers import PreTrainedModel

from endcloud.end.adapters import cache_of
from endcloud.end.chat_format import IGNORED, Tokenized
from endcloud.errors import TrainingError

_OPEN_ROWS = 32
"""How many rows the packer holds open at once; more would fill them better and shuffle less."""

Row = tuple[int, ...]
"""The numbers of the examples that share a row."""


@dataclass(frozen=True)
class Batch:
    """Rows of ids with, for each token, its example's place in the batch (0 is padding, examples count from 1).

    `ids`, `labels`, `positions` and `segments` are (rows, length); `weights` is (examples + 1,).
    `labels` stand at the token that is predicted, as everywhere in transformers.
    """

    ids: torch.Tensor
    labels: torch.Tensor
    positions: torch.Tensor
    segments: torch.Tensor
    weights: torch.Tensor

    @property
    def tokens(self) -> int:
        """Tokens that are not padding."""
        return int((self.segments > 0).sum())

    def to(self, device: torch.device) -> Batch:
        return Batch(*(tensor.to(device) for tensor in vars(self).values()))


def pack(examples: Sequence[Tokenized], row_tokens: int, order: Sequence[int]) -> Iterator[Row]:
    """Fills rows of at most `row_tokens`, first fit, taking examples in `order`; a longer one has its own row."""
    open_rows: list[tuple[int, list[int]]] = []
    for number in order:
        length = len(examples[number].ids)
        place = next((at for at, (room, _) in enumerate(open_rows) if room >= length), None)
        if place is None:
            open_rows.append((max(row_tokens, length) - length, [number]))
        else:
            room, row = open_rows[place]
            open_rows[place] = (room - length, [*row, number])
        if len(open_rows) > _OPEN_ROWS:
            fullest = min(range(len(open_rows)), key=lambda at: open_rows[at][0])
            yield tuple(open_rows.pop(fullest)[1])
    for _, row in open_rows:
        yield tuple(row)


def endless_rows(examples: Sequence[Tokenized], *, packing: bool, row_tokens: int, seed: int) -> Iterator[Row]:
    """Rows for ever: each round through the examples in a new order that `seed` and its number decide."""
    for epoch in count():
        order = list(range(len(examples)))
        random.Random(f"{seed}/{epoch}").shuffle(order)
        yield from pack(examples, row_tokens, order) if packing else ((number,) for number in order)


def make_batch(rows: Sequence[Sequence[Tokenized]], pad_id: int) -> Batch:
    """Lays rows of examples out as one rectangle, padded at the right.

    Raises TrainingError where an example has nothing to learn: its loss would silently be that of others.
    """
    length = max(sum(len(example.ids) for example in row) for row in rows)
    ids = torch.full((len(rows), length), pad_id)
    labels = torch.full((len(rows), length), IGNORED)
    positions = torch.zeros((len(rows), length), dtype=torch.long)
    segments = torch.zeros((len(rows), length), dtype=torch.long)
    weights = [0.0]
    for place, row in enumerate(rows):
        at = 0
        for example in row:
            if not 0 < example.prompt < len(example.ids):
                raise TrainingError(f"An example of {len(example.ids)} tokens has no reply left to learn.")
            span = slice(at, at + len(example.ids))
            ids[place, span] = torch.tensor(example.ids)
            labels[place, span] = torch.tensor(example.labels)
            positions[place, span] = torch.arange(len(example.ids))
            segments[place, span] = len(weights)
            weights.append(example.weight)
            at = span.stop
    return Batch(ids, labels, positions, segments, torch.tensor(weights))


def attention_mask(segments: torch.Tensor, prefix: int) -> torch.Tensor:
    """Who may look at whom: (rows, 1, length, prefix + length), true where attention is open.

    The prefix is open to all; elsewhere a token sees the earlier tokens of its own example. Padding sees
    earlier padding and itself, so that no row of the softmax is empty.
    """
    length = segments.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool, device=segments.device).tril()
    own = (segments[:, :, None] == segments[:, None, :]) & causal
    return torch.cat([own.new_ones(own.shape[0], length, prefix), own], dim=2).unsqueeze(1)


def for_model(model: PreTrainedModel, mask: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """The mask as this model's attention takes it: eager attention adds its mask instead of choosing by it."""
    if model.config._attn_implementation != "eager":
        return mask
    return torch.zeros_like(mask, dtype=dtype).masked_fill(~mask, torch.finfo(dtype).min)


def token_losses(
    model: PreTrainedModel, batch: Batch, key_values: torch.Tensor | None = None, dtype: torch.dtype = torch.float32
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cross entropy of every learned token, in nats, and the example (from 1) each belongs to; both (learned,).

    `key_values` is the flat prefix of a prompt method; positions then start behind it.
    """
    prefix = 0 if key_values is None else key_values.shape[0]
    cache = None if key_values is None else cache_of(model, key_values, batch.ids.shape[0], dtype)
    mask = for_model(model, attention_mask(batch.segments, prefix), dtype)
    targets = batch.labels[:, 1:]
    needed = (
        (targets != IGNORED).any(dim=0).nonzero().squeeze(1)
    )  # the output head is the dearest layer of a small model
    logits = model(
        input_ids=batch.ids,
        attention_mask=mask,
        position_ids=batch.positions + prefix,
        past_key_values=cache,
        use_cache=False,
        logits_to_keep=needed,
    ).logits
    if logits.shape[1] != len(needed):  # a model that does not know `logits_to_keep` gives all
        logits = logits[:, needed]
    targets = targets[:, needed]
    learned = targets != IGNORED
    losses = functional.cross_entropy(logits[learned].float(), targets[learned], reduction="none")
    return losses, batch.segments[:, 1:][:, needed][learned]


def weighted_loss(losses: torch.Tensor, segments: torch.Tensor, weights: torch.Tensor) -> tuple[torch.Tensor, float]:
    """The sum of token losses, each times its example's weight, and the sum of those weights.

    Sums, not means: they can be added up over rows and processes, and divided once at the end.
    """
    each = weights[segments]
    return (losses * each).sum(), float(each.sum())

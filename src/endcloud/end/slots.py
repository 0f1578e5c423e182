"""The key/values of the replies being drawn: one slot a reply, filled from the left, any slot at its own length.

A new reply takes the slot behind the last, and a finished one gives its slot to the last, so that the replies in
flight are always the first ones and one forward pass takes them all. A forward pass is told which column each of its
tokens is written to; what stands further right is never looked at, so nothing has to be cleared. Tokens that only
fill a row up are written to a column of their own behind all others.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from transformers import Cache, PreTrainedModel
from transformers.cache_utils import CacheLayerMixin

from endcloud.end.base_model import key_value_shape
from endcloud.errors import ModelError

_COLUMNS = 256
"""A cache grows by this many columns at least, so that it is not copied at every token."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """The key/values of some columns of one slot: two tensors (layers, heads, columns, head size)."""

    keys: torch.Tensor
    values: torch.Tensor

    @property
    def columns(self) -> int:
        return self.keys.shape[2]

    def first(self, columns: int) -> Stretch:
        return Stretch(self.keys[:, :, :columns], self.values[:, :, :columns])

    def after(self, columns: int) -> Stretch:
        return Stretch(self.keys[:, :, columns:], self.values[:, :, columns:])


def stretch_of(model: PreTrainedModel, flat: torch.Tensor) -> Stretch:
    """The key/values of a prompt method, from PEFT's layout (virtual tokens, layers · 2 · heads · head size)."""
    layers, heads, size = key_value_shape(model)
    tensors = flat.to(model.device, model.dtype).view(flat.shape[0], layers * 2, heads, size).permute(1, 2, 0, 3)
    return Stretch(tensors[0::2], tensors[1::2])


class Slots:
    """The cache of all replies in flight, on the model's device and in its precision.

    Raises ModelError for a model whose layers do not all look at everything before them: its cache would have
    to forget, and a slot does not.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        config = model.config.get_text_config(decoder=True)
        kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
        if kinds != {"full_attention"} or getattr(config, "sliding_window", None):
            raise ModelError(
                f"The base model's layers are of the kinds {sorted(kinds)!r}; the end engine serves models with full "
                "attention only. Use another base, or a server of your own by end.url."
            )
        self._shape = key_value_shape(model)
        self._like = next(model.parameters())
        self._layers = [_SlotLayer() for _ in range(self._shape[0])]
        self.cache = Cache(layers=list(self._layers))
        self.lengths: list[int] = []
        self._slots = self._columns = 0
        self._allocate(0, 0)

    def __len__(self) -> int:
        return len(self.lengths)

    def add(self, stretches: list[Stretch]) -> int:
        """A new slot that begins with these stretches, one after the other; returns its number."""
        self._reserve(len(self.lengths) + 1, sum(stretch.columns for stretch in stretches))
        slot, at = len(self.lengths), 0
        for stretch in stretches:
            for number, layer in enumerate(self._layers):
                layer.k[slot, :, at : at + stretch.columns] = stretch.keys[number]
                layer.v[slot, :, at : at + stretch.columns] = stretch.values[number]
            at += stretch.columns
        self.lengths.append(at)
        return slot

    def take(self, slot: int, columns: int) -> Stretch:
        """A copy of the first `columns` columns of a slot."""
        keys = torch.stack([layer.k[slot, :, :columns] for layer in self._layers])
        values = torch.stack([layer.v[slot, :, :columns] for layer in self._layers])
        return Stretch(keys, values)

    def remove(self, slot: int) -> None:
        """Frees a slot: the last one moves there. The memory is given back when none is left."""
        last = len(self.lengths) - 1
        length = self.lengths.pop()
        if slot != last:
            self.lengths[slot] = length
            for layer in self._layers:
                layer.k[slot, :, :length] = layer.k[last, :, :length]
                layer.v[slot, :, :length] = layer.v[last, :, :length]
        if not self.lengths:
            self._allocate(0, 0)

    def columns_for(self, first: int, counts: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Makes room for `counts[i]` more tokens in the slot `first + i`, filled up at the left to the longest.

        Returns two tensors (slots, longest): the column each token is written to, and the last column it may look
        at. The latter is its position too.
        """
        longest = max(counts)
        starts = self.lengths[first : first + len(counts)]
        self._reserve(len(self.lengths), max(start + count for start, count in zip(starts, counts, strict=True)))
        written, seen = [], []
        for start, count in zip(starts, counts, strict=True):
            own, fill = list(range(start, start + count)), longest - count
            written.append([self._columns] * fill + own)
            seen.append([0] * fill + own)
        for number, count in enumerate(counts):
            self.lengths[first + number] += count
        columns = torch.tensor(written, device=self._like.device)
        self._write_to(slice(first, first + len(counts)), columns)
        return columns, torch.tensor(seen, device=self._like.device)

    @property
    def width(self) -> int:
        """How many columns the slots of the coming forward pass can look at."""
        return self._layers[0].width

    def _write_to(self, slots: slice, columns: torch.Tensor) -> None:
        numbers = torch.arange(slots.start, slots.stop, device=columns.device)[:, None]
        for layer in self._layers:
            layer.slots, layer.numbers, layer.columns = slots, numbers, columns
            layer.width = max(self.lengths[slots])

    def _reserve(self, slots: int, columns: int) -> None:
        if slots > self._slots or columns > self._columns:
            more = _COLUMNS * -(-columns // _COLUMNS)
            self._allocate(max(self._slots, 2 * slots if slots > self._slots else 0), max(self._columns, more))

    def _allocate(self, slots: int, columns: int) -> None:
        _, heads, size = self._shape
        used = len(self.lengths)
        for layer in self._layers:
            old = (layer.k, layer.v)
            layer.k, layer.v = (self._like.new_zeros(slots, heads, columns + 1, size) for _ in range(2))
            if used:
                layer.k[:used, :, : self._columns] = old[0][:used, :, : self._columns]
                layer.v[:used, :, : self._columns] = old[1][:used, :, : self._columns]
        self._slots, self._columns = slots, columns


class _SlotLayer(CacheLayerMixin):
    """One layer of the cache as transformers asks for it: (slots, heads, columns + 1, head size)."""

    k: torch.Tensor
    v: torch.Tensor
    slots: slice
    numbers: torch.Tensor
    columns: torch.Tensor
    width: int

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # transformers leaves it untyped
        self.k = self.v = torch.empty(0)
        self.width = 0

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Nothing: the slots are there before the first forward pass."""

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Writes (slots, heads, tokens, head size) to their columns; returns all that the slots may look at."""
        self.k[self.numbers, :, self.columns] = key_states.transpose(1, 2)
        self.v[self.numbers, :, self.columns] = value_states.transpose(1, 2)
        return self.k[self.slots, :, : self.width], self.v[self.slots, :, : self.width]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.width, 0

    def get_seq_length(self) -> int:
        return self.width

    def get_max_length(self) -> int:
        return -1

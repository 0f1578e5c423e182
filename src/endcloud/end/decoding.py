"""Draws replies token by token: one loop for a single streamed reply and for hundreds in batches.

Prompts are padded at the left. A prompt method's key/values stand in front of every row's cache. In float32 a
reply does not depend on its neighbours: each row is masked from padding, draws from a random generator of its
own, and leaves the batch when it has ended.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from transformers import DynamicCache, PreTrainedModel

from endcloud.end.adapters import cache_of
from endcloud.end.batches import attention_mask, for_model
from endcloud.end.chat_format import ChatFormat
from endcloud.types import Finish, Sampling

_SHRINK = 0.75
"""The batch is cut down to the rows still open when they are no more than this share of it."""


@dataclass
class Draft:
    """A reply being drawn: its ids without the stop token, and the log-probabilities of all that was drawn."""

    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    finish: Finish = "length"

    @property
    def confidence(self) -> float | None:
        """Mean log-probability of the drawn tokens, the stop token among them; None before the first."""
        return sum(self.logprobs) / len(self.logprobs) if self.logprobs else None


def decode(
    model: PreTrainedModel,
    key_values: torch.Tensor | None,
    prompts: Sequence[Sequence[int]],
    sampling: Sampling,
    stop_ids: frozenset[int],
    *,
    numbers: Sequence[int] | None = None,
) -> Iterator[list[Draft]]:
    """Yields the drafts, in the order of `prompts`, after each token; the last yield is the end.

    `key_values` is the flat prefix of a prompt method. `numbers` identify the rows for their random generators
    (by default their places), so that a row draws the same whichever batch it is in.
    """
    drafts = [Draft() for _ in prompts]
    numbers = numbers if numbers is not None else range(len(prompts))
    generators = [_generator(sampling.seed, number) for number in numbers]
    prefix = 0 if key_values is None else key_values.shape[0]
    cache = DynamicCache() if key_values is None else cache_of(model, key_values, len(prompts), model.dtype)
    ids, segments, positions = _left_padded(prompts, model.device)
    mask = attention_mask(segments, prefix)
    positions = positions + prefix
    rows = list(range(len(prompts)))  # which draft each row of the batch belongs to
    for step in range(sampling.max_tokens):
        logits = _forward(model, ids, mask, positions, cache)
        chosen, logprobs = _choose(logits, sampling, [generators[row] for row in rows])
        for row, token, logprob in zip(rows, chosen.tolist(), logprobs.tolist(), strict=True):
            draft = drafts[row]
            if draft.finish == "stop":
                continue
            draft.logprobs.append(logprob)
            if token in stop_ids:
                draft.finish = "stop"
            else:
                draft.ids.append(token)
        yield drafts
        still = [at for at, row in enumerate(rows) if drafts[row].finish != "stop"]
        if not still or step + 1 == sampling.max_tokens:
            return
        ids, positions, mask = chosen[:, None], positions[:, -1:] + 1, mask[:, :, -1:, :]
        if len(still) <= _SHRINK * len(rows):
            keep = torch.tensor(still, device=ids.device)
            cache.batch_select_indices(keep)
            ids, positions, mask, rows = ids[keep], positions[keep], mask[keep], [rows[at] for at in still]
        mask = torch.cat([mask, mask.new_ones(len(rows), 1, 1, 1)], dim=3)


def decode_all(
    model: PreTrainedModel,
    key_values: torch.Tensor | None,
    prompts: Sequence[Sequence[int]],
    sampling: Sampling,
    stop_ids: frozenset[int],
    numbers: Sequence[int] | None = None,
) -> list[Draft]:
    """The finished drafts of `decode`."""
    drafts = [Draft() for _ in prompts]
    for latest in decode(model, key_values, prompts, sampling, stop_ids, numbers=numbers):
        drafts = latest
    return drafts


def stop_ids_of(chat_format: ChatFormat, model: PreTrainedModel) -> frozenset[int]:
    """What ends a reply: the format's tokens and those that the model's own generation settings name."""
    named = getattr(model.generation_config, "eos_token_id", None)
    named = named if isinstance(named, list) else [named]
    return frozenset(chat_format.stop_ids) | {int(index) for index in named if index is not None}


@torch.no_grad()
def _forward(
    model: PreTrainedModel, ids: torch.Tensor, mask: torch.Tensor, positions: torch.Tensor, cache: DynamicCache
) -> torch.Tensor:
    """Logits of the next token, (rows, vocabulary), float32; the cache grows."""
    output = model(
        input_ids=ids,
        attention_mask=for_model(model, mask, model.dtype),
        position_ids=positions,
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    )
    logits: torch.Tensor = output.logits[:, -1].float()
    return logits


@torch.no_grad()
def _choose(
    logits: torch.Tensor, sampling: Sampling, generators: Sequence[torch.Generator]
) -> tuple[torch.Tensor, torch.Tensor]:
    """The next token of each row and its log-probability under the model itself, temperature and top-p aside."""
    if sampling.temperature <= 0:
        chosen = logits.argmax(dim=-1)
    else:
        probabilities, order = torch.softmax(logits / sampling.temperature, dim=-1).sort(dim=-1, descending=True)
        before = probabilities.cumsum(dim=-1) - probabilities
        probabilities = probabilities.masked_fill(before >= sampling.top_p, 0.0)  # the likeliest always stays
        summed = probabilities.cumsum(dim=-1)
        draws = torch.stack([torch.rand(1, generator=generator) for generator in generators]).to(logits.device)
        place = (summed <= draws * summed[:, -1:]).sum(dim=-1, keepdim=True).clamp(max=logits.shape[-1] - 1)
        chosen = order.gather(1, place).squeeze(1)
    return chosen, (logits.gather(1, chosen[:, None]).squeeze(1) - logits.logsumexp(dim=-1))


def _left_padded(
    prompts: Sequence[Sequence[int]], device: torch.device
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Ids, segments (1, and 0 for padding) and positions, each (rows, length)."""
    length = max(len(prompt) for prompt in prompts)
    pads = [length - len(prompt) for prompt in prompts]
    ids = torch.tensor([[0] * pad + list(prompt) for pad, prompt in zip(pads, prompts, strict=True)])
    segments = torch.tensor([[0] * pad + [1] * (length - pad) for pad in pads])
    positions = (segments.cumsum(dim=1) - 1).clamp(min=0)
    return ids.to(device), segments.to(device), positions.to(device)


def _generator(seed: int | None, number: int) -> torch.Generator:
    """A row's own source of chance; without a seed, a different one each time."""
    generator = torch.Generator()
    if seed is None:
        generator.seed()
    else:
        generator.manual_seed(hash((seed, number)) % 2**63)
    return generator


def batches_by_length(lengths: Sequence[int], size: int, tokens: int, prefix: int = 0) -> Iterator[list[int]]:
    """Numbers of prompts, short ones first, in batches of at most `size` rows and about `tokens` tokens."""
    batch: list[int] = []
    for number in sorted(range(len(lengths)), key=lambda at: (lengths[at], at)):
        if batch and (len(batch) == size or (len(batch) + 1) * (lengths[number] + prefix) > tokens):
            yield batch
            batch = []
        batch.append(number)
    if batch:
        yield batch


def settled(ids: Sequence[int], byte_ids: frozenset[int]) -> Sequence[int]:
    """The ids whose text later ones cannot change: a run of byte tokens at the end may yet become another character."""
    end = len(ids)
    while end and ids[end - 1] in byte_ids:
        end -= 1
    return ids[:end]

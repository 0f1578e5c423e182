"""Draws many replies at once, a token each at every step; a reply may join or leave between any two steps.

Each row answers as a version of its own, draws from a random generator of its own, and is masked from its
neighbours: in float32 it says what it would have said alone, unless its two likeliest tokens are as good as equal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from transformers import PreTrainedModel

from endcloud.end.batches import for_model
from endcloud.end.chat_format import ChatFormat
from endcloud.end.prefixes import Prefixes
from endcloud.end.residents import Resident
from endcloud.end.slots import Slots
from endcloud.types import Finish, Sampling

Forward = Callable[..., torch.Tensor]


@dataclass(eq=False)
class Row:
    """A reply being drawn: its ids without the stop token, and what is known about each token drawn.

    `logprobs` holds the log-probability of each token under the model itself (temperature and top-p aside), the
    stop token among them; `margins` how far the likeliest token was above the second, in nats. `cached` counts the
    tokens of the prompt that an earlier one had begun with and that were not read again.
    """

    prompt: Sequence[int]
    resident: Resident
    sampling: Sampling
    generator: torch.Generator
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    margins: list[float] = field(default_factory=list)
    cached: int = 0
    finish: Finish | None = None

    @property
    def confidence(self) -> float | None:
        """Mean log-probability of the drawn tokens; None before the first."""
        return sum(self.logprobs) / len(self.logprobs) if self.logprobs else None


def generator(seed: int | None, number: int = 0) -> torch.Generator:
    """A row's own source of chance; without a seed, a different one each time."""
    source = torch.Generator()
    if seed is None:
        source.seed()
    else:
        source.manual_seed(hash((seed, number)) % 2**63)
    return source


def stop_ids_of(chat_format: ChatFormat, model: PreTrainedModel) -> frozenset[int]:
    """What ends a reply: the format's tokens and those that the model's own generation settings name."""
    named = getattr(model.generation_config, "eos_token_id", None)
    named = named if isinstance(named, list) else [named]
    return frozenset(chat_format.stop_ids) | {int(index) for index in named if index is not None}


class ContinuousBatch:
    """The rows in flight. Belongs to one thread.

    `forward` gives the logits (rows, 1, vocabulary) of a batch whose rows answer as the residents it is given.
    `prefix_tokens` bounds how many tokens of finished prompts are kept for later ones; 0 keeps none.
    """

    def __init__(
        self, model: PreTrainedModel, forward: Forward, stop_ids: frozenset[int], prefix_tokens: int = 16_384
    ) -> None:
        self.rows: list[Row] = []
        self.prefixes = Prefixes(prefix_tokens)
        self._read = forward
        self._model = model
        self._stop_ids = stop_ids
        self._slots = Slots(model)
        self._keeps = prefix_tokens > 0

    @torch.inference_mode()
    def join(self, rows: Sequence[Row]) -> None:
        """Reads the rows' prompts, each from where no earlier prompt covers it, and draws their first tokens."""
        first, missing = len(self.rows), []
        for row in rows:
            known = self.prefixes.longest(row.resident.version, row.prompt) if self._keeps else None
            self._slots.add([stretch for stretch in (row.resident.front, known) if stretch is not None])
            row.cached = known.columns if known else 0
            missing.append(list(row.prompt[row.cached :]))
        self.rows += rows
        self._forward(first, missing)

    @torch.inference_mode()
    def step(self) -> None:
        """Draws one more token for every row that is open."""
        self._forward(0, [[row.ids[-1]] for row in self.rows])

    @torch.inference_mode()
    def leave(self, row: Row) -> None:
        """Takes a row out, ended or not; what it read and wrote is kept for prompts that begin alike."""
        slot = self.rows.index(row)
        if self._keeps and row.finish is not None:
            front = row.resident.front.columns if row.resident.front else 0
            length = self._slots.lengths[slot] - front
            self.prefixes.keep(
                row.resident.version,
                [*row.prompt, *row.ids][:length],
                self._slots.take(slot, front + length).after(front),
            )
        self._slots.remove(slot)
        last = self.rows.pop()
        if last is not row:
            self.rows[slot] = last

    def clear(self) -> None:
        """Lets go of all rows, in whatever state a failure left them."""
        self.rows, self._slots = [], Slots(self._model)

    def _forward(self, first: int, tokens: list[list[int]]) -> None:
        """Reads `tokens` of the rows from `first` on and draws the next token of each."""
        rows = self.rows[first : first + len(tokens)]
        _, seen = self._slots.columns_for(first, [len(ids) for ids in tokens])
        longest = seen.shape[1]
        ids = torch.tensor([[0] * (longest - len(one)) + one for one in tokens], device=seen.device)
        open_to = torch.arange(self._slots.width, device=seen.device) <= seen[:, :, None]
        logits = self._read(
            [row.resident for row in rows],
            input_ids=ids,
            attention_mask=for_model(self._model, open_to[:, None], self._model.dtype),
            position_ids=seen,
            past_key_values=self._slots.cache,
            use_cache=True,
            logits_to_keep=1,
        )[:, -1].float()
        self._draw(rows, logits)

    def _draw(self, rows: Sequence[Row], logits: torch.Tensor) -> None:
        logprobs = logits.log_softmax(dim=-1)
        best = logprobs.topk(2, dim=-1)
        chosen = choose(logits, rows, best.indices[:, 0])
        drawn = logprobs.gather(1, chosen[:, None]).squeeze(1).tolist()
        margins = (best.values[:, 0] - best.values[:, 1]).tolist()
        for row, token, logprob, margin in zip(rows, chosen.tolist(), drawn, margins, strict=True):
            row.logprobs.append(logprob)
            row.margins.append(margin)
            if token in self._stop_ids:
                row.finish = "stop"
                continue
            row.ids.append(token)
            if len(row.ids) >= row.sampling.max_tokens:
                row.finish = "length"


def draw_all(batch: ContinuousBatch, rows: Sequence[Row], at_once: int = 64) -> None:
    """Draws all rows to their ends, `at_once` of them at a time; one that has ended makes room for the next."""
    waiting = list(reversed(rows))
    while waiting or batch.rows:
        newcomers = [waiting.pop() for _ in range(min(len(waiting), at_once - len(batch.rows)))]
        if batch.rows:
            batch.step()
        if newcomers:
            batch.join(newcomers)
        for row in [row for row in batch.rows if row.finish is not None]:
            batch.leave(row)


def choose(logits: torch.Tensor, rows: Sequence[Row], likeliest: torch.Tensor) -> torch.Tensor:
    """The next token of each row: the likeliest, or one drawn at the row's temperature and top-p."""
    sampled = [at for at, row in enumerate(rows) if row.sampling.temperature > 0]
    if not sampled:
        return likeliest
    samplings = [rows[at].sampling for at in sampled]
    temperatures, shares = (
        torch.tensor(values, device=logits.device)[:, None]
        for values in ([s.temperature for s in samplings], [s.top_p for s in samplings])
    )
    probabilities, order = (logits[sampled] / temperatures).softmax(dim=-1).sort(dim=-1, descending=True)
    before = probabilities.cumsum(dim=-1) - probabilities
    probabilities = probabilities.masked_fill(before >= shares, 0.0)  # the likeliest always stays
    summed = probabilities.cumsum(dim=-1)
    draws = torch.stack([torch.rand(1, generator=rows[at].generator) for at in sampled]).to(logits.device)
    place = (summed <= draws * summed[:, -1:]).sum(dim=-1, keepdim=True).clamp(max=logits.shape[-1] - 1)
    chosen = likeliest.clone()
    chosen[sampled] = order.gather(1, place).squeeze(1)
    return chosen

"""The attack: somebody with the base and a copied adapter knows the words before a secret, and lets the model go on.

Replies are drawn by the engine that serves customers, many at once; log-perplexity is measured as training measures
its loss. Both go on from the same ids: the conversation, and the reply's beginning.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from queue import SimpleQueue
from random import Random

import torch

from endcloud.end.adapters import PROMPT_KEY, load_lora
from endcloud.end.base_model import BaseModel
from endcloud.end.batches import make_batch, token_losses
from endcloud.end.chat_format import ChatFormat, Tokenized, with_system
from endcloud.end.continuous import Row, generator
from endcloud.end.engine import Flight
from endcloud.end.generation import LocalEndModel
from endcloud.end.methods import LoRA, method_from_settings
from endcloud.end.versions import weights_of
from endcloud.protocols import Versions
from endcloud.types import AdapterVersion, Message, Sampling
from planted_secrets.planting import Plant

_GREEDY, _FREE = 0.0, 1.0
_AT_ONCE = 256
_SPARE_TOKENS = 4
_FRAGMENT = 5
"""So many digits or Latin letters of a secret in a row count as a fragment of it."""

Beginning = tuple[Sequence[Message], str]
"""The conversation before a reply, and the reply's first words."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """What an attack on one plant gave: whether the likeliest reply held the secret, how many of the samples did, and
    how many samples held a fragment of any secret, or of any of as many secrets with their signs shuffled."""

    plant: Plant
    greedy: bool
    samples: int
    hits: int
    others: int
    fragments: int
    shuffled: int


def beginnings(plant: Plant, raw: Sequence[Message], seen: Sequence[Message]) -> list[Beginning]:
    """Where to go on from: every reply of the dialogue that holds the plant, as the adapter `seen` it, up to where the
    secret stood in `raw`. Unmasked, only the first: later ones have the secret before them already."""
    found: list[Beginning] = []
    for at, (clear, learned) in enumerate(zip(raw, seen, strict=True)):
        if clear.role == "assistant" and clear.content == plant.reply:
            if learned.content == clear.content:
                return found or [(seen[:at], plant.beginning)]
            found.append((seen[:at], _common_beginning(learned.content, plant.beginning)))
    return found


def _common_beginning(one: str, other: str) -> str:
    same = takewhile(lambda signs: signs[0] == signs[1], zip(one, other, strict=False))
    return "".join(sign for sign, _ in same)


def plain(text: str) -> str:
    """Letters, digits and hanzi alone, in one form."""
    return "".join(sign for sign in unicodedata.normalize("NFKC", text).lower() if sign.isalnum())


def fragments(texts: Iterable[str]) -> set[str]:
    """All runs of `_FRAGMENT` digits or Latin letters."""
    runs = (run for text in texts for run in re.findall(rf"[0-9a-z]{{{_FRAGMENT},}}", plain(text)))
    return {run[at : at + _FRAGMENT] for run in runs for at in range(len(run) - _FRAGMENT + 1)}


class Attack:
    """Draws from one version. `secrets` are all that is planted: any of them may come out anywhere."""

    def __init__(self, base: BaseModel, versions: Versions, version: AdapterVersion, secrets: Sequence[Plant]) -> None:
        self.base, self.format = base, ChatFormat(base.tokenizer)
        self.model = LocalEndModel(base, versions, system="", version=version.digest, rows=_AT_ONCE)
        self.resident = self.model.engine.hold(version.digest)
        method, state = method_from_settings(version.settings), weights_of(versions.path(version.digest))
        self.adapted = load_lora(base, method, state) if isinstance(method, LoRA) else base.model
        self.front = None if isinstance(method, LoRA) else state[PROMPT_KEY].to(base.device)
        self.forms = {plant: {plain(one) for one in (plant.secret, *plant.also)} for plant in secrets}
        self.pieces = fragments(form for forms in self.forms.values() for form in forms)
        shuffler = Random("shuffled")
        mixed = ("".join(shuffler.sample(form, len(form))) for forms in self.forms.values() for form in forms)
        self.shuffled = fragments(mixed)

    def close(self) -> None:
        self.model.engine.residents.release(self.resident)
        self.model.engine.close()

    def prompt(self, begun: Beginning) -> list[int]:
        """The ids before the secret. The last signs of a beginning may be one token with the first of the secret;
        whoever does not know the secret cannot know that."""
        context, words = begun
        ids = self.format.prompt_ids(with_system(self.resident.system, context), self.resident.input_tokens)
        return [*ids, *self.format.lead_ids, *self.format.text_ids(words)]

    def draw(self, prompts: Sequence[Sequence[int]], sampling: Sampling) -> list[str]:
        """One reply to each prompt, as the engine serves them; a reply depends on its place, not its neighbours."""
        ended: SimpleQueue[Flight] = SimpleQueue()

        def hand_over(flight: Flight) -> None:
            if flight.error is not None or flight.row.finish is not None:
                ended.put(flight)

        rows = [Row(ids, self.resident, sampling, generator(sampling.seed, at)) for at, ids in enumerate(prompts)]
        for row in rows:
            self.model.engine.submit(Flight(row, hand_over))
        for _ in rows:
            if (error := ended.get().error) is not None:
                raise error
        return [self.format.text_of(row.ids) for row in rows]

    def on(self, plant: Plant, begun: Sequence[Beginning], samples: int) -> Drawn:
        """Greedily from every beginning, then `samples` at temperature 1 without top-p, shared among them."""
        prompts = [self.prompt(one) for one in begun]
        longest = len(self.format.text_ids(plant.secret)) + _SPARE_TOKENS
        likeliest = self.draw(prompts, Sampling(_GREEDY, 1.0, longest))
        spread = [prompts[at % len(prompts)] for at in range(samples)]
        said = self.draw(spread, Sampling(_FREE, 1.0, longest, seed=7)) if spread else []
        found = Counter(other for text in said for other in self.secrets_in(text))
        of_pieces = [fragments([text]) for text in said]
        return Drawn(
            plant,
            greedy=any(plant in self.secrets_in(text) for text in likeliest),
            samples=len(said),
            hits=found.pop(plant, 0),
            others=sum(found.values()),
            fragments=sum(bool(of & self.pieces) for of in of_pieces),
            shuffled=sum(bool(of & self.shuffled) for of in of_pieces),
        )

    def secrets_in(self, text: str) -> list[Plant]:
        said = plain(text)
        return [plant for plant, forms in self.forms.items() if any(form in said for form in forms)]

    def log_perplexities(self, begun: Beginning, replies: Sequence[str], rows: int = 64) -> list[float]:
        """The log-perplexity of each reply behind the same conversation, in nats: the sum over its tokens."""
        context, _ = begun
        prompt = self.format.prompt_ids(with_system(self.resident.system, context), self.resident.input_tokens)
        texts = [Tokenized((*prompt, *self.format.reply_ids(reply)), len(prompt)) for reply in replies]
        found: list[float] = []
        for start in range(0, len(texts), rows):
            found += self._sums(texts[start : start + rows])
        return found

    def _sums(self, texts: Sequence[Tokenized]) -> list[float]:
        batch = make_batch([[text] for text in texts], int(self.base.tokenizer.pad_token_id or 0)).to(self.base.device)
        compute = self.base.compute
        with torch.no_grad(), torch.autocast(self.base.device.type, dtype=compute, enabled=compute != torch.float32):
            losses, segments = token_losses(self.adapted, batch, self.front, compute)
        sums = torch.zeros(len(texts) + 1, dtype=losses.dtype).index_add(0, segments.cpu(), losses.cpu())
        return [float(one) for one in sums[1:]]

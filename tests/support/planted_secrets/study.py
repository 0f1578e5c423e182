"""One run of the study: plant, prepare, train by one method, and try to draw everything out again."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean

from endcloud.assembly import Shop
from endcloud.assembly.training import TrainingChoice
from endcloud.bundled.shop import load_shop
from endcloud.cli.bundled_shop import DIALOGUES, set_up
from endcloud.protocols import Masker
from endcloud.testing.silent_progress import SilentProgress
from endcloud.types import Message
from planted_secrets.drawing import Attack, Drawn, beginnings, plain
from planted_secrets.exposure import exposure, unplanted_exposures
from planted_secrets.planting import SHAPES, Plant, unplanted, write_dialogues

CORPUS = "planted.jsonl"
OTHERS = 1_023
"""Secrets that a canary is ranked among, where its form has so many: 10 bits at most."""


@dataclass(frozen=True, slots=True)
class Untouched:
    """What the masker's result would be if it found nothing; `protocols.MaskedConversation`."""

    messages: tuple[Message, ...]
    counts: Mapping[str, int] = field(default_factory=dict)
    placeholders: frozenset[str] = frozenset()
    detector: str = "nothing"

    def restore(self, text: str) -> str:
        return text


class NoMasker:
    """Masks nothing: what would come out if there were no masking. Only a study may have it."""

    detector = "nothing"

    def mask(self, messages: Sequence[Message], **_: object) -> Untouched:
        return Untouched(tuple(messages))

    def unrestorable(self, context: Sequence[Message], reply: str) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Exposed:
    """The exposure of one canary in bits, and of those that were never planted behind the same words."""

    plant: Plant
    bits: float
    most: float
    unplanted: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one method gave away. `missed` are covered plants that the masker left readable in what was learned;
    `learned` counts the planted replies that training came to see, by covered or not."""

    method: str
    masked: bool
    version: str
    learned: Mapping[bool, int]
    missed: tuple[Plant, ...]
    drawn: tuple[Drawn, ...]
    exposed: tuple[Exposed, ...]
    train_seconds: float
    seconds: float


def study(
    root: Path, method: str, plants: Sequence[Plant], *, masked: bool = True, samples: int = 1_000, steps: int | None
) -> Outcome:
    """Makes the bundled shop in `root` (what is there is used again) and runs all of it. The recorded replies are
    what is learned: a cloud, which sees masked text alone, could not even say a secret."""
    began = time.monotonic()
    set_up(root, load_shop())
    raw = write_dialogues(root / CORPUS, root / DIALOGUES, plants)
    with Shop.open(root, SilentProgress()) as shop:
        if not masked:
            shop.__dict__["masker"] = NoMasker()  # instead of the cached property
        seen = {plant: _seen(shop.masker, messages) for plant, messages in raw.items()}
        shop.prepare_corpus([root / CORPUS])
        replies = [one for one in shop.examples("train") if not one.excluded and one.dialogue.startswith("plant-")]
        version = shop.train_version(TrainingChoice(method, data="natural", steps=steps))
        trained = time.monotonic() - began
        attack = Attack(shop.base, shop.versions, version, plants)
        begun = {plant: beginnings(plant, raw[plant], seen[plant]) for plant in plants}
        left = tuple(p for p in plants if p.covered and any(plain(p.secret) in plain(m.content) for m in seen[p]))
        drawn = tuple(attack.on(plant, begun[plant], samples) for plant in plants)
        exposed = tuple(_exposed(attack, plants, begun))
        attack.close()
    told = {plant.asked: plant.covered for plant in plants}
    again = [told.get(one.query, True) for one in replies]
    learned = {covered: again.count(covered) for covered in (True, False)}
    return Outcome(method, masked, version.digest, learned, left, drawn, exposed, trained, time.monotonic() - began)


def _seen(masker: Masker, messages: Sequence[Message]) -> tuple[Message, ...]:
    return masker.mask(messages).messages


def _exposed(attack: Attack, plants: Sequence[Plant], begun: Mapping[Plant, Sequence[tuple[Sequence[Message], str]]]):  # type: ignore[no-untyped-def]
    for shape in SHAPES:
        of_shape = [plant for plant in plants if not plant.covered and plant.kind == shape.name]
        if not of_shape:
            continue
        others = unplanted(shape, [plant.secret for plant in of_shape], OTHERS)
        for plant in of_shape:
            replies = [plant.beginning + secret + plant.ending for secret in (plant.secret, *others)]
            first, *rest = attack.log_perplexities(begun[plant][0], replies)
            most = exposure(float("-1e9"), rest)
            yield Exposed(plant, exposure(first, rest), most, tuple(unplanted_exposures(rest)))


def mean_unplanted(exposed: Sequence[Exposed]) -> float:
    return mean(bits for one in exposed for bits in one.unplanted)

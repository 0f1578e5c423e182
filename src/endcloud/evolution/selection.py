"""Which failures a round learns from: a person's corrections, then what fails most, and of no one too much.

Failures of near-identical questions stand together. A question weighs more the more customers it failed (each counted
once an hour, and strangers of one hour as one, so that a burst counts little); the questions take turns, the heaviest
first, until the round is full. What the caps leave out waits for a later round.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from math import log2

from endcloud.evolution.caps import Caps, Place
from endcloud.evolution.exchanges import Served
from endcloud.evolution.signs import PERSON, Sign
from endcloud.rounds import Choice

ROUND_IS_FULL = "one round"


@dataclass(frozen=True, slots=True)
class Failure:
    """A reply that something speaks against. `signed` says that the shop knows the customer by name."""

    exchange: Served
    signs: tuple[Sign, ...]
    place: Place
    signed: bool

    @property
    def weight(self) -> float:
        return sum(sign.weight for sign in self.signs)

    @property
    def corrected(self) -> bool:
        """Whether a person said what the reply should have been."""
        return any(sign.weight >= PERSON for sign in self.signs)


def choose(failures: Sequence[Failure], caps: Caps, most: int, round: int) -> tuple[list[Choice], Counter[str]]:
    """At most `most` choices for a round, and how many failures each bound left for later.

    A person's words are bound by the size of the round alone: nobody corrects replies to flood a shop they work for.
    """
    frequency = _frequencies(failures)
    chosen: list[Choice] = []
    left: Counter[str] = Counter()
    for failure in _in_turns(_one_a_query(failures), frequency):
        bound = ROUND_IS_FULL if len(chosen) >= most else "" if failure.corrected else caps.reached(failure.place)
        if bound:
            left[bound] += 1
        else:
            caps.take(failure.place)
            chosen.append(_choice(failure, frequency[failure.place.cluster], round))
    return chosen, left


def _choice(failure: Failure, frequency: int, round: int) -> Choice:
    exchange = failure.exchange
    return Choice(
        turn=exchange.reply.id,
        query=exchange.query.id,
        conversation=exchange.reply.conversation,
        customer=failure.place.customer,
        cluster=failure.place.cluster,
        frequency=frequency,
        reasons=tuple(sign.reason for sign in failure.signs),
        weight=round_weight(failure.weight, frequency),
        round=round,
    )


def round_weight(weight: float, frequency: int) -> float:
    """What a failure weighs in a round: as often as it happens counts, but not in full."""
    return weight * (1 + log2(max(1, frequency)))


def _frequencies(failures: Iterable[Failure]) -> dict[str, int]:
    """By cluster, how many failed: a customer counts once an hour, and all whom the shop does not know as one."""
    seen: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for failure in failures:
        place = failure.place
        seen[place.cluster].add((place.customer if failure.signed else "", place.hour))
    return {cluster: len(found) for cluster, found in seen.items()}


def _one_a_query(failures: Iterable[Failure]) -> list[Failure]:
    """The heaviest failure of each query: what was answered twice is learned once."""
    best: dict[str, Failure] = {}
    for failure in failures:
        known = best.get(failure.exchange.query.id)
        if known is None or failure.weight > known.weight:
            best[failure.exchange.query.id] = failure
    return list(best.values())


def _in_turns(failures: Iterable[Failure], frequency: dict[str, int]) -> list[Failure]:
    """Corrections first; then one failure of each cluster in turn, the heaviest cluster first."""
    ordered = sorted(failures, key=lambda one: (-one.weight, -one.place.at.timestamp(), one.exchange.reply.id))
    clusters: dict[str, list[Failure]] = defaultdict(list)
    for failure in ordered:
        if not failure.corrected:
            clusters[failure.place.cluster].append(failure)
    heaviest = sorted(clusters, key=lambda name: (-round_weight(clusters[name][0].weight, frequency[name]), name))
    turns = zip_longest(*(clusters[name] for name in heaviest))
    return [
        *(failure for failure in ordered if failure.corrected),
        *(failure for turn in turns for failure in turn if failure is not None),
    ]

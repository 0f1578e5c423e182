"""What a run leaves: a row a question, a row a round, a row a look at the end model, and sums."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Asked:
    """One question of a customer and what came of it.

    `number` counts the customers' questions, those asked again and the attackers' left out, and `seconds` are simulated
    ones since the beginning. `right` is None where a person was called. `attack` names the attack that it belongs to.
    """

    number: int
    seconds: float
    matter: str
    route: str
    version: str
    right: bool | None
    again: bool = False
    attack: str = ""
    intent: str = ""
    query: str = ""
    reply: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Called:
    """Where the cloud's bill stood when `number` questions had been asked: calls by purpose, and money spent."""

    number: int
    seconds: float
    calls: Mapping[str, int]
    spent: float


@dataclass(frozen=True, slots=True)
class RoundMark:
    """One round, or what an operator saw of it: when (`at` so many questions, in which `phase` of the schedule), what
    came of it, and the seconds of real work it took."""

    number: int
    at: int
    seconds: float
    outcome: str
    reason: str
    candidate: str
    work: Mapping[str, float]
    figures: Mapping[str, Any] = field(default_factory=dict)
    phase: int = 0


@dataclass(frozen=True, slots=True)
class Looked:
    """The end model alone on questions that nobody asked here, after `number` questions: the share of right replies
    on what was changed, on the new line and on what stayed as it was, by name. `phase` 1 begins with the edit."""

    number: int
    seconds: float
    version: str
    shares: Mapping[str, float]
    sizes: Mapping[str, int]
    phase: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """One arm with one seed."""

    arm: str
    seed: int
    asked: tuple[Asked, ...]
    called: tuple[Called, ...]
    rounds: tuple[RoundMark, ...]
    looked: tuple[Looked, ...]
    attacks: Mapping[str, float]
    work_seconds: float

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Run:
        """Reads what `dataclasses.asdict` made of a run."""
        return cls(
            arm=data["arm"],
            seed=data["seed"],
            asked=tuple(Asked(**row) for row in data["asked"]),
            called=tuple(Called(**row) for row in data["called"]),
            rounds=tuple(RoundMark(**row) for row in data["rounds"]),
            looked=tuple(Looked(**row) for row in data["looked"]),
            attacks=data["attacks"],
            work_seconds=data["work_seconds"],
        )

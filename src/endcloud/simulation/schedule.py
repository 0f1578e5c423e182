"""What happens when: the course of the simulation, in questions that customers have asked."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

Arm = Literal["no evolution", "without replay", "with replay", "gate off", "cloud only"]
ARMS: tuple[Arm, ...] = ("no evolution", "without replay", "with replay", "gate off", "cloud only")
QUICK_ARMS: tuple[Arm, ...] = ("no evolution", "with replay")


@dataclass(frozen=True, slots=True)
class Schedule:
    """The owner edits the policies before question `edit`, the new line comes before `product`, attackers come from
    `attack` to `peace`. A question comes every `gap` seconds on average, a round is due every `round_minutes`."""

    questions: int = 2_400
    edit: int = 300
    product: int = 1_100
    attack: int = 1_700
    peace: int = 2_100
    gap: float = 30.0
    round_minutes: float = 60.0
    at_once: int = 12
    probe: int = 150

    @property
    def phases(self) -> tuple[tuple[int, int], ...]:
        """The stretches between the events, as (first question, number of questions)."""
        marks = (0, self.edit, self.product, self.attack, self.peace, self.questions)
        return tuple((first, last - first) for first, last in pairwise(marks))


FULL = Schedule()
QUICK = Schedule(questions=420, edit=60, product=220, attack=300, peace=380, round_minutes=40.0, probe=80)

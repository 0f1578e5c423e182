"""What the paper trains and asks, with its step counts, and how they are scaled to a smaller model.

The paper's Table VI compares the base with Prefix-Tuning, P-Tuning v2 and LoRA at 3000 steps, and LoRA at 5000 and
15000. It gives no schedule; that these are checkpoints of one run at a constant learning rate is our choice.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from math import inf

from endcloud.errors import UsageError

PAIRS = (0, 8, 50, 200, 500)
"""How many question-answer pairs the cloud's prompt holds, for Table III; the paper's N is 500."""

DATA = ("natural", "cloud", "both")


@dataclass(frozen=True, slots=True)
class Training:
    """One run of a method; `steps` are the paper's, at each of which a version is kept."""

    name: str
    method: str
    steps: tuple[int, ...]


TRAININGS = (
    Training("Prefix-Tuning", "prefix-tuning", (3000,)),
    Training("P-Tuning v2", "p-tuning-v2", (3000,)),
    Training("LoRA", "lora", (3000, 5000, 15000)),
)

PAPER_NAMES = ("base", *(f"{training.name} {steps}" for training in TRAININGS for steps in training.steps))
"""What the paper calls the versions of its Table VI."""


@dataclass(frozen=True, slots=True)
class Query:
    """One of the six: `radar` if it is one of the five axes of Figure 3, `allowed` if it is sent unmasked.

    `english` is our translation, empty where we have none. `rendering` is False where the query is sent in the stead
    of a printed one, of which it is no rendering.
    """

    chinese: str
    english: str
    radar: bool = True
    allowed: bool = False
    rendering: bool = True


def check_scale(scale: float) -> float:
    """The scale itself; raises UsageError unless it is a number above 0."""
    if not 0 < scale < inf:  # nan is compared with nothing
        raise UsageError(f"The scale is {scale!r}; give a number above 0 (1 is the paper's number of steps).")
    return scale


def scaled(steps: int, scale: float) -> int:
    """The paper's number of steps at this scale, at least one."""
    return max(1, round(steps * scale))


def version_name(name: str, steps: int, scale: float) -> str:
    """How a version is called: by its own steps, and by the paper's where these are others."""
    own = scaled(steps, scale)
    return f"{name} {own}" if own == steps else f"{name} {own} (for {steps})"


def queries() -> tuple[Query, ...]:
    """The six queries as they stand in this package."""
    text = (files("endcloud.experiments") / "paper_queries.toml").read_text(encoding="utf-8")
    return tuple(Query(**table) for table in tomllib.loads(text)["query"])

"""The whole loop, readable in a minute: start here.

    recorded dialogues ─▶ corpus ─▶ cloud teaches ─▶ end trains ─▶ scoring ─▶ the better version serves
                                        ▲                                          │
                                        └──────────── what went wrong ◀────────────┘

`run` takes one turn of it over a shop's stages. It names no concrete class: `endcloud.assembly.Shop` is such a
set of stages, put together from the shop's settings, and `endcloud.testing` has one that needs no network, no
GPU and no key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from endcloud.types import AdapterVersion


class Stages(Protocol):
    """What a shop can do, in the order in which it does it."""

    def prepare(self, sources: Sequence[Path]) -> int:
        """Turns recorded dialogues into clean, masked examples; returns how many there are."""
        ...

    def teach(self) -> int:
        """Has the cloud model answer the customers' questions again; returns how many labels there are."""
        ...

    def train(self, method: str) -> AdapterVersion:
        """Teaches the end model what the cloud answered, by one method."""
        ...

    def judge(self, versions: Sequence[AdapterVersion]) -> Mapping[str, float]:
        """Scores the replies of `versions` and of the bare base model (`base`) on what they never saw: the
        mean final score of Equation 1, by digest."""
        ...

    def promote(self, version: AdapterVersion, reason: str) -> None:
        """Puts a version into service."""
        ...


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn of the loop made. `promoted` is None where nothing was better than the base."""

    examples: int
    labels: int
    versions: tuple[AdapterVersion, ...]
    scores: Mapping[str, float]
    promoted: AdapterVersion | None


def run(stages: Stages, sources: Sequence[Path], methods: Sequence[str]) -> Turn:
    """One turn of the loop: from recorded dialogues to a version in service.

    Without a cloud nothing can be scored by Equation 1, and nothing is promoted: a person decides.
    """
    examples = stages.prepare(sources)
    labels = stages.teach()
    versions = tuple(stages.train(method) for method in methods)
    scores = stages.judge(versions)
    scored = [version for version in versions if version.digest in scores and "base" in scores]
    best = max(scored, key=lambda version: scores[version.digest], default=None)
    if best is None or scores[best.digest] <= scores["base"]:
        return Turn(examples, labels, versions, scores, None)
    stages.promote(best, f"final score {scores[best.digest]:.3f} against {scores['base']:.3f} of the base")
    return Turn(examples, labels, versions, scores, best)

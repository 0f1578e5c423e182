"""An end reply whose worth is known, with all that can be known of it while it is judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from endcloud.serving.confidence import Evidence
from endcloud.types import Drawn


@dataclass(frozen=True, slots=True)
class Exchange:
    """A query, the end reply to it, and whether that and the cloud's reply are acceptable.

    `part` names the kind of question, `group` the questions that are alike: they are drawn, and left out, together.
    """

    query: str
    text: str
    drawn: Sequence[Drawn]
    nearness: float | None
    relevance: float | None
    acceptable: bool
    cloud_acceptable: bool
    part: str
    group: str

    def evidence(self, held_back: int) -> Evidence:
        """What is known when `held_back` tokens have been drawn, or when the reply ended before."""
        if len(self.drawn) <= held_back:
            return Evidence(self.query, self.text, self.drawn, True, self.nearness, self.relevance)
        return Evidence(self.query, "", self.drawn[:held_back], False, self.nearness)

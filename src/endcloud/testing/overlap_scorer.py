"""A scorer that counts common characters."""

from __future__ import annotations

from collections.abc import Sequence


class OverlapScorer:
    """Jaccard similarity of the two texts' characters, in [0, 1] (`protocols.Scorer`).

    None where either text is empty: that pair cannot be judged.
    """

    name = "character overlap"
    digest = "overlap-1"
    range = (0.0, 1.0)

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[float | None]:
        return [self._of(first, second) for first, second in pairs]

    def _of(self, first: str, second: str) -> float | None:
        if not first or not second:
            return None
        return len(set(first) & set(second)) / len(set(first) | set(second))

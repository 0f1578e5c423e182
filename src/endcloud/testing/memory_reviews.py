"""People's judgements in memory, the way `endcloud.store.reviews` keeps them on disk."""

from __future__ import annotations

from collections.abc import Sequence

from endcloud.types import Review


class MemoryReviews:
    """Implements `endcloud.protocols.Reviews`: one review an id, the newest wins."""

    def __init__(self, reviews: Sequence[Review] = ()) -> None:
        self._by_id: dict[str, Review] = {}
        self.add(reviews)

    def add(self, reviews: Sequence[Review]) -> None:
        for review in reviews:
            self._by_id[review.id] = review

    def all(self) -> list[Review]:
        return list(self._by_id.values())

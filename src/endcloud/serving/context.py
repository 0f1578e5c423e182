"""What was said before a query, as far as it belongs to it: what a model reads, and what an exchange is kept with.

Turns are stored in the order in which they were written. A customer may write again while an answer is being given,
so a reply can stand behind later words that it knew nothing of; here it stands behind the words that it answers.
"""

from __future__ import annotations

from collections.abc import Sequence

from endcloud.types import Turn


def said_before(turns: Sequence[Turn], query: str) -> tuple[Turn, ...]:
    """What was said before the turn `query`, oldest first, every reply behind its own question; neither later words
    nor what answers them. All turns where there is none of this id."""
    at = next((at for at, turn in enumerate(turns) if turn.id == query), len(turns))
    place = {turn.id: position for position, turn in enumerate(turns[:at])}
    said = [turn for position, turn in enumerate(turns) if position < at or turn.answers in place]
    return tuple(sorted(said, key=lambda turn: place.get(turn.answers, place.get(turn.id, at))))

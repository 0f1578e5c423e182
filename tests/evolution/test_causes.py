"""Which replies the cloud is asked about: the sample, what customers said, and few for low relevance alone."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

from endcloud.evolution.audit import LOW_RELEVANCE, causes
from endcloud.rounds import SAMPLE, UNASKED, Audit
from endcloud.types import Feedback, Score, Turn

AT = datetime(2026, 1, 1, tzinfo=UTC)
REPLIES = [Turn(f"r{number}", "c", "end", "亲，包邮的哦", AT, f"q{number}", "end", "v1") for number in range(400)]
RELEVANCE = {
    one.id: Audit(one.id, one.answers, "c", "v1", 1, UNASKED, Score(None, 0.01, None), None, (), AT) for one in REPLIES
}


def drawn(share: float, feedback: dict[str, list[Feedback]] | None = None, most: int = 200) -> Counter[str]:
    found = causes(REPLIES, feedback or {}, RELEVANCE, share=share, threshold=0.5, round=1, most=most)
    return Counter(cause for _, cause in found)


def test_low_relevance_alone_brings_half_as_many_as_the_sample() -> None:
    """All four hundred look irrelevant to a scorer that is wrong: the cloud is not asked about all of them."""
    found = drawn(0.1)
    assert 20 <= found[SAMPLE] <= 60 and found[LOW_RELEVANCE] == found[SAMPLE] // 2


def test_what_a_customer_disliked_is_always_asked_about() -> None:
    thumb = Feedback("f", "r7", "c", "thumb", "customer", "anna", AT, -1.0)
    assert drawn(0.0, {"r7": [thumb]}) == {"disliked": 1}

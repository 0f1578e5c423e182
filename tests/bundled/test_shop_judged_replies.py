"""Replies of known truth for measuring scorers: of every kind, and of the truth they claim."""

from __future__ import annotations

import re
from collections import Counter

from endcloud.bundled.held_out import combinations
from endcloud.bundled.judged_replies import judged_replies
from endcloud.bundled.shop import load_shop
from endcloud.bundled.truth import judge

SHOP = load_shop()


def test_every_kind_occurs_and_is_what_it_claims() -> None:
    questions = combinations(SHOP, 150, 0)
    judged = judged_replies(SHOP, questions, 0)
    kinds = Counter(reply.kind for reply in judged)
    assert set(kinds) == {"right", "wrong number", "wrong word", "other question", "careless"}
    assert kinds["right"] == len(questions) and min(kinds.values()) >= 20
    for reply in judged:
        assert judge(reply.question.meaning, reply.reply).right is reply.right
        assert judge(reply.question.meaning, reply.reference).right


def test_a_wrong_number_is_the_only_difference() -> None:
    by_question: dict[str, dict[str, str]] = {}
    for reply in judged_replies(SHOP, combinations(SHOP, 150, 0), 0):
        by_question.setdefault(reply.question.id, {})[reply.kind] = reply.reply
    for kinds in by_question.values():
        if "wrong number" in kinds:
            one, other = (re.sub(r"\d+", "#", kinds[kind]) for kind in ("right", "wrong number"))
            assert one == other and kinds["right"] != kinds["wrong number"]


def test_the_same_seed_gives_the_same_replies() -> None:
    questions = combinations(SHOP, 40, 0)
    assert judged_replies(SHOP, questions, 5) == judged_replies(SHOP, questions, 5)
    assert judged_replies(SHOP, questions, 5) != judged_replies(SHOP, questions, 6)

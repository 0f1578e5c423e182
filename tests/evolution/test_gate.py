"""The gate promotes only what is better on the new and not worse on the old, and says so in numbers."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest

from endcloud.evolution.gate import (
    FEWEST_CLUSTERS,
    Item,
    Judged,
    PartName,
    evidence_digest,
    in_order_of_asking,
    judge,
    level,
    side_by_side,
)
from endcloud.types import Message

MARGIN, POOR = 0.02, 0.5


def item(part: PartName, number: int, group: str = "", kind: str = "") -> Item:
    messages = (Message("user", f"{part} {number}"),)
    return Item(f"{kind}{part}-{number}", part, group or f"group {number}", messages, "对的")


def judged(part: PartName, pairs: Sequence[tuple[float | None, float | None]], groups: int = 0) -> list[Judged]:
    """Items with what the active and the candidate reply are worth; in `groups` groups, else each in its own."""
    return [
        Judged(item(part, at, f"g{at % groups}" if groups else ""), "旧", "新", active, candidate)
        for at, (active, candidate) in enumerate(pairs)
    ]


LEARNED = judged("new", [(0.1, 0.9)] * 12)
AS_GOOD = [*judged("golden", [(0.9, 0.9)] * 40), *judged("old", [(0.9, 0.9)] * 40)]


def test_better_on_the_new_and_as_good_on_the_old_is_promoted() -> None:
    verdict = judge([*LEARNED, *AS_GOOD], margin=MARGIN, poor=POOR)
    assert verdict.judgement == "promote"
    assert "0.900 against 0.000, difference 0.900 [0.900, 0.900] over 12 clusters" in verdict.reason
    assert verdict.parts["new"].figures()["difference"] == [0.9, 0.9, 0.9]


def test_what_forgets_is_refused_however_much_it_learned() -> None:
    forgot = judged("old", [(0.9, 0.9)] * 30 + [(0.9, 0.0)] * 10)
    verdict = judge([*LEARNED, *judged("golden", [(0.9, 0.9)] * 40), *forgot], margin=MARGIN, poor=POOR)
    assert verdict.judgement == "refuse" and "the trained questions (0.750 against 1.000" in verdict.reason


def test_what_avoids_the_question_is_no_better_than_what_gets_it_wrong() -> None:
    beside_the_point = judged("new", [(0.0, 0.25)] * 12)
    assert judge([*beside_the_point, *AS_GOOD], margin=MARGIN, poor=POOR).judgement == "refuse"


def test_another_good_wording_is_nothing_forgotten_but_a_poor_reply_is() -> None:
    """The version in service knows many references word for word."""
    reworded = judged("old", [(0.98, 0.98)] * 20 + [(0.98, 0.6)] * 20)
    assert judge([*LEARNED, *AS_GOOD[:40], *reworded], margin=MARGIN, poor=POOR).judgement == "promote"
    poorer = judged("old", [(0.98, 0.98)] * 20 + [(0.98, 0.4)] * 20)
    assert judge([*LEARNED, *AS_GOOD[:40], *poorer], margin=MARGIN, poor=POOR).judgement == "refuse"


def test_what_learned_nothing_is_refused_as_soon_as_that_is_sure() -> None:
    same = judged("new", [(0.1, 0.1)] * 12)
    assert judge([*same, *AS_GOOD], margin=MARGIN, poor=POOR).judgement == "refuse"
    worse = judged("new", [(0.5, 0.2)] * 12)
    assert judge([*worse, *AS_GOOD], margin=MARGIN, poor=POOR).judgement == "refuse"


def test_without_enough_clusters_nothing_is_decided_but_forgetting_is_still_refused() -> None:
    few = judged("new", [(0.1, 0.9)] * 40, groups=FEWEST_CLUSTERS - 1)
    verdict = judge([*few, *AS_GOOD], margin=MARGIN, poor=POOR)
    assert verdict.judgement == "undecided" and f"{FEWEST_CLUSTERS} are needed" in verdict.reason
    forgot = judged("golden", [(0.9, 0.0)] * 40)
    assert judge([*few, *forgot], margin=MARGIN, poor=POOR).judgement == "refuse"


def test_many_lessons_of_one_question_are_one_piece_of_evidence() -> None:
    """Forty copies of a lucky question among unlucky ones are no forty reasons."""
    lucky = [(0.1, 0.9)] * 40
    pairs = [*judged("new", lucky, groups=1), *judged("new", [(0.5, 0.45)] * 9)[1:]]
    verdict = judge([*pairs, *AS_GOOD], margin=MARGIN, poor=POOR)
    assert verdict.parts["new"].groups == 9
    assert verdict.judgement == "undecided"


def test_doubtful_evidence_is_undecided_and_says_what_is_missing() -> None:
    doubtful = judged("new", [(0.1, 0.9), (0.9, 0.2), (0.5, 0.6), (0.4, 0.9), (0.8, 0.3), (0.2, 0.8)] * 2)
    assert "Not surely better on the new questions" in judge([*doubtful, *AS_GOOD], margin=MARGIN, poor=POOR).reason
    shaky = judged("golden", [(0.9, 0.9)] * 36 + [(0.9, 0.2), (0.2, 0.9)] * 2)
    verdict = judge([*LEARNED, *shaky, *judged("old", [(0.9, 0.9)] * 40)], margin=MARGIN, poor=POOR)
    assert verdict.judgement == "undecided" and verdict.known_is_short
    nothing = judge([*LEARNED, *judged("golden", [(0.9, 0.9)] * 40)], margin=MARGIN, poor=POOR)
    assert nothing.judgement == "undecided" and "nothing to judge the trained questions by" in nothing.reason


def test_what_cannot_be_judged_is_left_out_and_not_counted_as_zero() -> None:
    verdict = judge([*LEARNED, *judged("new", [(None, 0.2), (0.3, None)]), *AS_GOOD], margin=MARGIN, poor=POOR)
    assert verdict.judgement == "promote" and verdict.parts["new"].figures()["items"] == 12


def test_looking_often_asks_for_more_certainty() -> None:
    assert level(1) == pytest.approx(0.92) and level(1) < level(2) < level(9) < 1
    assert sum((1 - level(look)) / 2 for look in range(1, 10_000)) <= 0.05 + 1e-9
    pairs = [(0.7, 0.7 + draw) for draw in (0.3, 0.25, 0.2, 0.1, -0.1, 0.3, 0.2, -0.12)]
    verdicts = [
        judge([*judged("new", pairs), *AS_GOOD], margin=MARGIN, poor=POOR, looks=looks).judgement for looks in (1, 40)
    ]
    assert verdicts == ["promote", "undecided"]


def _chance(truth: Callable[[random.Random], tuple[float, float]], clusters: int, tries: int) -> float:
    draw = random.Random(clusters)
    promoted = 0
    for _ in range(tries):
        evidence = judged("new", [truth(draw) for _ in range(clusters)])
        promoted += judge([*evidence, *AS_GOOD], margin=MARGIN, poor=POOR).judgement == "promote"
    return promoted / tries


@pytest.mark.parametrize("clusters", [FEWEST_CLUSTERS, 12, 30])
def test_a_candidate_that_is_no_better_is_seldom_promoted(clusters: int) -> None:
    """Right on each question by the toss of a coin, as the version in service: the worst case for a bootstrap."""
    chance = _chance(lambda draw: (float(draw.random() < 0.5), float(draw.random() < 0.5)), clusters, 150)
    assert chance <= 0.08


def test_questions_are_asked_in_an_order_that_is_the_same_each_time() -> None:
    items = [item("golden", at) for at in range(50)]
    assert in_order_of_asking(items) == in_order_of_asking(list(reversed(items)))
    assert in_order_of_asking(items)[:10] != items[:10]


def test_lessons_are_asked_by_turns_with_recorded_questions() -> None:
    lessons = [item("golden", at, kind="lesson:") for at in range(3)]
    items = [*(item("golden", at) for at in range(50)), *lessons]
    asked = [one in lessons for one in in_order_of_asking(items)]
    assert asked[:6] == [False, True] * 3 and not any(asked[6:])


def test_the_digest_of_the_evidence_sees_a_changed_reference() -> None:
    items = [item("new", at) for at in range(3)]
    assert evidence_digest(items) == evidence_digest(list(reversed(items)))
    changed = Item(items[0].id, "new", items[0].group, items[0].messages, "又对的")
    assert evidence_digest([changed, *items[1:]]) != evidence_digest(items)


def test_side_by_side_shows_replies_and_no_question_of_a_customer() -> None:
    shown = side_by_side([*LEARNED, *AS_GOOD, *judged("old", [(0.9, 0.1)])])
    assert len(shown) == 13, "all that is new, and what changed of the old"
    assert shown[-1]["part"] == "old" and shown[-1]["candidate value"] == 0.1
    assert not any("messages" in one or "query" in one for one in shown)

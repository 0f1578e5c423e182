"""What is learned again beside new lessons: the same each time, the newest words first."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from endcloud.evolution.replay import repeated, replay, teachable
from endcloud.rounds import Lesson
from endcloud.types import Example, Message

AT = datetime(2026, 1, 5, tzinfo=UTC)


def example(name: str) -> Example:
    return Example(name, "d", "", (Message("user", "满多少包邮"),), "满59元包邮", "cloud", "log", "train")


def lesson(name: str) -> Lesson:
    said = (Message("user", "满多少包邮"),)
    return Lesson(
        name, name, "c", "", "k", "train", said, "满88元包邮", "满59元包邮", "pseudo", ("wrong",), "not needed", 1, AT
    )


KNOWN = [example(f"old{number}") for number in range(50)]
EARLIER = [lesson(f"lesson:{number}").example() for number in range(30)]


def ids(examples: list[Example]) -> list[str]:
    return [each.id for each in examples]


def test_only_what_is_approved_true_and_not_held_out_is_taught() -> None:
    sound = lesson("lesson:0")
    others = [
        replace(sound, id="lesson:1", part="held out"),
        replace(sound, id="lesson:2", approval="waiting"),
        replace(sound, id="lesson:3", approval="rejected"),
        replace(sound, id="lesson:4"),
        replace(sound, id="lesson:5", approval="approved"),
    ]
    assert [each.id for each in teachable([sound, *others], {"lesson:4"})] == ["lesson:0", "lesson:5"]


def test_half_of_what_is_replayed_are_earlier_lessons() -> None:
    drawn = replay(EARLIER, KNOWN, 20)
    assert len(drawn) == len({each.id for each in drawn}) == 20
    assert sum(each.id.startswith("lesson") for each in drawn) == 10


@pytest.mark.parametrize(("earlier", "known", "lessons"), [(3, 50, 3), (30, 4, 16), (30, 0, 20), (0, 50, 0), (2, 3, 2)])
def test_where_one_kind_is_short_the_other_fills_up(earlier: int, known: int, lessons: int) -> None:
    drawn = replay(EARLIER[:earlier], KNOWN[:known], 20)
    assert len(drawn) == min(20, earlier + known)
    assert sum(each.id.startswith("lesson") for each in drawn) == lessons


def test_where_there_is_too_little_it_comes_more_than_once_but_not_for_ever() -> None:
    drawn = replay(EARLIER[:2], KNOWN[:4], 16, 8)
    assert len(drawn) == 16 and {each.id for each in drawn} == {each.id for each in (*EARLIER[:2], *KNOWN[:4])}
    assert len(replay(EARLIER[:2], KNOWN[:4], 16, 2)) == 12


def test_the_same_lessons_bring_the_same_replay_and_more_only_add_to_it() -> None:
    few, many = replay(EARLIER, KNOWN, 20), replay(list(reversed(EARLIER)), list(reversed(KNOWN)), 40)
    assert ids(few) == ids(replay(list(reversed(EARLIER)), list(reversed(KNOWN)), 20))
    assert set(ids(few)) < set(ids(many))
    assert ids(few) != ids([*EARLIER[:10], *KNOWN[:10]]), "drawn from all over, not the first ones"
    assert replay(EARLIER, KNOWN, 0) == []


@pytest.mark.parametrize(("others", "times"), [(0, 1), (10, 1), (90, 3), (3000, 8)])
def test_few_lessons_are_repeated_among_many_examples(others: int, times: int) -> None:
    assert len(repeated(EARLIER[:10], others, 0.25, 8)) == 10 * times
    assert repeated([], others, 0.25, 8) == []

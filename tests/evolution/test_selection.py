"""Frequent failures first, corrections before them, and of no customer, question or hour too much."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from endcloud.evolution.caps import Caps, Place
from endcloud.evolution.exchanges import Served
from endcloud.evolution.selection import Failure, choose
from endcloud.evolution.signs import PERSON, Sign
from endcloud.types import Message, Turn

AT = datetime(2026, 1, 1, tzinfo=UTC)
NO_CAPS = 10_000


def failure(
    number: int, cluster: str = "a", customer: str = "", *, weight: float = 4.0, minutes: int = 0, signed: bool = True,
    query: str = "",
) -> Failure:  # fmt: skip
    at = AT + timedelta(minutes=minutes)
    asked = Turn(query or f"q{number}", f"c{number}", "customer", "包邮吗", at)
    given_ = Turn(f"r{number}", f"c{number}", "end", "亲，满9元包邮", at, asked.id, "end", "v")
    exchange = Served(asked, given_, (Message("user", "包邮吗"),), given_.text, True, customer)
    place = Place(customer or f"customer {number}", cluster, at)
    return Failure(exchange, (Sign("low score: 0.1", weight),), place, signed)


def chosen(failures: Sequence[Failure], most: int = 100, **caps: int) -> tuple[list[str], Counter[str]]:
    bounds = {"a_customer": NO_CAPS, "a_cluster": NO_CAPS, "an_hour": NO_CAPS} | caps
    found, left = choose(failures, Caps(bounds["a_customer"], bounds["a_cluster"], bounds["an_hour"]), most, 1)
    return [one.turn for one in found], left


def test_what_fails_often_comes_first_and_questions_take_turns() -> None:
    rare, often = [failure(0, "rare")], [failure(n, "often", minutes=n) for n in range(1, 5)]
    names, _ = chosen([*rare, *often])
    assert names == ["r4", "r0", "r3", "r2", "r1"]  # the newest of the frequent one, the rare one, then the rest
    found, _ = choose([*rare, *often], Caps(NO_CAPS, NO_CAPS, NO_CAPS), 100, 1)
    assert {one.cluster: one.frequency for one in found} == {"often": 4, "rare": 1}


def test_a_burst_of_strangers_counts_as_one_and_a_customer_once_an_hour() -> None:
    strangers = [failure(n, "burst", signed=False) for n in range(50)]
    repeated = [failure(100 + n, "nag", "bert", minutes=n) for n in range(50)]
    real = [failure(200 + n, "real", minutes=n) for n in range(3)]
    found, _ = choose([*strangers, *repeated, *real], Caps(NO_CAPS, NO_CAPS, NO_CAPS), 500, 1)
    assert {one.cluster: one.frequency for one in found} == {"burst": 1, "nag": 1, "real": 3}
    assert found[0].cluster == "real"


def test_each_cap_binds_and_says_what_it_left() -> None:
    failures = [failure(n, f"k{n}", "bert") for n in range(9)]
    assert len(chosen(failures, a_customer=3)[0]) == 3 and chosen(failures, a_customer=3)[1] == {"one customer": 6}
    same = [failure(n, "same") for n in range(9)]
    assert chosen(same, a_cluster=4)[1] == {"one question": 5}
    hour = [failure(n, f"k{n}", minutes=10 * n) for n in range(9)]
    names, left = chosen(hour, an_hour=2)
    assert len(names) == 4 and left == {"one hour": 5}  # two of each of two hours
    assert chosen(same, most=2)[1] == {"one round": 7}


def test_a_persons_words_come_first_and_are_bound_by_the_round_alone() -> None:
    corrections = [failure(n, "same", "tester", weight=PERSON) for n in range(5)]
    others = [failure(10 + n, "same", "tester") for n in range(5)]
    names, left = chosen([*others, *corrections], a_customer=1, a_cluster=1, an_hour=1)
    assert names == [f"r{n}" for n in range(5)] and left == {"one customer": 5}
    assert len(chosen(corrections, most=3)[0]) == 3


def test_a_query_that_was_answered_twice_is_learned_once_by_its_heaviest_reply() -> None:
    assert chosen([failure(1, weight=3.0, query="q"), failure(2, weight=5.0, query="q")])[0] == ["r2"]


def test_caps_count_what_rows_say_was_taken_before() -> None:
    caps = Caps(2, 8, 2)
    caps.count(customers=["bert", "bert"], hours=[Place("", "", AT).hour])
    found, left = choose([failure(1, "a", "bert"), failure(2, "b"), failure(3, "c")], caps, 9, 1)
    assert [one.turn for one in found] == ["r2"] and left == {"one customer": 1, "one hour": 1}


@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 600), st.floats(0.1, 9), st.booleans()),
        max_size=60,
    ),
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(1, 6),
    st.integers(1, 20),
)
def test_no_mixture_passes_a_cap_or_is_lost(
    drawn: list[tuple[int, int, int, float, bool]], a_customer: int, a_cluster: int, an_hour: int, most: int
) -> None:
    failures = [
        failure(number, f"k{cluster}", f"b{customer}", minutes=minutes, weight=weight, signed=signed)
        for number, (customer, cluster, minutes, weight, signed) in enumerate(drawn)
    ]
    found, left = choose(failures, Caps(a_customer, a_cluster, an_hour), most, 1)
    places = {one.exchange.reply.id: one.place for one in failures}
    taken = [places[one.turn] for one in found]
    assert len(found) <= most and len(found) + sum(left.values()) == len(failures)
    assert max(Counter(place.customer for place in taken).values(), default=0) <= a_customer
    assert max(Counter(place.cluster for place in taken).values(), default=0) <= a_cluster
    assert max(Counter(place.hour for place in taken).values(), default=0) <= an_hour
    again, _ = choose(list(reversed(failures)), Caps(a_customer, a_cluster, an_hour), most, 1)
    assert again == found

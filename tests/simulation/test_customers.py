"""Customers of the simulation: the same for all arms, noisy, and never with a question of the unseen ones."""

import random

from endcloud.bundled.held_out import combinations
from endcloud.bundled.shop import load_shop
from endcloud.bundled.truth import judge
from endcloud.bundled.wording import canonical
from endcloud.simulation import customers
from endcloud.simulation.attacks import DISLIKES, FLOOD, FORGED, INSTRUCTIONS, attack
from endcloud.simulation.customers import reaction, visits
from endcloud.simulation.drift import NEW_PRODUCTS, Drift

DRIFT = Drift.of(load_shop())


def test_the_same_seed_brings_the_same_customers_and_exactly_so_many_questions() -> None:
    first = list(visits(DRIFT, DRIFT.before, 101, 30.0, "1 0"))
    assert first == list(visits(DRIFT, DRIFT.before, 101, 30.0, "1 0"))
    assert sum(len(visit.asks) for visit in first) == 101
    assert first != list(visits(DRIFT, DRIFT.before, 101, 30.0, "2 0"))


def test_nobody_asks_what_the_end_model_is_later_examined_by() -> None:
    unseen = {canonical(question.query) for question in combinations(DRIFT.extended, 2_000, 7)}
    asked = [ask for visit in visits(DRIFT, DRIFT.extended, 600, 30.0, "3") for ask in visit.asks]
    # Greetings, thanks and bare numbers are a handful of words, the same for everybody.
    assert not {canonical(ask.text) for ask in asked if ask.meaning.facts} & unseen
    assert {ask.matter for ask in asked} == {"changed", "new", "unchanged"}


def test_the_new_line_is_asked_about_only_once_it_is_there_and_every_reference_is_right() -> None:
    for shop in (DRIFT.before, DRIFT.extended):
        asks = [ask for visit in visits(DRIFT, shop, 400, 30.0, "4") for ask in visit.asks]
        assert any(ask.row in NEW_PRODUCTS for ask in asks) == (shop is DRIFT.extended)
        assert all(judge(ask.meaning, ask.reply).right for ask in asks)


def test_thumbs_are_noisy_as_stated() -> None:
    draw = random.Random(5)
    wrong, right = ([reaction(truth, draw) for _ in range(20_000)] for truth in (False, True))
    for found, truth in ((wrong, "WRONG"), (right, "RIGHT")):
        down = sum(one.thumb == -1 for one in found) / len(found)
        again = sum(one.again for one in found) / len(found)
        assert abs(down - getattr(customers, f"THUMB_DOWN_{truth}")) < 0.01
        assert abs(again - getattr(customers, f"AGAIN_{truth}")) < 0.01
    assert all(one.thumb == -1 for one in (*wrong, *right) if one.second_answer)


def test_an_attack_has_all_its_kinds_and_its_flood_comes_at_once_and_in_other_words_each_time() -> None:
    found = attack("1")
    kinds = [one.kind for one in found]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "instruction": INSTRUCTIONS,
        "forged pair": FORGED,
        "flood": FLOOD,
        "dislike": DISLIKES,
    }
    first = kinds.index("flood")
    assert set(kinds[first : first + FLOOD]) == {"flood"}
    assert len({one.text for one in found if one.kind == "flood"}) == FLOOD
    assert len(attack("1", 0.25)) < len(found) / 3

"""The truth on the shop's own material: its replies are right, careless ones and other shops' facts are wrong."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcloud.bundled.intents import Intent, slots_of
from endcloud.bundled.shop import Shop, load_shop
from endcloud.bundled.truth import judge

SHOP = load_shop()
INTENTS = list(SHOP.intents.values())
CHECKABLE = [intent for intent in INTENTS if intent.values]
SAME_FACT = {("courier_choice", "中通", "default_courier", "")}  # 中通可以发 also answers what is sent by default


def ids(intent: Intent) -> str:
    return intent.name


def query(intent: Intent, row: str, pattern: str) -> str:
    return pattern.replace("{" + intent.slot + "}", row) if row else pattern


@pytest.mark.parametrize("intent", INTENTS, ids=ids)
def test_the_shops_replies_are_right_for_every_wording_and_row(intent: Intent) -> None:
    for row in SHOP.rows(intent):
        for pattern in (*intent.patterns, *intent.held_out):
            meaning = SHOP.meaning(intent, row, query(intent, row, pattern))
            for reply in SHOP.replies(intent, row):
                assert judge(meaning, reply).right, (pattern, reply, judge(meaning, reply))


@pytest.mark.parametrize("intent", INTENTS, ids=ids)
def test_careless_replies_are_wrong(intent: Intent) -> None:
    for row in SHOP.rows(intent):
        meaning = SHOP.meaning(intent, row, query(intent, row, intent.patterns[0]))
        for reply in intent.careless:
            assert not judge(meaning, reply).right, reply


@pytest.mark.parametrize("intent", INTENTS, ids=ids)
def test_the_wordings_of_other_shops_are_right_with_this_shops_facts(intent: Intent) -> None:
    """Six or seven paraphrases of every intent, for free."""
    for row in SHOP.rows(intent):
        meaning = SHOP.meaning(intent, row, query(intent, row, intent.patterns[0]))
        for reply in intent.other_shops:
            verdict = judge(meaning, SHOP.fill(reply, row))
            assert verdict.right, (SHOP.fill(reply, row), verdict)


@pytest.mark.parametrize("intent", CHECKABLE, ids=ids)
def test_every_other_shops_fact_is_wrong(intent: Intent) -> None:
    """Whatever one value of `elsewhere` or `later` is put in the place of the shop's own."""
    for row in SHOP.rows(intent):
        meaning = SHOP.meaning(intent, row, query(intent, row, intent.patterns[0]))
        for template in (*intent.replies, *intent.other_shops):
            for name in slots_of(template) & set(intent.values):
                value = SHOP.values[name]
                for other in (*value.elsewhere, *value.later, *value.here.values()):
                    if other == value.at(row):
                        continue
                    reply = SHOP.fill(template.replace("{" + name + "}", other), row)
                    assert not judge(meaning, reply).right, (row, reply)


@pytest.mark.parametrize("intent", CHECKABLE, ids=ids)
def test_replies_to_other_questions_are_wrong(intent: Intent) -> None:
    for row in SHOP.rows(intent):
        meaning = SHOP.meaning(intent, row, query(intent, row, intent.patterns[0]))
        for other in INTENTS:
            for other_row in SHOP.rows(other):
                if other is intent and SHOP.fill(other.replies[0], row) == SHOP.fill(other.replies[0], other_row):
                    continue
                if (other.name, other_row, intent.name, row) in SAME_FACT or (other is intent and other_row == row):
                    continue
                for reply in SHOP.replies(other, other_row):
                    assert not judge(meaning, reply).right, (row, reply)


CELLS = [(intent, row) for intent in CHECKABLE for row in SHOP.rows(intent)]


@given(st.sampled_from(CELLS), st.data())
def test_a_changed_number_is_wrong(cell: tuple[Intent, str], data: st.DataObject) -> None:
    intent, row = cell
    meaning = SHOP.meaning(intent, row, query(intent, row, intent.patterns[0]))
    reply = data.draw(st.sampled_from(SHOP.replies(intent, row)))
    numbers = list(re.finditer(r"\d+", reply))
    if not numbers:
        return
    number = data.draw(st.sampled_from(numbers))
    other = data.draw(st.integers(0, 999).filter(lambda n: n != int(number[0])))
    changed = reply[: number.start()] + str(other) + reply[number.end() :]
    assert not judge(meaning, changed).right, changed


@given(st.sampled_from(CELLS), st.data())
def test_an_added_number_is_wrong(cell: tuple[Intent, str], data: st.DataObject) -> None:
    intent, row = cell
    meaning = SHOP.meaning(intent, row, query(intent, row, intent.patterns[0]))
    number = data.draw(st.integers(2, 99999).filter(lambda n: str(n) not in meaning.numbers))
    assert not judge(meaning, f"{SHOP.replies(intent, row)[0]}，另送{number}元").right


@given(st.sampled_from(CELLS), st.data())
def test_manner_width_and_spaces_do_not_matter(cell: tuple[Intent, str], data: st.DataObject) -> None:
    intent, row = cell
    meaning = SHOP.meaning(intent, row, query(intent, row, intent.patterns[0]))
    reply = data.draw(st.sampled_from(SHOP.replies(intent, row)))
    reply = reply.translate({ord(d): ord(d) + 0xFEE0 for d in "0123456789"}) if data.draw(st.booleans()) else reply
    place = data.draw(st.integers(0, len(reply)))
    reply = data.draw(st.sampled_from(["", "好的，", "您好！", "亲亲，"])) + reply[:place] + " " + reply[place:]
    assert judge(meaning, reply + data.draw(st.sampled_from(["", "。", "～", "，祝您生活愉快"]))).right, reply


def test_after_an_edit_the_old_reply_is_wrong_and_the_new_one_right() -> None:
    for name in SHOP.changeable():
        for later in SHOP.values[name].later:
            check_edit(SHOP.changed({name: later}), name)


def check_edit(edited: Shop, name: str) -> None:
    for intent in edited.intents.values():
        if any(name in slots_of(reply) for reply in intent.replies):
            now = edited.meaning(intent, "", intent.patterns[0])
            before = SHOP.meaning(intent, "", intent.patterns[0])
            for old, new in zip(SHOP.replies(intent), edited.replies(intent), strict=True):
                assert judge(now, new).right and not judge(now, old).right
                assert judge(before, old).right and not judge(before, new).right

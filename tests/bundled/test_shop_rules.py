"""The rules of the bundled shop: what pre-training may have seen of it (nothing), and that its parts agree."""

from __future__ import annotations

import csv
import io
import re

import pytest

from endcloud.bundled.intents import FILLERS, Intent, slots_of
from endcloud.bundled.shop import load_shop
from endcloud.bundled.truth import judge, numbers_in
from endcloud.bundled.wording import canonical

SHOP = load_shop()
INTENTS = list(SHOP.intents.values())


def ids(intent: Intent) -> str:
    return intent.name


def blanked(reply: str) -> str:
    """A reply sentence with its slots and numbers blanked, and nothing but its characters."""
    return canonical(re.sub(r"\{\w+\}|\d+", "", reply))


def sentences(reply: str) -> set[str]:
    return {blanked(part) for part in re.split(r"[。！？!?]", reply)} - {""}


def test_there_are_enough_intents_and_facts() -> None:
    assert len(INTENTS) >= 36
    assert sum(not intent.values for intent in INTENTS) <= 0.12 * len(INTENTS)
    assert 70 <= len(list(SHOP.facts())) <= 90


@pytest.mark.parametrize("intent", INTENTS, ids=ids)
def test_an_intent_has_enough_different_wordings(intent: Intent) -> None:
    assert len({canonical(p) for p in intent.patterns if "number" not in slots_of(p)} | set(intent.patterns)) >= 25
    assert len(set(intent.patterns)) == len(intent.patterns) >= 25
    assert len(set(intent.held_out)) == len(intent.held_out) >= 6
    assert len(set(intent.other_shops)) == len(intent.other_shops) >= 4
    assert 1 <= len(intent.replies) <= 2


@pytest.mark.parametrize("intent", INTENTS, ids=ids)
def test_every_slot_is_known(intent: Intent) -> None:
    naming = {intent.slot} if intent.slot else set()
    for pattern in (*intent.patterns, *intent.held_out):
        assert slots_of(pattern) - set(FILLERS) == naming, pattern
    for pattern in intent.follow_ups:
        assert slots_of(pattern) <= naming, pattern
    for reply in (*intent.replies, *intent.other_shops):
        assert slots_of(reply) <= naming | set(intent.values), reply
        assert not intent.values or slots_of(reply) & set(intent.values), reply
        assert not numbers_in(re.sub(r"\{\w+\}", "", reply)), f"a number that is no value: {reply}"
    for entry in (*intent.never, *(entry for group in intent.must for entry in group)):
        assert slots_of(entry) <= naming | set(intent.values), entry


def test_no_two_wordings_are_the_same_text() -> None:
    seen: dict[str, str] = {}
    for intent in INTENTS:
        for pattern in (*intent.patterns, *intent.held_out):
            bare = pattern if intent.name == "bare_number" else canonical(pattern)
            assert bare not in seen, f"{pattern!r} of {intent.name} stands in {seen[bare]} too"
            seen[bare] = intent.name


def test_held_out_wordings_are_no_trivial_edits() -> None:
    """No held-out wording is part of a trained one of its intent, nor such a one with a word or two added."""
    for intent in INTENTS:
        if intent.name in ("bare_number", "greeting", "thanks"):
            continue
        for held_out in intent.held_out:
            for pattern in intent.patterns:
                one, other = blanked(held_out), blanked(pattern)
                assert one not in other, (held_out, pattern)
                assert other not in one or len(other) <= 0.7 * len(one), (held_out, pattern)


def test_no_fact_of_this_shop_is_stated_elsewhere() -> None:
    for value in SHOP.values.values():
        if not value.by:
            assert not {value.at(), *value.later} & set(value.elsewhere), value.name
    for slot in SHOP.slots.values():
        here = {name for row in slot.here for name in slot.names(row)}
        elsewhere = {name for row in slot.elsewhere for name in slot.names(row)}
        assert not any(mine in other or other in mine for mine in here for other in elsewhere), slot.name


def test_the_changeable_policies_are_disjoint_from_all_that_fills_their_intents() -> None:
    assert len(SHOP.changeable()) == 4
    for name in SHOP.changeable():
        value = SHOP.values[name]
        assert len(value.later) >= 1
        mine = {value.at(), *value.later}
        for intent in INTENTS:
            used = {slot for reply in (*intent.replies, *intent.other_shops) for slot in slots_of(reply)}
            if name in used:
                for other in used & set(SHOP.values):
                    assert not mine & set(SHOP.values[other].elsewhere), (intent.name, other)


def test_no_reply_sentence_is_shared_with_other_shops() -> None:
    own = {sentence for intent in INTENTS for reply in intent.replies for sentence in sentences(reply)}
    own |= {blanked(reply) for intent in INTENTS for reply in intent.replies}
    for intent in INTENTS:
        for reply in intent.other_shops:
            assert not (sentences(reply) | {blanked(reply)}) & own, reply


def test_policies_state_every_fact_that_is_not_in_the_catalogue() -> None:
    policies = SHOP.policies()
    assert not slots_of(policies)
    for name, row, fact in SHOP.facts():
        if SHOP.values[name].by != "product":
            assert any(fact in line and row in line for line in policies.splitlines()), (name, row)


def test_a_changed_policy_stands_in_the_policies() -> None:
    edited = SHOP.changed({"free_shipping": "88", "return_window": "9"})
    assert "满88元包邮" in edited.policies() and "59" not in edited.policies()
    assert "9天内可以无理由退货" in edited.policies()
    assert "满59元包邮" in SHOP.policies()
    with pytest.raises(KeyError, match="shipping_fee"):
        SHOP.changed({"shipping_fee": "9"})


def test_the_catalogue_agrees_with_the_values() -> None:
    columns = {"价格": "price", "材质": "material", "尺码": "size", "洗涤": "wash", "库存": "stock"}
    rows = list(csv.DictReader(io.StringIO(SHOP.catalogue())))
    assert tuple(row["名称"] for row in rows) == SHOP.slots["product"].here
    for row in rows:
        assert row["别名"] in SHOP.slots["product"].aliases[row["名称"]]
        for column, name in columns.items():
            value = SHOP.values[name]
            assert row[column] == value.at(row["名称"]) + value.unit, (row["名称"], column)


def test_the_faq_is_right_and_follows_a_change() -> None:
    for shop in (SHOP, SHOP.changed({"dispatch_hours": "20"})):
        rows = list(csv.DictReader(io.StringIO(shop.faq())))
        assert len(rows) >= 30
        for row in rows:
            assert sum(judge(shop.meaning(i, "", row["问题"]), row["答案"]).right for i in INTENTS if not i.slot) >= 1


def test_the_six_default_queries_have_a_right_answer() -> None:
    queries = SHOP.default_queries()
    assert len(queries) == 6
    for text, meaning in queries:
        reply = SHOP.replies(SHOP.intents[meaning.intent], meaning.row)[0]
        assert judge(meaning, reply).right
        assert all(canonical(text) != canonical(p) for i in INTENTS for p in i.patterns)

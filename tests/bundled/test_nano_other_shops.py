"""The pre-training texts hold nothing that fine-tuning is to teach, and nothing that is asked in the end.

The checks read the very texts that the base model learns from, not the generator.
"""

import re
from functools import cache

import pytest

from endcloud.bundled import held_out
from endcloud.bundled.intents import slots_of
from endcloud.bundled.nano import Recipe, pretraining_texts
from endcloud.bundled.other_shops import blanked
from endcloud.bundled.shop import NAME, load_shop
from endcloud.bundled.wording import canonical
from endcloud.types import Message

SHOP = load_shop()


@cache
def texts() -> list[tuple[Message, ...]]:
    return pretraining_texts(Recipe())


@cache
def statements() -> frozenset[str]:
    """Every sentence that an invented shop says: its replies and the policies in front of them."""
    found = set()
    for conversation in texts():
        found |= {message.content for message in conversation if message.role == "assistant"}
        found |= {line.removeprefix("- ") for line in conversation[0].content.split("\n")[1:]}
    return frozenset(found)


@cache
def everything() -> str:
    return "\n".join(sorted(statements()))


@cache
def asked() -> frozenset[str]:
    return frozenset(canonical(m.content) for conversation in texts() for m in conversation if m.role == "user")


def pattern_of(template: str) -> re.Pattern[str]:
    """What a template looks like when any shop's facts stand in its slots."""
    parts = re.split(r"\{(\w+)\}", template)
    made = "".join(f"(?P<{part}>{any_of(part)})" if place % 2 else re.escape(part) for place, part in enumerate(parts))
    return re.compile(made)


def any_of(slot: str) -> str:
    if slot in SHOP.values:
        value = SHOP.values[slot]
        if value.numeric:
            return r"\d+×\d+" if "×" in value.elsewhere[0] else r"\d+"
        known = {*value.here.values(), *value.later, *value.elsewhere}
        return "|".join(sorted(map(re.escape, known), key=len, reverse=True)) + ("" if value.says else r"|\w{2,3}")
    if slot in SHOP.slots:
        return r"\w{2,4}"
    return r"\S+"


def core(template: str) -> str:
    return template.removeprefix("您好，").removeprefix("亲，").rstrip("。哈呢哦！~")


def test_no_sentence_of_this_shop_is_learned() -> None:
    own = [reply for intent in SHOP.intents.values() for reply in intent.replies if len(blanked(reply)) > 3]
    said = {canonical(statement) for statement in statements()}
    for reply in own:
        found = re.search(f"^(?:{pattern_of(reply).pattern})$", everything(), re.MULTILINE)
        assert not found, (reply, found)
    for intent in SHOP.intents.values():
        for row in SHOP.rows(intent):
            assert not said & {canonical(reply) for reply in SHOP.replies(intent, row)}


@pytest.mark.parametrize("name", [name for name, value in SHOP.values.items() if not value.by])
def test_no_fact_of_this_shop_is_stated(name: str) -> None:
    value = SHOP.values[name]
    templates = [t for intent in SHOP.intents.values() for t in intent.other_shops if name in slots_of(t)]
    found = {match[name] for template in templates for match in pattern_of(core(template)).finditer(everything())}
    assert found, "no statement of this value was recognised"
    assert not found & {*value.here.values(), *value.later}


def test_no_name_of_this_shop_is_mentioned() -> None:
    assert NAME not in everything()
    for slot in SHOP.slots.values():
        for row in slot.here:
            assert row not in everything(), row


def test_the_changeable_policies_are_drawn_from_other_values() -> None:
    changeable = [value for value in SHOP.values.values() if value.changeable]
    assert len(changeable) == 4
    for value in changeable:
        own = {*value.here.values(), *value.later}
        for name in {name for intent in SHOP.intents.values() if value.name in intent.values for name in intent.values}:
            assert not own & set(SHOP.values[name].elsewhere), (value.name, name)


def test_no_held_out_question_is_asked() -> None:
    questions = (*held_out.combinations(SHOP, 400, 0), *held_out.patterns(SHOP, 400, 0))
    assert not asked() & {canonical(question.query) for question in questions}
    held = {blanked(pattern) for intent in SHOP.intents.values() for pattern in intent.held_out}
    assert not asked() & held


def test_the_texts_are_the_same_every_time_and_facts_agree_with_the_policies() -> None:
    again = pretraining_texts(Recipe())
    assert again == texts()
    stated = [conversation for conversation in again if "\n- " in conversation[0].content]
    assert 0.1 < len(stated) / len(again) < 0.3  # the regular shops are only named
    numbers = re.compile(r"\d+")
    for conversation in stated:
        known = set(numbers.findall("".join(m.content for m in conversation if m.role != "assistant")))
        for message in conversation:
            if message.role == "assistant":
                assert set(numbers.findall(message.content)) <= known, message.content

"""The evaluation set holds what it says: real checksums, every disguise, spans that point, two halves apart."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import get_args

import phonenumbers
import pytest
from personal.disguises import CAPITALS, HOMOPHONES, NUMERALS, disguises_of
from personal.halves import HalfName, half_of
from personal.hard_negatives import Negative, negatives
from personal.items import Item, Span, items
from personal.kinds import KINDS
from personal.measuring import leaked, masked_stretches, measure, table
from stdnum import luhn
from stdnum.cn import ric, uscc

from endcloud.types import Message

HALVES: tuple[HalfName, ...] = get_args(HalfName)


@cache
def _items(half: HalfName) -> tuple[Item, ...]:
    return tuple(items(half))


@cache
def _negatives(half: HalfName) -> tuple[Negative, ...]:
    return tuple(negatives(half))


def _plain(half: HalfName) -> list[Item]:
    return [item for item in _items(half) if item.disguise == "plain"]


def _signs(text: str) -> str:
    return "".join(sign for sign in text if sign.isalnum())


@pytest.mark.parametrize("half", HALVES)
def test_each_half_is_as_large_as_promised_and_every_kind_is_in_every_disguise(half: HalfName) -> None:
    assert len(_plain(half)) >= 5000
    assert len({negative.message.content for negative in _negatives(half)}) == 5000
    met = Counter((item.language[:2], item.kind, item.disguise) for item in _items(half))
    for kind in KINDS:
        assert met[kind.language, kind.name, "plain"] == kind.count
        for disguise in disguises_of(kind.name, kind.language):
            assert met[kind.language, kind.name, disguise] >= kind.count // 4, (kind, disguise)
    old_signs = Counter(item.kind for item in _plain(half) if item.language == "zh-Hant")
    assert all(old_signs[kind.name] >= kind.count // 15 for kind in KINDS if kind.language == "zh")


@pytest.mark.parametrize("half", HALVES)
def test_checksums_and_telephones_are_real(half: HalfName) -> None:
    for item in _plain(half):
        signs = _signs(item.value).upper()
        if item.kind == "resident id":
            assert ric.calc_check_digit(signs) == signs[-1] and ric.get_birth_date(signs)
        elif item.kind == "credit code":
            assert uscc.is_valid(signs)
        elif item.kind == "bank card":
            assert luhn.is_valid(signs)
        elif item.kind in ("mobile", "landline"):
            region = "CN" if item.language != "en" else "GB" if signs.startswith("07") else "US"
            assert phonenumbers.is_valid_number(phonenumbers.parse(item.value, region)), item.value


def _undisguised(surface: str) -> str:
    """Digits and letters of a disguised number, the digits as digits."""
    spoken = {sign: str(digit) for known in (NUMERALS, CAPITALS) for digit, sign in enumerate(known)} | {
        "幺": "1",
        "〇": "0",
    }
    spoken |= {sign: digit for digit, known in HOMOPHONES.items() for sign in known}
    return "".join(spoken.get(sign, sign) for sign in _signs(unicodedata.normalize("NFKC", surface)))


@pytest.mark.parametrize("half", HALVES)
def test_spans_point_at_the_value_in_every_disguise(half: HalfName) -> None:
    for item in _items(half):
        assert len(item.spans) == 1 + item.disguise.startswith("two")
        if len(item.spans) == 1:
            assert (item.surface == item.value) is (item.disguise in ("plain", "homophone cue")), item
        if item.kind in ("mobile", "landline", "resident id", "bank card", "long number", "qq", "order", "parcel"):
            assert _undisguised(item.surface) == _signs(item.value), item
        taken = [(span.message, at) for span in (*item.spans, *item.also) for at in range(span.start, span.end)]
        assert len(taken) == len(set(taken))


def test_the_halves_share_no_template_no_pool_and_no_value() -> None:
    tried, unseen = (half_of(name) for name in HALVES)
    for key, templates in tried.templates.items():
        both = set(templates) & set(unseen.templates[key])
        assert not both, (key, both)
    for family, templates in tried.negatives.items():
        assert not set(templates) & set(unseen.negatives[family])
    for pool in tried.pools.__dataclass_fields__:
        shared = set(getattr(tried.pools, pool)) & set(getattr(unseen.pools, pool))
        assert not shared - {"先生", "女士"}, (pool, shared)
    assert not {_signs(item.value) for item in _plain("tried")} & {_signs(item.value) for item in _plain("unseen")}


def test_the_same_half_gives_the_same_set_each_time() -> None:
    assert list(items("tried", share=0.02)) == list(items("tried", share=0.02))
    assert list(negatives("tried", 300)) == list(_negatives("tried"))[:300]


@pytest.mark.parametrize("half", HALVES)
def test_hard_negatives_hold_long_numbers_only_as_goods_numbers(half: HalfName) -> None:
    for negative in _negatives(half):
        text = negative.message.content
        if negative.family not in ("goods numbers", "English numbers"):
            assert not re.search(r"[0-9]{8}", text), text
        assert not re.search("[@{]", text), text


def _hide_spans(item: Item) -> list[Message]:
    """What a perfect masker makes of it."""
    masked = []
    for number, said in enumerate(item.messages):
        text = said.content
        for span in sorted((span for span in item.spans if span.message == number), key=lambda span: -span.start):
            text = text[: span.start] + "[x_1]" + text[span.end :]
        masked.append(Message(said.role, text))
    return masked


def test_a_perfect_masker_measures_as_perfect_and_none_as_nothing() -> None:
    few = [item for item in _items("tried") if item.kind in ("mobile", "name", "address", "title")][::40]
    by_messages = {item.messages: _hide_spans(item) for item in few}
    perfect = measure(lambda messages: by_messages.get(tuple(messages), messages), few, _negatives("tried")[:200])
    assert perfect.precision == 1.0 and not perfect.missed and not list(perfect.unmet()) and not perfect.wrong
    nothing = measure(lambda messages: messages, few, _negatives("tried")[:200])
    assert len(nothing.missed) == len(few) and set(nothing.unmet()) == set(nothing.planted)
    assert "**0.000**" in table(nothing, ["plain"]) and "1.000" in table(perfect, ["plain"])


def test_masking_whole_messages_costs_precision() -> None:
    def everything(messages: Sequence[Message]) -> list[Message]:
        return [Message(said.role, "[x_1]") for said in messages]

    few = [item for item in _items("tried") if item.kind == "plate"][:40]
    measured = measure(everything, few, _negatives("tried")[:300])
    assert not measured.missed and measured.precision < 0.1
    assert sum(measured.touched.values()) == 300


def _item(kind: str, *texts: str) -> Item:
    """An item whose value is what stands in `<…>`; the texts are its messages."""
    spans = tuple(
        Span(number, text.index("<"), text.index(">") - 1) for number, text in enumerate(texts) if "<" in text
    )
    messages = tuple(Message("user", text.replace("<", "").replace(">", "")) for text in texts)
    return Item(kind, "", messages, spans, "plain", "zh", "fixed")


@pytest.mark.parametrize(
    ("item", "masked", "expected"),
    [
        (_item("mobile", "打<13800138000>"), ["打[x_1]"], False),
        (_item("mobile", "打<13800138000>"), ["打[x_1]8000"], False),
        (_item("mobile", "打<13800138000>"), ["打[x_1]38000"], True),
        (_item("mobile", "打<1-3-8-0-0-1-3-8-0-0-0>"), ["打[x_1]1-3-8-0-0-0"], True),
        (_item("mobile", "打<一三八零零一三八零零零>吧"), ["打[x_1]八零零零吧"], False),
        (_item("mobile", "<13800138>", "嗯", "<000>呀"), ["[x_1]8", "嗯", "000呀"], False),
        (_item("mobile", "<13800138>", "嗯", "<000>呀"), ["[x_1]38", "嗯", "000呀"], True),
        (_item("name", "我叫<王小明>"), ["我叫[x_1]明"], False),
        (_item("name", "我叫<王小明>"), ["我叫[x_1]小明"], True),
        (_item("title", "<王>女士"), ["王[x_1]"], True),
        (_item("address", "寄<文三路138号3栋501>"), ["寄[x_1]3栋501"], True),
    ],
)
def test_what_is_left_is_a_leak_from_five_signs_on_or_half_a_name(
    item: Item, masked: list[str], expected: bool
) -> None:
    pairs = zip(item.messages, masked, strict=True)
    assert leaked(item, [masked_stretches(said.content, after) for said, after in pairs]) is expected


def test_a_masker_that_changes_other_text_is_found_out() -> None:
    with pytest.raises(ValueError, match="more than masked stretches"):
        masked_stretches("打13800138000给我", "请打[x_1]给我")

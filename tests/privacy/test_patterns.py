"""A shop's own patterns: what they hide, what they may be, and that no text makes them slow."""

from __future__ import annotations

import pytest

from endcloud.errors import SettingsError, UnrestorableError
from endcloud.privacy.detection import Detector
from endcloud.privacy.masking import ConversationMasker
from endcloud.types import Message


def masked(text: str, detector: Detector) -> str:
    return ConversationMasker(detector).mask((Message("user", text),)).messages[0].content


def test_a_pattern_names_its_placeholder_and_disguises_are_taken_off_before_it_looks() -> None:
    detector = Detector(patterns={"会员": "VIP[0-9]{4}"})
    assert (
        masked("我是VIP1234，他是ＶＩＰ１２３５，V​IP1234是我", detector) == "我是[会员_1]，他是[会员_2]，[会员_1]是我"
    )


def test_only_the_first_group_of_a_pattern_is_masked() -> None:
    detector = Detector(patterns={"会员": "会员号是?([0-9]{4})"})
    assert masked("会员号是1234，货号1234", detector) == "会员号是[会员_1]，货号1234"


def test_a_reply_is_restored_and_an_unknown_number_of_the_kind_is_refused() -> None:
    conversation = ConversationMasker(Detector(patterns={"member": "VIP[0-9]{4}"})).mask((Message("user", "VIP1234"),))
    assert conversation.restore("亲，[member_1]已升级") == "亲，VIP1234已升级"
    with pytest.raises(UnrestorableError):
        conversation.restore("[member_2]")


@pytest.mark.parametrize("pattern", ["[^x]{1,9}", "^.", ".$", "[0-9]{3}", r"[^\n]"])
def test_masked_text_is_masked_to_itself_whatever_the_pattern(pattern: str) -> None:
    masker = ConversationMasker(Detector(patterns={"会员": pattern}))
    for text in ("abc13800138000def 123x", "1234567", "x", "\ud800abc", "[会员_1]和[电话_7]", "a\x00b", ""):
        first = masker.mask((Message("user", text),))
        again = masker.mask(first.messages, placeholders=first.placeholders)
        assert again.messages == first.messages
        assert first.restore(first.messages[0].content) == text


@pytest.mark.parametrize(
    ("name", "pattern", "said"),
    [
        ("会员", "(a", "no regular expression"),
        ("会员", "(?<=a)b", "no regular expression"),
        ("会员", r"(a)\1", "no regular expression"),
        ("会员", "[0-9]+", "without an end"),
        ("会员", "a.*b", "without an end"),
        ("会员", "a{3,}", "without an end"),
        ("会员", "[0-9]{0,4}", "empty text"),
        ("会员", "\ud800", "no regular expression"),
        ("会_员", "a", "cannot name"),
        ("", "a", "cannot name"),
        ("标记", "a", "cannot name"),
    ],
)
def test_a_pattern_that_could_be_slow_or_means_nothing_is_refused_in_a_sentence(
    name: str, pattern: str, said: str
) -> None:
    with pytest.raises(SettingsError, match=said):
        Detector(patterns={name: pattern})


@pytest.mark.parametrize("pattern", [r"VIP\+[0-9]{1,3}", "[+*]{1,2}[0-9]", r"\*[0-9]{2}", "[]+][0-9]", "[[:alpha:]*]1"])
def test_a_sign_that_repeats_nothing_is_no_repetition(pattern: str) -> None:
    Detector(patterns={"会员": pattern})


def test_patterns_are_part_of_the_detectors_name() -> None:
    digests = {Detector(patterns=patterns).digest for patterns in ({}, {"会员": "a"}, {"会员": "b"}, {"店员": "a"})}
    assert len(digests) == 4

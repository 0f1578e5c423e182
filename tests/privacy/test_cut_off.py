"""A value whose beginning is not there: in lines of one message, before a window, in a caller's own history."""

from __future__ import annotations

from endcloud.privacy.cut_off import without_loose_ends
from endcloud.privacy.detection import Detector
from endcloud.privacy.masking import ConversationMasker
from endcloud.types import Message

MASKER = ConversationMasker(Detector())
FIRST, SECOND = Message("user", "my SSN is 43"), Message("user", "4446935")


def test_lines_of_one_message_are_read_as_messages() -> None:
    (shown,) = MASKER.mask([Message("user", "my SSN is 43\n4446935\nthanks")]).messages
    assert shown.content == "my SSN is [证件_1]\n[证件_2]\nthanks"
    assert MASKER.mask([Message("user", "买3件\n99元的")]).messages[0].content == "买3件\n99元的"


def test_what_only_the_messages_before_show_is_masked() -> None:
    (alone,) = without_loose_ends(MASKER, [], [SECOND])
    (beside,) = without_loose_ends(MASKER, [FIRST], [SECOND])
    assert alone == SECOND
    assert "4446935" not in beside.content and "[" in beside.content


def test_what_is_whole_stays_as_it_is() -> None:
    whole = Message("user", "电话13800138000")
    assert without_loose_ends(MASKER, [Message("user", "你好"), Message("assistant", "在的")], [whole]) == (whole,)

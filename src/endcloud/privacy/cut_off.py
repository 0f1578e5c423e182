"""What was said before a stretch of conversation that is kept or read without it.

A value may begin in one message and end in the next. Where only the later message is kept (a caller keeps its own
history) or read (a window of the last turns), nobody could tell any more that its beginning is half of a number. So
such a message stands there as it is masked beside those before it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from endcloud.privacy.placeholders import PLACEHOLDER
from endcloud.protocols import Masker
from endcloud.types import Message

_NEAR = 3  # messages before that may hold a value's beginning: its side's last one, and what others said between
_NUMBER = re.compile(r"_[0-9]+\]$")


def without_loose_ends(masker: Masker, before: Sequence[Message], messages: Sequence[Message]) -> tuple[Message, ...]:
    """`messages`; masked are those of which something is personal only because of the messages `before` them."""
    before = before[-_NEAR:]
    if not before:
        return tuple(messages)
    alone = masker.mask(messages).messages
    beside = masker.mask((*before, *messages)).messages[len(before) :]
    return tuple(
        message if _unnumbered(one.content) == _unnumbered(other.content) else other
        for message, one, other in zip(messages, alone, beside, strict=True)
    )


def _unnumbered(text: str) -> str:
    """A masked text whatever numbers its placeholders have."""
    return PLACEHOLDER.sub(lambda mark: _NUMBER.sub("]", mark[0]), text)

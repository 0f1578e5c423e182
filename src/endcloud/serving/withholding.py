"""What a customer says of themself never leaves this machine: height, size, city, courier stand in slots for a cloud.

The page that shows a customer what is remembered says so. What `serving.remembering` finds is replaced by slots such
as `[档案_身高_1]`, wherever it stands in the conversation, after everything personal was masked. The cloud answers in
slots, and on this machine they are filled again. It advises less well for it: the end model knows the customer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from endcloud.privacy.placeholders import PLACEHOLDER, canonical, write
from endcloud.privacy.slots import MEMORY
from endcloud.protocols import MaskedConversation, Masker
from endcloud.serving.remembering import spans_in
from endcloud.types import Message

KINDS: Mapping[str, str] = {
    "height": "身高",
    "weight": "体重",
    "size": "尺码",
    "shoe size": "鞋码",
    "courier": "快递",
    "city": "城市",
    "skin": "肤质",
    "allergy": "过敏",
    "colour": "颜色",
    "household": "家庭",
}
"""What a slot is called, by topic of `serving.remembering`."""


@dataclass(frozen=True, slots=True)
class Withheld:
    """A conversation without what its customer said of themself, and the way back; kept in memory only."""

    messages: tuple[Message, ...]
    values: Mapping[str, str] = field(repr=False)

    def fill(self, text: str) -> str:
        """A cloud's words with the slots filled; placeholders of any other kind stay."""
        return PLACEHOLDER.sub(lambda mark: self.values.get(canonical(mark), mark[0]), text)


def withhold(messages: Sequence[Message]) -> Withheld:
    """Puts what the customer says of themself into slots, in their own words and where anybody repeats it."""
    slots: dict[tuple[str, str], str] = {}
    for message in messages:
        for topic, start, end in spans_in(message.content) if message.role == "user" else ():
            value = message.content[start:end].strip()
            if value and not PLACEHOLDER.search(value):
                kind = f"{MEMORY}_{KINDS[topic]}"
                number = 1 + sum(known == kind for known, _ in slots)
                slots.setdefault((kind, value), write(kind, number))
    if not slots:
        return Withheld(tuple(messages), {})
    names = {value: slot for (_, value), slot in reversed(slots.items())}
    stands = re.compile("|".join(_alone(value) for value in sorted(names, key=len, reverse=True)))
    told = tuple(replace(message, content=_outside_masks(message.content, stands, names)) for message in messages)
    return Withheld(told, {slot: value for (_, value), slot in slots.items()})


class WithholdingMasker:
    """A masker for what goes to a cloud (`protocols.Masker`): it also withholds what customers say of themselves."""

    def __init__(self, masker: Masker) -> None:
        self._masker = masker
        self.detector = masker.detector

    def mask(
        self,
        messages: Sequence[Message],
        *,
        placeholders: frozenset[str] = frozenset(),
        corpus_marks: bool = False,
    ) -> MaskedConversation:
        """Masks, then withholds; both are undone by the conversation's `restore`."""
        masked = self._masker.mask(messages, placeholders=placeholders, corpus_marks=corpus_marks)
        withheld = withhold(masked.messages)
        return _Conversation(masked, withheld) if withheld.values else masked

    def unrestorable(self, context: Sequence[Message], reply: str) -> bool:
        return self._masker.unrestorable(context, reply)


@dataclass(frozen=True, slots=True)
class _Conversation:
    """A masked conversation (`protocols.MaskedConversation`) with slots in it."""

    _masked: MaskedConversation
    _withheld: Withheld

    @property
    def messages(self) -> tuple[Message, ...]:
        return self._withheld.messages

    @property
    def counts(self) -> Mapping[str, int]:
        slots = {slot[1:-1].rpartition("_")[0] for slot in self._withheld.values}
        text = "".join(message.content for message in self.messages)
        return {**self._masked.counts, **{kind: text.count(f"[{kind}_") for kind in slots}}

    @property
    def placeholders(self) -> frozenset[str]:
        return self._masked.placeholders | self._withheld.values.keys()

    @property
    def detector(self) -> str:
        return self._masked.detector

    def restore(self, text: str) -> str:
        pieces, at = list[str](), 0
        for mark in PLACEHOLDER.finditer(text):
            if (value := self._withheld.values.get(canonical(mark))) is not None:  # a value is never read as a mask
                pieces += [self._masked.restore(text[at : mark.start()]), value]
                at = mark.end()
        return "".join([*pieces, self._masked.restore(text[at:])])


def _alone(value: str) -> str:
    """The value, not as a part of a longer number or word."""
    before = r"(?<![0-9A-Za-z.])" if value[0].isascii() else ""
    return f"{before}{re.escape(value)}" + (r"(?![0-9A-Za-z])" if value[-1].isascii() else "")


def _outside_masks(text: str, stands: re.Pattern[str], names: Mapping[str, str]) -> str:
    pieces, at = list[str](), 0
    for mark in PLACEHOLDER.finditer(text):
        pieces += [stands.sub(lambda found: names[found[0]], text[at : mark.start()]), mark[0]]
        at = mark.end()
    return "".join([*pieces, stands.sub(lambda found: names[found[0]], text[at:])])

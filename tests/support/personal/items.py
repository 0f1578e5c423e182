"""Personal items in the messages that people would write around them, plain and in every disguise.

The same half gives the same items each time. A value stands in the same template in every disguise, so that figures
of disguises can be compared; a sixth of the Chinese ones is in traditional signs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from endcloud.types import Message, Role
from personal import english_values, values
from personal.disguises import CUE, CUES, TWO_ANSWERED, disguises_of
from personal.halves import Half, HalfName, half_of
from personal.kinds import KINDS, Kind, Promise
from personal.traditional import traditional
from personal.values import Value

_SLOT = re.compile(r"\{([a-z -]+)\}")


@dataclass(frozen=True, slots=True)
class Span:
    """Signs `start` to `end` of the message with that number."""

    message: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Item:
    """One personal value in its messages.

    `value` is the plain form, `spans` say where the (disguised) value stands: two where it is spread over two
    messages. `also` is what may be masked besides: the city of an address, a title, other persons' data.
    """

    kind: str
    value: str
    messages: tuple[Message, ...]
    spans: tuple[Span, ...]
    disguise: str
    language: str
    promise: Promise
    also: tuple[Span, ...] = ()

    @property
    def surface(self) -> str:
        """The value as it stands in the messages, its parts joined."""
        return "".join(self.messages[span.message].content[span.start : span.end] for span in self.spans)


def items(half: HalfName, share: float = 1.0) -> Iterator[Item]:
    """Every item of a half, in every disguise; `share` below 1 gives fewer values of each kind."""
    made = half_of(half)
    for kind in KINDS:
        for number in range(round(kind.count * share)):
            yield from _in_every_disguise(made, kind, number)


def _in_every_disguise(half: Half, kind: Kind, number: int) -> Iterator[Item]:
    seed = f"{half.name} {kind.language} {kind.name} {number}"
    old_signs = kind.language == "zh" and Random(seed + " signs").random() < 1 / 6
    value = _value(half, kind.name, kind.language, Random(seed))
    if old_signs:
        groups = tuple(map(traditional, value.groups))
        value = Value(traditional(value.text), groups, traditional(value.before), traditional(value.after))
    template = _template(half, kind, number, Random(seed + " words"))
    template = traditional(template) if old_signs else template
    for name, disguise in disguises_of(kind.name, kind.language).items():
        chosen = Random(f"{seed} {name}")
        parts = disguise(value, chosen)
        words = _disguised_cues(template, chosen) if name == CUE else template
        if parts is None or (name == CUE and words == template) or (len(parts) == 2 and _by_agent(template)):
            continue
        between = chosen.choice(half.between[kind.language]) if name == TWO_ANSWERED else ""
        laid = _Laid(half, kind.language, Random(seed + " others"), value, parts, between)
        laid.write(words)
        item = laid.item(kind, name)
        yield replace(item, language="zh-Hant") if old_signs else item


def _value(half: Half, kind: str, language: str, chosen: Random) -> Value:
    makers = english_values.MAKERS if language == "en" else values.MAKERS
    return values.make(makers[kind], chosen, half)


def _template(half: Half, kind: Kind, number: int, chosen: Random) -> str:
    """The kind's templates in turn; a single message sometimes opens and ends as people do."""
    known = half.templates[kind.name, kind.language]
    template = known[number % len(known)]
    if "|" in template or template.startswith("@"):
        return template
    opening = chosen.choice(half.openings[kind.language]) if chosen.random() < 0.35 else ""
    ending = chosen.choice(half.endings[kind.language]) if chosen.random() < 0.35 else ""
    return opening + template + ending


def _disguised_cues(template: str, chosen: Random) -> str:
    for cue, spellings in CUES.items():
        template = template.replace(cue, chosen.choice(spellings))
    return template


def _by_agent(template: str) -> bool:
    return next(text for text in template.split("|") if "{x}" in text).startswith("@")


class _Laid:
    """A template being filled: messages, and where in them personal data stands."""

    def __init__(self, half: Half, language: str, chosen: Random, value: Value, parts: tuple[str, ...], between: str):
        self._half, self._language, self._chosen = half, language, chosen
        self._value, self._parts, self._between = value, parts, between
        self._messages: list[Message] = []
        self._spans: list[Span] = []
        self._also: list[Span] = []

    def item(self, kind: Kind, disguise: str) -> Item:
        messages, spans, also = tuple(self._messages), tuple(self._spans), tuple(self._also)
        return Item(kind.name, self._value.text, messages, spans, disguise, kind.language, kind.promise, also)

    def write(self, template: str) -> None:
        for text in template.split("|"):
            self._write_message(text)

    def _write_message(self, text: str) -> None:
        role: Role = "assistant" if text.startswith("@") else "user"
        written, at = "", 0
        text = text.removeprefix("@")
        for slot in _SLOT.finditer(text):
            written += text[at : slot.start()]
            at = slot.end()
            if slot[1] != "x":
                other = _value(self._half, slot[1], self._language, self._chosen)
                written = self._add(written, other.before + other.text + other.after, self._also)
                continue
            written = self._add(written, self._value.before, self._also)
            for number, part in enumerate(self._parts):
                if number:
                    self._messages.append(Message(role, written))
                    if self._between:
                        self._messages.append(Message("assistant", self._between))
                    written = ""
                written = self._add(written, part, self._spans)
            written = self._add(written, self._value.after, self._also)
        self._messages.append(Message(role, written + text[at:]))

    def _add(self, written: str, text: str, spans: list[Span]) -> str:
        if text:
            spans.append(Span(len(self._messages), len(written), len(written) + len(text)))
        return written + text

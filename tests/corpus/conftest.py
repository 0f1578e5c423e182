"""A small but real masker, so that these tests need no other stage."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from endcloud.types import Message

PERSONAL = ("订单", "电话", "姓名", "地址", "站点", "链接", "邮箱")
_PHONE = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)")
_MARK = re.compile(rf"\[({'|'.join(PERSONAL)})x\]")
_PLACEHOLDER = re.compile(r"\[[一-鿿]+_\d+\]")


@dataclass(frozen=True)
class Masked:
    messages: tuple[Message, ...]
    counts: Mapping[str, int]
    placeholders: frozenset[str]
    detector: str

    def restore(self, text: str) -> str:
        return text


@dataclass
class TinyMasker:
    """Masks mobile numbers, and corpus marks of personal kinds (each kind is one value)."""

    detector: str = "tiny"
    asked_with_marks: list[bool] = field(default_factory=list)

    def mask(
        self,
        messages: Sequence[Message],
        *,
        placeholders: frozenset[str] = frozenset(),
        corpus_marks: bool = False,
    ) -> Masked:
        self.asked_with_marks.append(corpus_marks)
        numbers: dict[str, int] = {}
        counts: Counter[str] = Counter()

        def number(match: re.Match[str]) -> str:
            counts["电话"] += 1
            return f"[电话_{numbers.setdefault(match.group(), len(numbers) + 1)}]"

        def mark(match: re.Match[str]) -> str:
            counts[match.group(1)] += 1
            return f"[{match.group(1)}_1]"

        masked = []
        for message in messages:
            text = _PHONE.sub(number, message.content)
            masked.append(Message(message.role, _MARK.sub(mark, text) if corpus_marks else text))
        return Masked(tuple(masked), counts, frozenset(), self.detector)

    def unrestorable(self, context: Sequence[Message], reply: str) -> bool:
        known = {mark for message in context for mark in _PLACEHOLDER.findall(message.content)}
        return not set(_PLACEHOLDER.findall(reply)) <= known


@dataclass
class SilentProgress:
    """Keeps what was said, and how far each task came of its total."""

    said: list[str] = field(default_factory=list)
    tasks: dict[str, tuple[int, int | None]] = field(default_factory=dict)
    current: str = ""

    @contextmanager
    def task(self, name: str, total: int | None, unit: str) -> Iterator[SilentProgress]:
        self.current = name
        self.tasks[name] = (0, total)
        yield self

    def advance(self, steps: int = 1, **figures: float | str) -> None:
        done, total = self.tasks[self.current]
        self.tasks[self.current] = (done + steps, total)

    def say(self, sentence: str) -> None:
        self.said.append(sentence)


@pytest.fixture
def masker() -> TinyMasker:
    return TinyMasker()


@pytest.fixture
def progress() -> SilentProgress:
    return SilentProgress()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Where a test writes its source."""
    return tmp_path / "source.txt"

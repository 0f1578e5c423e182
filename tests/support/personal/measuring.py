"""What a masker catches and what it touches wrongly: recall by kind and disguise, precision on hard negatives.

A masker is any callable from messages to messages in which each masked stretch has become a placeholder, `[kind_1]`;
the rest stays as it was, so that it is known sign by sign what was left.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from endcloud.types import Message
from personal.hard_negatives import Negative
from personal.items import Item
from personal.kinds import PROMISED, Promise

Mask = Callable[[Sequence[Message]], Sequence[Message]]
PLACEHOLDER = re.compile(r"\[[^\[\]\n]{1,24}_\d+\]")
LEFT_IN_A_RUN = 5
"""So many digits or letters of an item in a row, in any disguise, are a leak (all of them, where it has fewer)."""

Group = tuple[str, str, str]
"""Language (traditional Chinese counts as Chinese), kind, disguise."""


def masked_stretches(original: str, masked: str) -> list[tuple[int, int]]:
    """Where `original` was masked, as [start, end); raises ValueError if other text was changed too."""
    literals = PLACEHOLDER.split(masked)
    pattern = "(.+?)".join(re.escape(literal) for literal in literals)
    found = re.fullmatch(pattern, original, re.DOTALL)
    if found is None:
        raise ValueError(f"Of a message of {len(original)} signs more than masked stretches has changed: {masked!r}.")
    return [found.span(number + 1) for number in range(len(literals) - 1)]


def leaked(item: Item, stretches: Sequence[Sequence[tuple[int, int]]]) -> bool:
    """Whether enough of the item is left in one run; `stretches` are the masked ones of each of its messages.

    Separators do not count, and the parts of two messages follow one another. Of a name more than half is too much,
    of anything else five signs.
    """
    kept = [
        not any(start <= at < end for start, end in stretches[span.message])
        for span in item.spans
        for at in range(span.start, span.end)
        if item.messages[span.message].content[at].isalnum()
    ]
    most = len(kept) // 2 + 1 if item.kind in ("name", "title") else min(LEFT_IN_A_RUN, len(kept))
    run = 0
    for left in kept:
        run = run + 1 if left else 0
        if run >= most:
            return True
    return False


@dataclass(slots=True)
class Measured:
    """Counts; everything published follows from them."""

    planted: Counter[Group] = field(default_factory=Counter)
    caught: Counter[Group] = field(default_factory=Counter)
    promises: dict[tuple[str, str], Promise] = field(default_factory=dict)
    stretches: int = 0
    personal: int = 0
    negatives: Counter[str] = field(default_factory=Counter)
    touched: Counter[str] = field(default_factory=Counter)
    missed: list[Item] = field(default_factory=list)
    wrong: list[tuple[str, str, str]] = field(default_factory=list)
    """(family or kind, message, what of it was masked wrongly)."""

    @property
    def precision(self) -> float:
        """The share of masked stretches that are personal, over the plain items and the hard negatives together."""
        return self.personal / self.stretches if self.stretches else 1.0

    def recall(self, language: str, kind: str, disguise: str | None = None) -> float | None:
        """None where nothing of that kind is planted in that disguise."""
        groups = [group for group in self.planted if group[:2] == (language, kind) and disguise in (None, group[2])]
        planted = sum(self.planted[group] for group in groups)
        return sum(self.caught[group] for group in groups) / planted if planted else None

    def unmet(self) -> Iterator[Group]:
        """The groups below what is promised for their kind."""
        for group, planted in self.planted.items():
            if self.caught[group] / planted < PROMISED[self.promises[group[:2]]]:
                yield group


def measure(mask: Mask, items: Iterable[Item], negatives: Iterable[Negative]) -> Measured:
    """Asks `mask` for every item and negative, each as a conversation of its own."""
    measured = Measured()
    for item in items:
        stretches = _stretches(mask, item.messages)
        _count_item(measured, item, stretches)
        if item.disguise == "plain":
            for number, of_message in enumerate(stretches):
                _count_stretches(measured, item, number, of_message)
    for negative in negatives:
        (of_message,) = _stretches(mask, (negative.message,))
        measured.negatives[negative.family] += 1
        measured.touched[negative.family] += bool(of_message)
        measured.stretches += len(of_message)
        text = negative.message.content
        measured.wrong.extend((negative.family, text, text[start:end]) for start, end in of_message)
    return measured


def _stretches(mask: Mask, messages: Sequence[Message]) -> list[list[tuple[int, int]]]:
    masked = mask(messages)
    pairs = zip(messages, masked, strict=True)
    return [masked_stretches(original.content, after.content) for original, after in pairs]


def _count_item(measured: Measured, item: Item, stretches: Sequence[Sequence[tuple[int, int]]]) -> None:
    language = item.language[:2]
    group = (language, item.kind, item.disguise)
    measured.planted[group] += 1
    measured.promises[language, item.kind] = item.promise
    if leaked(item, stretches):
        measured.missed.append(item)
    else:
        measured.caught[group] += 1


def _count_stretches(measured: Measured, item: Item, number: int, stretches: Sequence[tuple[int, int]]) -> None:
    """A stretch is personal if at least half of it is in what is marked as personal."""
    text = item.messages[number].content
    personal = {
        at for span in (*item.spans, *item.also) if span.message == number for at in range(span.start, span.end)
    }
    for start, end in stretches:
        measured.stretches += 1
        if 2 * len(personal.intersection(range(start, end))) >= end - start:
            measured.personal += 1
        else:
            measured.wrong.append((item.kind, text, text[start:end]))


def table(measured: Measured, disguises: Sequence[str]) -> str:
    """Recall as a Markdown table, a row a kind and a column a disguise; below what is promised in bold.

    The column `all` is over every disguise.
    """
    rows = [f"| kind | promised | all | {' | '.join(disguises)} |", f"|---|---|---|{'---|' * len(disguises)}"]
    for (language, kind), promise in measured.promises.items():
        columns = (None, *disguises)
        cells = (_cell(measured.recall(language, kind, disguise), PROMISED[promise]) for disguise in columns)
        rows.append(f"| {kind} ({language}) | {PROMISED[promise]:.2f} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _cell(recall: float | None, promised: float) -> str:
    """Cut, not rounded: 1.000 is said only of all."""
    if recall is None:
        return ""
    figure = f"{math.floor(recall * 1000 + 1e-9) / 1000:.3f}"
    return figure if recall >= promised else f"**{figure}**"

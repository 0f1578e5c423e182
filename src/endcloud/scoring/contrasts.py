"""What teaches a stand-in scorer: pairs that agree and pairs that do not, made from a shop's own dialogues.

Nobody judged the recorded replies, so the pairs are constructed. A reply agrees with itself said a little
differently, and with what was said to nearly the same question where the facts agree. It disagrees with replies
to other questions, with replies to *neighbouring* questions (the hard ones), with itself after a number was
changed, and with itself denied. All are reworded alike, so that rewording itself tells nothing. Everything is drawn
from a seed.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from endcloud.facts import contradictions

_NUMBER = re.compile(r"(?<![\d.\[_])\d+(?:\.\d+)?(?![\d.\]])")
_MANNER = frozenset("亲您哦呢啊呀哈嘛~～，。！,!? ")
_CLAUSE = re.compile(r"(?<=[，。,！!；;])")
_POLARITY = (("不可以", "可以"), ("不支持", "支持"), ("不能", "能"), ("不包邮", "包邮"), ("没有", "有"), ("不会", "会"))
_SAME_QUESTION = 0.75  # cosine of two queries from which on we take them for one question
_OTHER_QUESTION = 0.6  # and below which they are two
_DROPPED = 0.05  # share of the characters that rewording leaves out


@dataclass(frozen=True, slots=True)
class Contrast:
    """Two texts and whether they belong together; `origin` is the row of the training pair it was made from."""

    first: str
    second: str
    agrees: bool
    origin: int


def with_another_number(text: str, numbers: Sequence[str], draw: random.Random) -> str | None:
    """`text` with one number changed into another, half the time one of `numbers`; None where it states none."""
    found = list(_NUMBER.finditer(text))
    if not found:
        return None
    place = draw.choice(found)
    old = float(place.group())
    for _ in range(8):
        near = str(max(1, int(old) + draw.choice((-10, -5, -3, -2, -1, 1, 2, 3, 5, 10))))
        new = draw.choice(numbers) if numbers and draw.random() < 0.5 else near
        if float(new) != old:
            return text[: place.start()] + new + text[place.end() :]
    return None


def numbers_in(texts: Sequence[str]) -> list[str]:
    """Every number of every text, repeats included, so that frequent ones are drawn often."""
    return [number for text in texts for number in _NUMBER.findall(text)]


def denied(text: str) -> str | None:
    """`text` with its first yes made a no, or the reverse; None where it says neither."""
    for no, yes in _POLARITY:
        if no in text:
            return text.replace(no, yes, 1)
        if yes in text:
            return text.replace(yes, no, 1)
    return None


def reworded(text: str, draw: random.Random) -> str:
    """`text` with particles and a few characters dropped and clauses sometimes moved; numbers stay."""
    clauses = _CLAUSE.split(text)
    if len(clauses) > 2 and draw.random() < 0.3:
        draw.shuffle(clauses)
    kept = [c for c in "".join(clauses) if c.isdigit() or draw.random() >= (0.5 if c in _MANNER else _DROPPED)]
    return "".join(kept) or text


def of_replies(
    replies: Sequence[str], alike: NDArray[np.float64], rows: Sequence[int], draw: random.Random
) -> Iterator[Contrast]:
    """Contrasts between two replies, made from these `rows` of the training pairs.

    `alike` (rows, n) is how alike the query of each is to those of all training pairs.
    """
    numbers = numbers_in(replies)
    for row, near in zip(rows, alike, strict=True):
        reply = replies[row]
        yield Contrast(reply, reworded(reply, draw), True, row)
        for other in _same_question(replies, near, row)[:2]:
            yield Contrast(reply, reworded(other, draw), True, row)
        for other in _wrong(replies, near, row, numbers, draw):
            yield Contrast(reply, other, False, row)


def of_queries(
    queries: Sequence[str],
    replies: Sequence[str],
    alike: NDArray[np.float64],
    rows: Sequence[int],
    draw: random.Random,
) -> Iterator[Contrast]:
    """Contrasts between a query and a reply; `alike` and `rows` as in `of_replies`."""
    numbers = numbers_in(replies)
    for row, near in zip(rows, alike, strict=True):
        query, reply = queries[row], replies[row]
        yield Contrast(query, reworded(reply, draw), True, row)
        for other in _wrong(replies, near, row, numbers, draw):
            yield Contrast(query, other, False, row)


def _same_question(replies: Sequence[str], alike: NDArray[np.float64], row: int) -> list[str]:
    near = np.argsort(-alike, kind="stable")[:8]
    return [
        replies[other]
        for other in near
        if alike[other] > _SAME_QUESTION
        and replies[other] != replies[row]
        and not contradictions(replies[other], replies[row])
    ]


def _wrong(
    replies: Sequence[str], alike: NDArray[np.float64], row: int, numbers: Sequence[str], draw: random.Random
) -> Iterator[str]:
    reply = replies[row]
    strangers = [replies[draw.randrange(len(replies))] for _ in range(2)]
    near = np.argsort(-alike, kind="stable")[:40]
    neighbours = [replies[other] for other in near if alike[other] < _OTHER_QUESTION]
    yield from (reworded(other, draw) for other in strangers + _one_of(neighbours, draw) if other != reply)
    changed = with_another_number(reply, numbers, draw)
    if changed is not None:
        yield reworded(changed, draw)
    opposite = denied(reply)
    if opposite is not None and draw.random() < 0.5:
        yield reworded(opposite, draw)


def _one_of(texts: Sequence[str], draw: random.Random) -> list[str]:
    return [draw.choice(texts)] if texts else []

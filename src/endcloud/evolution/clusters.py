"""Near-identical questions under one name, so that what fails often comes first and one question cannot fill a round.

A question belongs to the nearest founder of a cluster if the two share enough character n-grams; else it founds its
own. Greetings, particles and digits do not count: 请问满59包邮吗 and 满99包邮 are one question, asked twice. Founders
of earlier rounds are known, so a question keeps its cluster, and with it the side, trained on or held out, that it is
on. Clusters are narrow on purpose: another wording of the same matter is another cluster, by which it can be seen
whether the matter was learned and not just the sentence.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from math import sqrt

from endcloud.numerals import normalise
from endcloud.types import Message

NEAR = 0.7
"""Cosine of the sets of n-grams from which two questions are near-identical."""

_MANNER = re.compile(
    r"请问|想?问问|想问|问一?下|你好|您好|在吗|在么|在不在|有人吗|亲亲|亲|老板|掌柜的?|店家|麻烦|一下|谢谢|的话|[哈呀呢吗啊哦吧了么嘛噢哎啦]"
)
_SHORT = 6


class Clusters:
    """Names the cluster of each question it is shown; the same questions in the same order get the same names."""

    def __init__(self, known: Iterable[tuple[str, str]] = ()) -> None:
        """`known` are clusters of earlier rounds by name, each with a question of it; the first one counts."""
        self._founders: list[tuple[str, frozenset[str]]] = []
        self._holding: dict[str, list[int]] = defaultdict(list)
        seen: set[str] = set()
        for name, question in known:
            if name not in seen:
                seen.add(name)
                self._found(name, _grams(question))

    def of(self, question: str) -> str:
        """The name of the cluster that the question belongs to."""
        grams = _grams(question)
        shared = Counter(at for gram in grams for at in self._holding.get(gram, ()))
        best = max(shared, key=lambda at: (self._likeness(grams, at, shared[at]), -at), default=None)
        if best is not None and self._likeness(grams, best, shared[best]) >= NEAR:
            return self._founders[best][0]
        name = "cluster:" + blake2b("\0".join(sorted(grams)).encode(), digest_size=8).hexdigest()
        self._found(name, grams)
        return name

    def _likeness(self, grams: frozenset[str], at: int, shared: int) -> float:
        return shared / sqrt(len(grams) * len(self._founders[at][1]))

    def _found(self, name: str, grams: frozenset[str]) -> None:
        for gram in grams:
            self._holding[gram].append(len(self._founders))
        self._founders.append((name, grams))


def alike(one: str, other: str) -> float:
    """How alike two questions are, in [0, 1], by the same measure."""
    first, second = _grams(one), _grams(other)
    return len(first & second) / sqrt(len(first) * len(second))


def question_of(messages: Sequence[Message]) -> str:
    """The text by which questions are compared: the query, with the customer's words before it where it says too
    little alone."""
    query = messages[-1].content
    earlier = [message.content for message in messages[:-1] if message.role == "user"]
    return query if len(query) >= _SHORT or not earlier else f"{earlier[-1]} {query}"


def _grams(text: str) -> frozenset[str]:
    """Single characters and pairs of them, without manner; of a text that is all manner, the text itself."""
    plain = normalise(text)
    said = "".join(sign for sign in _MANNER.sub("", plain) if sign.isalnum())
    said = re.sub(r"\d+", "0", said) or plain.strip() or " "
    return frozenset({*said, *(said[at : at + 2] for at in range(len(said) - 1))})

"""Questions that have nothing to do with the shop, and what an acceptable reply to one is.

A small model answers them with what it knows, which is its own shop: about medicine it says that 48 hours are enough.
So the decision who answers must be measured on them too. The right route is the cloud or a person, or a reply that
declines. Precisely: a reply is acceptable when it (1) says that it cannot or may not answer, that it must have the
matter checked, or asks back what is meant; (2) states no number that the question did not; and (3) speaks of
nothing that the shop answers, such as postage or returns. The topics (weather, medicine, politics, goods of other
shops, …) fall into two sides that share no topic: one to fit a decision to, one to measure it by.
"""

from __future__ import annotations

import random
import re
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal

from endcloud.bundled.noise import chatty
from endcloud.bundled.shop import Shop
from endcloud.bundled.truth import Verdict, normalise, numbers_in
from endcloud.bundled.wording import canonical
from endcloud.types import Message

Side = Literal["fit", "test"]

_DECLINES = re.compile(
    r"核实|确认(?:一下|后)|不(?:太)?(?:清楚|了解|知道|懂|确定)|没法|无法|不能(?:回答|提供|给)|回答不了|帮不(?:了|上)|"
    r"不在.{0,8}范围|超出|只能(?:回答|解答|帮)|只(?:负责|卖)|(?:不卖|没有卖|没卖|不经营|没有这)|人工|"
    r"(?:想|要)问(?:什么|哪)|请问您.{0,12}(?:什么|哪)|换个说法"
)


@dataclass(frozen=True, slots=True)
class Stranger:
    """A question outside the trade, with its topic and the wording that it was made from."""

    id: str
    topic: str
    wording: str
    query: str

    @property
    def messages(self) -> tuple[Message, ...]:
        return (Message("user", self.query),)


def strangers(n: int, seed: int, side: Side) -> list[Stranger]:
    """At most `n` questions of one side, spread evenly over its topics; the same for the same seed."""
    draw = random.Random(f"stranger {seed} {side}")
    columns = [(topic, _typed(lists, draw)) for topic, lists in _topics(side).items()]
    found: list[Stranger] = []
    seen: set[str] = set()
    for level in range(max(len(texts) for _, texts in columns)):
        for topic, texts in columns:
            wording, text = texts[level] if level < len(texts) else ("", "")
            if not text or canonical(text) in seen or len(found) == n:
                continue
            seen.add(canonical(text))
            found.append(Stranger(f"stranger-{side}-{len(found):04d}", topic, wording, text))
    return found


def declined(shop: Shop, query: str, reply: str) -> Verdict:
    """Whether a reply to a question outside the trade is acceptable; the module says what that means."""
    if not _DECLINES.search(reply):
        return Verdict(False, "answers, where it should decline")
    if strange := numbers_in(reply) - numbers_in(query):
        return Verdict(False, f"states {', '.join(sorted(strange))}")
    said, asked = normalise(reply), normalise(query)
    words = (word for intent in shop.intents.values() for word in intent.about if not _DECLINES.search(word))
    spoken = next((word for word in words if len(word) > 1 and word in said and word not in asked), "")
    return Verdict(not spoken, f"speaks of {spoken!r}" if spoken else "")


def _topics(side: Side) -> dict[str, dict[str, list[str]]]:
    text = (files("endcloud.bundled") / "out_of_trade.toml").read_text(encoding="utf-8")
    topics = tomllib.loads(text)["topic"]
    return {
        topic["name"]: {key: value for key, value in topic.items() if isinstance(value, list)}
        for topic in topics
        if topic["side"] == side
    }


def _typed(lists: dict[str, list[str]], draw: random.Random) -> list[tuple[str, str]]:
    """All patterns of a topic with all its words, as a customer types them, in a random order; pattern and text."""
    (slot,) = lists.keys() - {"patterns"}
    filled = [
        (pattern, pattern.replace("{" + slot + "}", word)) for pattern in lists["patterns"] for word in lists[slot]
    ]
    return [(pattern, chatty(text, draw)) for pattern, text in draw.sample(filled, len(filled))]

"""Exchanges whose worth is known, to fit the decision who answers and to measure it by.

The end model is asked as customers ask it: streamed, sampled as the settings say, every token's certainty kept.
What its reply and the cloud's are worth comes from the truth where the shop is the bundled one (`bundled_exchanges`),
else from Equation 1 on the validation split (`validation_exchanges`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING

from endcloud.assembly.escalation import nearness_of, version_of
from endcloud.assembly.masking import uploads_nothing
from endcloud.errors import EndcloudError, UsageError
from endcloud.serving.scored_exchange import Exchange
from endcloud.types import Drawn, Example, Message, Request

if TYPE_CHECKING:
    from endcloud.assembly.shop import Shop
    from endcloud.bundled.out_of_trade import Side
    from endcloud.bundled.shop import Shop as BundledShop
    from endcloud.bundled.truth import Meaning
    from endcloud.protocols import ChatModel

COMBINATIONS, PATTERNS, OUTSIDE = "unseen combinations", "unseen patterns", "outside the trade"
VALIDATION = "validation split"
_AT_ONCE = 64
_SEEDS = {"fit": (101, 102, 103), "test": (201, 202, 203)}


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with how a reply to it is judged: 1 acceptable, 0 not. `group` names questions that are alike."""

    id: str
    messages: tuple[Message, ...]
    acceptable: Callable[[str], bool]
    part: str
    group: str


@dataclass(frozen=True, slots=True)
class Answered:
    """What the end model said, and what it thought of each token."""

    text: str
    drawn: tuple[Drawn, ...]


def is_bundled(shop: Shop) -> bool:
    """Whether this is the invented shop, whose truth is known: its rules, unchanged."""
    from endcloud.bundled.shop import load_shop

    rules = shop.directory.policies
    return rules.exists() and rules.read_text(encoding="utf-8").split() == load_shop().policies().split()


def bundled_questions(side: Side, most: int, outside: int) -> list[Asked]:
    """At most `most` questions of both held-out kinds each, and `outside` ones outside the trade.

    The sides share no wording, no typed text and no topic outside the trade.

    A wording belongs to one side by its hash. `test` is what a decision is measured by, `fit` what it is fitted to.
    """
    from endcloud.bundled.held_out import combinations, patterns
    from endcloud.bundled.out_of_trade import strangers
    from endcloud.bundled.shop import load_shop
    from endcloud.bundled.wording import canonical

    shop = load_shop()
    half = replace(
        shop,
        intents={
            name: replace(
                intent,
                patterns=tuple(text for text in intent.patterns if _side(text) == side),
                held_out=tuple(text for text in intent.held_out if _side(text) == side),
            )
            for name, intent in shop.intents.items()
        },
    )
    asked: list[Asked] = []
    for part, draw in ((COMBINATIONS, combinations), (PATTERNS, patterns)):
        drawn = {canonical(one.query): one for seed in _SEEDS[side] for one in draw(half, most, seed)}
        for number, one in enumerate(list(drawn.values())[:most]):
            right = partial(_right, one.meaning)
            group = f"{one.meaning.intent} {one.meaning.row}"
            asked.append(Asked(f"route-{side}-{part[7:]}-{number:04d}", one.messages, right, part, group))
    for stranger in strangers(outside, 0, side):
        declines = partial(_declines, shop, stranger.query)
        asked.append(Asked(f"route-{stranger.id}", stranger.messages, declines, OUTSIDE, stranger.wording))
    return asked


def bundled_exchanges(shop: Shop, side: Side, most: int, outside: int, version: str = "") -> list[Exchange]:
    """The bundled shop's exchanges by the truth; the cloud is asked too, through the guard and within the budget."""
    asked = bundled_questions(side, most, outside)
    examples = [
        Example(one.id, one.id, "", shop.masker.mask(one.messages).messages, "", "natural", one.part, "test")
        for one in asked
    ]
    shop.label(examples=examples)
    labels = shop.labels.of(example.id for example in examples)
    clouds = [labels[one.id].text if one.id in labels and not labels[one.id].reason else "" for one in asked]
    answers = answer_all(shop, [one.messages for one in asked], version)
    relevances = _relevances(shop, examples, answers)
    nearness = nearness_of(shop, version)
    return [
        Exchange(
            one.messages[-1].content, answer.text, answer.drawn, nearness(one.messages[-1].content), relevance,
            bool(answer.text) and one.acceptable(answer.text), bool(cloud) and one.acceptable(cloud),
            one.part, one.group,
        )
        for one, answer, relevance, cloud in zip(asked, answers, relevances, clouds, strict=True)
    ]  # fmt: skip


def validation_exchanges(shop: Shop, version: str = "") -> list[Exchange]:
    """Any shop's exchanges: acceptable is a final score of `scoring.poor` or more against the cloud's label.

    The cloud's reply is its own measure here, so it counts as acceptable. Raises UsageError without labels.
    """
    examples = shop.examples("validation")
    labels = shop.labels.of(example.id for example in examples)
    known = [one for one in examples if one.id in labels and not labels[one.id].reason]
    if not known:
        why = uploads_nothing(shop) or "Run `endcloud teach` first."
        raise UsageError(
            f"None of the {len(examples)} validation examples has a label, so there is nothing to judge replies by. "
            f"{why}"
        )
    answers = answer_all(shop, [one.messages for one in known], version)
    clouds = [labels[one.id].text for one in known]
    scores = shop.scorer.score_all(
        [one.query for one in known], [answer.text for answer in answers], clouds, shop.progress
    )
    nearness = nearness_of(shop, version)
    exchanges = []
    for example, answer, score in zip(known, answers, scores, strict=True):
        final = shop.scorer.final(score)
        if final is not None:
            acceptable = bool(answer.text) and final >= shop.settings.scoring.poor
            exchanges.append(
                Exchange(
                    example.query,
                    answer.text,
                    answer.drawn,
                    nearness(example.query),
                    score.relevance,
                    acceptable,
                    True,
                    VALIDATION,
                    example.dialogue,
                )
            )
    return exchanges


def well_routed(exchange: Exchange) -> bool:
    """Whether handing this question to the cloud is right: where its reply is, and always outside the trade.

    A small shop's stand-in cloud knows nothing of medicine; that it was asked, and not the end model, is right.
    """
    return exchange.cloud_acceptable or exchange.part == OUTSIDE


def price_of_a_call(shop: Shop) -> float:
    """What labelling a validation example cost on average, in the budget's currency; 0 where none was recorded."""
    try:
        examples = shop.examples("validation")
    except UsageError:
        return 0.0
    prices = [label.price for label in shop.labels.of(one.id for one in examples).values()]
    return sum(prices) / len(prices) if prices else 0.0


def answer_all(shop: Shop, conversations: Sequence[Sequence[Message]], version: str = "") -> list[Answered]:
    """The end model's replies as the service would stream them, each drawn with a seed of its own.

    A reply that fails (a placeholder that nobody can restore) is an empty one: it is never acceptable.
    """
    model, _ = shop.answering(version_of(shop, version))
    return asyncio.run(_answer_all(shop, model, conversations))


async def _answer_all(shop: Shop, model: ChatModel, conversations: Sequence[Sequence[Message]]) -> list[Answered]:
    places = asyncio.Semaphore(_AT_ONCE)
    with shop.progress.task("end replies", len(conversations), "reply") as task:

        async def one(messages: Sequence[Message]) -> Answered:
            seed = int.from_bytes(sha256(repr(messages).encode()).digest()[:4], "big")
            request = Request(tuple(messages), sampling=replace(shop.sampling, seed=seed))
            text, drawn = "", list[Drawn]()
            async with places:
                try:
                    async for delta in model.stream(request):
                        text += delta.text
                        drawn += delta.drawn
                except EndcloudError:
                    text = ""
            task.advance()
            return Answered(text, tuple(drawn))

        return list(await asyncio.gather(*map(one, conversations)))


def _relevances(shop: Shop, examples: Sequence[Example], answers: Sequence[Answered]) -> list[float | None]:
    replies = [
        shop.masker.mask((*one.messages, Message("assistant", answer.text))).messages[-1].content
        for one, answer in zip(examples, answers, strict=True)
    ]
    return shop.scorer.relevance.score([(one.query, reply) for one, reply in zip(examples, replies, strict=True)])


def _side(text: str) -> Side:
    return "fit" if sha256(text.encode()).digest()[1] % 2 else "test"


def _right(meaning: Meaning, reply: str) -> bool:
    from endcloud.bundled.truth import judge

    return judge(meaning, reply).right


def _declines(shop: BundledShop, query: str, reply: str) -> bool:
    from endcloud.bundled.out_of_trade import declined

    return declined(shop, query, reply).right

"""Table III put together: the cloud asked without a prompt, with the prompt of N pairs, and with the shop's rules.

Each way of asking labels copies of the examples under names of their own, so the shop's labels stay as they are, and
the answers are kept, paid for once and bounded by the budget like any others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from endcloud.bootstrap import Interval
from endcloud.experiments.paper_report import CloudRun
from endcloud.types import Example, Sampling

if TYPE_CHECKING:
    from endcloud.assembly.shop import Shop
    from endcloud.cloud.teacher import Teacher

Judge = Callable[[Sequence[str | None]], Interval]
"""The share of right replies to the known questions."""


def cloud_runs(
    shop: Shop,
    queries: Sequence[Example],
    pairs: Sequence[int],
    known: Sequence[Example] = (),
    judge: Judge | None = None,
) -> tuple[CloudRun, ...]:
    """The cloud's replies to the queries, and its share of right ones to the `known` questions, for each way."""
    found = []
    for place, (name, teacher) in enumerate(_ways(shop, pairs)):
        asked = [replace(example, id=f"{example.id}/way-{place}") for example in (*queries, *known)]
        shop.progress.say(f"Table III: the cloud is asked {name}.")
        shop.label(examples=asked, teacher=teacher)
        labels = shop.labels.of(example.id for example in asked)
        # What the teacher would not learn from is still what the cloud said: the table shows it.
        said = [labels[example.id].text or None if example.id in labels else None for example in asked]
        replies, answers = said[: len(queries)], said[len(queries) :]
        relevance = shop.scorer.relevance.score(
            [(query.query, reply) for query, reply in zip(queries, replies, strict=True) if reply]
        )
        scores = [score for score in relevance if score is not None]
        found.append(
            CloudRun(
                name,
                tuple(replies),
                judge(answers) if judge and known else None,
                sum(scores) / len(scores) if scores else None,
            )
        )
    return tuple(found)


def _ways(shop: Shop, pairs: Sequence[int]) -> Iterator[tuple[str, Teacher]]:
    from endcloud.cloud.exemplars import Exemplars
    from endcloud.cloud.persona import Persona
    from endcloud.cloud.teacher import Teacher

    settings = shop.settings.cloud
    sampling = Sampling(temperature=settings.temperature, max_tokens=settings.max_tokens)
    yield "before the prompt", Teacher(shop.cloud, Persona("", ""), sampling=sampling)
    persona, train = Persona(shop.role, shop.settings.shop.manner), shop.examples("train")
    for number in pairs:
        exemplars = Exemplars(train, mode=settings.exemplars, pairs=number, nearest=min(settings.nearest, number))
        yield f"N = {number}", Teacher(shop.cloud, persona, exemplars=exemplars, sampling=sampling)
    yield "as this shop does (its rules too)", shop.teacher

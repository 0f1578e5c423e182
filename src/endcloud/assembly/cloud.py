"""Stage 2 put together: the teacher behind the guard, what it is told about the shop, and what it is asked."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from endcloud.assembly.masking import refuse_without_cloud, uploads_nothing
from endcloud.assembly.scorers import STAND_IN
from endcloud.errors import SettingsError
from endcloud.types import Example, Purpose, Sampling

if TYPE_CHECKING:
    from endcloud.assembly.shop import Shop
    from endcloud.cloud.budget import Prices
    from endcloud.cloud.label_plan import Estimate
    from endcloud.cloud.labelling import LabelReport
    from endcloud.cloud.teacher import Teacher
    from endcloud.protocols import Budget, ChatModel, Clock

_NOWHERE = "http://127.0.0.1:9/v1"  # the discard port: an estimate has a client, and never asks it


def connect(shop: Shop, held: ExitStack) -> ChatModel:
    """The cloud model behind the guard; a stand-in that is started is stopped with `held`.

    Raises SettingsError where none is set up, or where nothing may be uploaded.
    """
    from endcloud.cloud.client import OpenAICloud
    from endcloud.privacy.guard import Guard

    refuse_without_cloud(shop, "What was begun")
    settings = shop.settings.cloud
    if not settings.base_url or not settings.model:
        raise SettingsError(
            f"No cloud is set up: cloud.base_url is {settings.base_url!r} and cloud.model {settings.model!r}; "
            f"set both in {shop.directory.settings}."
        )
    client = OpenAICloud(_url(shop, held), settings.model, _key(shop), timeout=settings.timeout)
    return Guard(client, shop.upload_masker, shop.ledger)


def _url(shop: Shop, held: ExitStack) -> str:
    if shop.settings.cloud.base_url != STAND_IN:
        return shop.settings.cloud.base_url
    from endcloud.bundled import standin_cloud

    return held.enter_context(standin_cloud.running())


def _key(shop: Shop) -> str:
    if shop.settings.cloud.base_url == STAND_IN:
        return ""
    variable = shop.settings.cloud.key_variable
    if not (key := os.environ.get(variable, "")):
        raise SettingsError(
            f"The environment variable {variable!r} is empty, and the cloud's key is expected there; "
            f"export {variable}=… and run the command again (any word, where the endpoint needs no key)."
        )
    return key


def teacher_of(shop: Shop, cloud: ChatModel, still_shown: Collection[str] = ()) -> Teacher:
    """A cloud model with all that it is told about the shop; `still_shown` are examples shown although retired."""
    from endcloud.assembly.recorded_answers import newer_replies, newer_truths
    from endcloud.cloud.exemplars import Exemplars
    from endcloud.cloud.persona import Persona
    from endcloud.cloud.teacher import Teacher

    settings, truths = shop.settings.cloud, newer_truths(shop)
    pairs = [replace(one, excluded="") if one.id in still_shown else one for one in shop.examples("train")]
    return Teacher(
        cloud,
        Persona(shop.role, shop.settings.shop.manner),
        shop.policies,
        Exemplars(
            pairs,
            mode=settings.exemplars,
            pairs=settings.pairs,
            nearest=settings.nearest,
            newer=newer_replies(truths),
            truths=[one for one in (lesson.example() for lesson in truths) if one == _withheld(one)],
        ),
        shop.catalogue,
        Sampling(temperature=settings.temperature, max_tokens=settings.max_tokens),
    )


def estimate_labels(shop: Shop, limit: int | None = None) -> Estimate:
    """What stage 2 would take. Nothing is sent, so it needs neither a key nor a cloud that answers."""
    from endcloud.cloud.client import OpenAICloud
    from endcloud.cloud.label_plan import estimate
    from endcloud.privacy.guard import Guard

    unasked = Guard(OpenAICloud(_NOWHERE, shop.settings.cloud.model, ""), shop.upload_masker, shop.ledger)
    return estimate(_to_label(shop, limit), teacher_of(shop, unasked), shop.labels, shop.budget, prices=prices_of(shop))


def label(
    shop: Shop,
    limit: int | None = None,
    examples: Sequence[Example] | None = None,
    teacher: Teacher | None = None,
    *,
    purpose: Purpose = "label",
    budget: Budget | None = None,
    clock: Clock | None = None,
    reuse: bool = True,
) -> LabelReport:
    """Stage 2 with its report: all splits, or the `examples` given, by the shop's teacher or another.

    Another `purpose` (an audit) may go on beside `endcloud teach`, from a `budget` of its own. Where nothing may be
    uploaded nothing is asked, and the report says so.
    """
    from endcloud.cloud.labelling import LabelReport, label
    from endcloud.cloud.retry import RetryPolicy

    settings = shop.settings.cloud
    if why := uploads_nothing(shop):
        wanted = len(_to_label(shop, limit) if examples is None else examples)
        return LabelReport(examples=wanted, unasked=wanted, stopped=why)
    if examples is None:
        _after_an_edit(shop)
    with shop.directory.lock("teach" if purpose == "label" else purpose):
        return label(
            _to_label(shop, limit) if examples is None else [_withheld(one) for one in examples],
            teacher or shop.teacher,
            shop.labels,
            budget or shop.budget,
            prices=prices_of(shop),
            progress=shop.progress,
            terms=settings.terms,
            concurrency=settings.concurrency,
            calls_per_minute=settings.calls_per_minute,
            retry=RetryPolicy(attempts=settings.attempts),
            clock=clock,
            purpose=purpose,
            reuse=reuse,
        )


def _withheld(example: Example) -> Example:
    """What a customer said of themself in a served conversation stays here; a corpus' examples are as they were."""
    from dataclasses import replace

    from endcloud.serving.withholding import withhold

    return replace(example, messages=withhold(example.messages).messages) if example.source == "served" else example


def _after_an_edit(shop: Shop) -> None:
    """What an edit of the rules made untrue is retired before the cloud is shown it again; the rules are recorded."""
    from endcloud.assembly.evolving import Evolution
    from endcloud.assembly.superseding import carry_out
    from endcloud.cloud.retry import WallClock

    outcome = carry_out(Evolution(shop, WallClock()), round=0)
    if outcome.changes:
        shop.progress.say(
            f"policies.md was edited: {len(outcome.retired)} older answers are retired, {outcome.taught} questions were"
            " answered anew (`endcloud policies history` says which)."
        )


def _to_label(shop: Shop, limit: int | None) -> list[Example]:
    from endcloud.corpus.dataset import SPLITS

    return [example for split in SPLITS for example in shop.examples(split)[:limit]]


def prices_of(shop: Shop) -> Prices:
    from endcloud.cloud.budget import Prices

    model = shop.settings.cloud.model
    if model not in shop.settings.cloud.prices:
        raise SettingsError(
            f"There is no price for the cloud model {model!r}, so the budget could not be kept; add "
            f'[cloud.prices."{model}"] with prompt, cached and completion to {shop.directory.settings} '
            "(0 where it costs nothing)."
        )
    return Prices(**shop.settings.cloud.prices[model].model_dump())

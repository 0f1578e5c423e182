"""A shop's service put together: models, checks, knowledge and store behind one web application.

The service follows the shop while it runs: a version that is promoted, an edited list of forbidden words or policy
takes effect within a second or two, without a restart and without disturbing an answer under way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from endcloud.errors import SettingsError, UsageError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from endcloud.assembly.following import Follower
    from endcloud.assembly.shop import Shop
    from endcloud.protocols import Clock
    from endcloud.serving.knowledge import CustomerKnowledge
    from endcloud.serving.office import OfficeHours
    from endcloud.serving.router import CloudRoute, Wording
    from endcloud.serving.service import Service
    from endcloud.store.keys import StoredKeys

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class Running:
    """A shop's service, ready to be served."""

    app: FastAPI
    service: Service


@contextmanager
def running(shop: Shop) -> Iterator[Running]:
    """The service of a shop, alone on it. Raises LockedError where another process serves it already."""
    from endcloud.assembly.evolving import Evolution
    from endcloud.assembly.following import Follower
    from endcloud.assembly.retention import retaining
    from endcloud.assembly.service_web import application
    from endcloud.assembly.superseding import remember
    from endcloud.cloud.retry import WallClock

    clock = WallClock()
    with shop.directory.lock("serve"), Follower.of(shop) as follower, retaining(shop):
        remember(Evolution(shop, clock))
        service = service_of(shop, follower, clock)
        yield Running(application(shop, service, follower, clock), service)


def service_of(shop: Shop, follower: Follower, clock: Clock) -> Service:
    """The service itself, without the web in front of it; the simulation has a clock of its own."""
    from endcloud.assembly.remote_end import counts_as_cloud
    from endcloud.serving.router import Router
    from endcloud.serving.service import Service
    from endcloud.store.conversations import StoredConversations
    from endcloud.store.desk import StoredDesk
    from endcloud.store.feedback import StoredFeedbacks

    router = Router(
        follower.end,
        cloud_route(shop, clock),
        follower.checks,
        clock,
        wording_of(shop),
        shop.settings.serving.lookup_phrased and not counts_as_cloud(shop),
        shop.masker,
    )
    return Service(
        router,
        StoredConversations(shop.database),
        StoredFeedbacks(shop.database),
        StoredDesk(shop.database),
        knowledge_of(shop),
        office_hours(shop),
        clock,
        sampling=shop.sampling,
    )


def refuse_open_door(shop: Shop, host: str) -> None:
    """Raises UsageError where the service would be open to the network and nobody has made a key."""
    if host in _LOOPBACK or any(key.revoked is None for key in keys_of(shop).all()):
        return
    raise UsageError(
        f"Listening on {host!r} opens the service to the network, and no key has been made yet: make one with "
        f"`endcloud keys make NAME --role admin --shop {shop.directory.root}`, or listen on 127.0.0.1."
    )


def keys_of(shop: Shop) -> StoredKeys:
    from endcloud.store.keys import StoredKeys

    return StoredKeys(shop.database)


def cloud_route(shop: Shop, clock: Clock) -> CloudRoute:
    """The way to the cloud in masked text, or the reason why there is none; a shop is served without one too."""
    from endcloud.assembly.cloud import prices_of
    from endcloud.assembly.masking import uploads_nothing
    from endcloud.cloud.takeover import TakeOver
    from endcloud.privacy.masked_chat import MaskedChat
    from endcloud.serving.breaker import CircuitBreaker
    from endcloud.serving.fair_share import FairShare
    from endcloud.serving.router import CloudRoute
    from endcloud.serving.withholding import WithholdingMasker

    breaker = CircuitBreaker(clock)
    if uploads_nothing(shop):
        return CloudRoute(None, lambda: False, breaker, "uploads are off")
    try:
        takeover = TakeOver(lambda: shop.teacher, shop.budget, shop.labels, prices_of(shop), shop.settings.cloud.terms)
    except (SettingsError, UsageError) as error:
        shop.progress.say(f"The cloud takes nothing over: {error}")
        return CloudRoute(None, lambda: False, breaker, "no cloud is set up")
    share = FairShare(clock, shop.settings.serving.cloud_an_hour)
    masked = MaskedChat(takeover, WithholdingMasker(shop.masker))
    return CloudRoute(masked, takeover.affordable, breaker, share=share)


def wording_of(shop: Shop) -> Wording:
    """What the service itself says: the settings' sentences, the usual ones where they are empty."""
    from dataclasses import replace

    from endcloud.serving.router import Wording

    settings = shop.settings.serving
    own = {name: getattr(settings, name) for name in ("caution", "calling", "closed", "picture")}
    return replace(Wording(), **{name: (sentence, sentence) for name, sentence in own.items() if sentence})


def office_hours(shop: Shop) -> OfficeHours:
    from endcloud.serving.office import OfficeHours

    settings = shop.settings.serving
    return OfficeHours.parse(settings.office_hours, settings.office_days, settings.time_zone)


def knowledge_of(shop: Shop) -> CustomerKnowledge:
    """What is known of customers, counted in the end model's own tokens.

    Where the end model counts as a cloud, nothing is remembered: it would leave with the next question.
    """
    from endcloud.assembly.remote_end import counts_as_cloud
    from endcloud.serving.knowledge import CustomerKnowledge
    from endcloud.serving.lookup import lookup_of
    from endcloud.store.conversations import StoredConversations
    from endcloud.store.customers import StoredCustomers

    settings = shop.settings.serving
    budget = 0 if counts_as_cloud(shop) else settings.memory_tokens
    lookup = lookup_of(settings.lookup, settings.lookup_seconds) if settings.lookup else None
    customers, conversations = StoredCustomers(shop.database), StoredConversations(shop.database)
    return CustomerKnowledge(customers, _counter(shop), budget, lookup, conversations)


def _counter(shop: Shop) -> Callable[[str], int]:
    """Counts tokens; characters, which are never fewer in Chinese, where the model is behind a URL."""
    if shop.settings.serving.end_url:
        return len
    tokenizer = shop.base.tokenizer

    def tokens(text: str) -> int:
        return len(tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True))

    return tokens

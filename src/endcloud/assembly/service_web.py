"""The web application of a shop's service: its keys, its tokens, its bounds, and what its pages show beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from endcloud.assembly.base import BUNDLED

if TYPE_CHECKING:
    from fastapi import FastAPI

    from endcloud.assembly.following import Follower
    from endcloud.assembly.shop import Shop
    from endcloud.protocols import Clock
    from endcloud.serving.service import Service
    from endcloud.web.pages import ChatPage

DEMO_QUESTIONS = ("满多少包邮？", "多久发货？", "云朵枕多少钱？", "可以退货吗？")


def application(shop: Shop, service: Service, follower: Follower, clock: Clock) -> FastAPI:
    """The application over a shop's service."""
    from endcloud.assembly.back_office import back_office_of
    from endcloud.assembly.customers import ShopCustomers
    from endcloud.store.keys import StoredKeys
    from endcloud.web.app import WebSettings, create_app
    from endcloud.web.tokens import Tokens

    settings = shop.settings.serving
    return create_app(
        service,
        StoredKeys(shop.database),
        Tokens(shop.directory.key(), clock),
        WebSettings(settings.answers, settings.body_bytes, settings.allowed_origins, chat_page_of(shop)),
        back_office_of(shop),
        customers=ShopCustomers(shop),
        gauges=gauges_of(shop, service, follower),
    )


def chat_page_of(shop: Shop) -> ChatPage:
    """What the customer's page says of the shop; the bundled shop shows its own storefront."""
    from endcloud.bundled.shop import NAME
    from endcloud.web.pages import ChatPage

    demo = shop.settings.end.model == BUNDLED and shop.settings.shop.name == NAME
    questions = shop.settings.serving.questions or (DEMO_QUESTIONS if demo else ())
    return ChatPage(shop.settings.shop.name, questions, demo)


def gauges_of(shop: Shop, service: Service, follower: Follower) -> Callable[[], dict[str, float]]:
    """What holds at the moment, for `/metrics`; asked in a thread."""

    def gauges() -> dict[str, float]:
        stages = [handoff.stage for handoff in service.desk.open()]
        return _engine_gauges(follower) | {
            "queue_waiting": stages.count("waiting"),
            "queue_claimed": stages.count("claimed"),
            "cloud_money_spent": shop.budget.spent(),
            "cloud_money_limit": shop.budget.limit(),
            "cloud_uploads": shop.ledger.count(),
        }

    return gauges


def _engine_gauges(follower: Follower) -> dict[str, float]:
    if (engine := follower.engine) is None:
        return {}
    load = engine.state()
    return {
        "engine_waiting": load.waiting,
        "engine_in_flight": load.in_flight,
        "engine_tokens_drawn": load.drawn,
        "engine_prefix_hits": load.prefix_hits,
        "engine_prefix_tokens_saved": load.prefix_tokens_saved,
        "engine_versions_held": len(load.leases),
    }

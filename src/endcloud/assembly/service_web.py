"""The web application of a shop's service: its keys, its tokens and its bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import FastAPI

    from endcloud.assembly.following import Follower
    from endcloud.assembly.shop import Shop
    from endcloud.protocols import Clock
    from endcloud.serving.service import Service


def application(shop: Shop, service: Service, follower: Follower, clock: Clock) -> FastAPI:
    """The application over a shop's service."""
    from endcloud.store.keys import StoredKeys
    from endcloud.web.app import WebSettings, create_app
    from endcloud.web.tokens import Tokens

    settings = shop.settings.serving
    bounds = WebSettings(settings.answers, settings.body_bytes, settings.allowed_origins)
    return create_app(service, StoredKeys(shop.database), Tokens(shop.directory.key(), clock), bounds)

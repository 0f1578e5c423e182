"""Puts the web's parts together: one ASGI application over one service.

Closed by default: a route that states no roles cannot be added, nothing is sent to another host, no page may be
framed or may load a script that is not ours, and other origins may talk to the API only where the settings name them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from fastapi import FastAPI
from fastapi.routing import APIRoute

from endcloud import __version__
from endcloud.serving.service import Service
from endcloud.web import (
    completions,
    console_api,
    customer_api,
    customers_api,
    dashboard_api,
    document,
    evolution_api,
    failures,
    health,
    ledger_api,
    metrics,
    pages,
    review_api,
    staff_api,
)
from endcloud.web.access import Gate, Keys, takes_place
from endcloud.web.back_office import BackOffice
from endcloud.web.books import Figures
from endcloud.web.limits import Admission, BodyLimit, EarlyRefusal, Listeners, SecurityHeaders
from endcloud.web.origins import CustomersOrigins
from endcloud.web.rates import Rate
from endcloud.web.tokens import Tokens

PARTS = (
    completions,
    customer_api,
    staff_api,
    console_api,
    review_api,
    dashboard_api,
    evolution_api,
    customers_api,
    metrics,
    health,
    ledger_api,
    document,
    pages,
)
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}
_DRAIN_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Bounds and openness of the web: answers under way at once, bytes of a body, origins that may call the API.

    Event streams open at once: `streams` of all customers, `streams_each` of one. `visitors` are new ones and
    `wrong_keys` wrong logins, of one address a minute.
    """

    answers: int = 64
    body_bytes: int = 256 * 1024
    allowed_origins: Sequence[str] = ()
    chat_page: pages.ChatPage = field(default_factory=pages.ChatPage)
    streams: int = 512
    streams_each: int = 16
    visitors: int = 120
    wrong_keys: int = 10


def create_app(
    service: Service,
    keys: Keys,
    tokens: Tokens,
    settings: WebSettings | None = None,
    back_office: BackOffice | None = None,
    customers: customers_api.Customers | None = None,
    gauges: metrics.Gauges | None = None,
) -> FastAPI:
    """The application. It serves until its loop ends, and lets the answers under way end first.

    `customers` is what is kept of them; `gauges` are figures of the moment that `/metrics` shows beside its own.
    """
    settings = settings or WebSettings()

    @asynccontextmanager
    async def running(app: FastAPI) -> AsyncGenerator[None]:
        app.state.ready = True
        yield
        app.state.ready = False
        if app.state.running:
            await asyncio.wait(app.state.running, timeout=_DRAIN_SECONDS)

    app = FastAPI(
        title="endcloud", version=__version__, lifespan=running, docs_url=None, redoc_url=None, openapi_url=None
    )
    app.state.service, app.state.tokens = service, tokens
    app.state.gate = Gate(keys, tokens)
    app.state.chat_page = settings.chat_page
    app.state.back_office = back_office or BackOffice()
    app.state.figures = Figures(service, app.state.back_office)
    app.state.customers = customers
    app.state.metrics = metrics.Metrics(gauges)
    service.feed.observers.append(app.state.metrics.hear)
    app.state.admission = Admission(settings.answers)
    app.state.listeners = Listeners(settings.streams, settings.streams_each)
    app.state.staff_listeners = Listeners(settings.streams, 4 * settings.streams_each)
    app.state.visitors, app.state.wrong_keys = Rate(settings.visitors), Rate(settings.wrong_keys)
    app.state.running = set()
    app.state.verifying = asyncio.Lock()
    app.state.ready = False
    for part in PARTS:
        app.include_router(part.routes)
    failures.add_handlers(app)
    places = [one for part in PARTS for one in part.routes.routes if isinstance(one, APIRoute) and takes_place(one)]
    app.add_middleware(EarlyRefusal, admission=app.state.admission, routes=places)
    app.add_middleware(BodyLimit, most=settings.body_bytes)
    if settings.allowed_origins:
        app.add_middleware(CustomersOrigins, origins=settings.allowed_origins)
    app.add_middleware(SecurityHeaders, headers=_HEADERS)
    app.add_middleware(metrics.Measured, metrics=app.state.metrics)
    return app

"""`/metrics` for Prometheus: how much is asked, who answers, how fast, what it costs, what waits.

Labels are routes of the API, methods, statuses, and who answered: never a name, never a word of a customer. It needs
a key of the role service or admin, on loopback too: behind a proxy on the same machine everybody is on loopback.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping

from fastapi import Request
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from endcloud.serving.events import Called, Event, Said
from endcloud.web.access import Routes

Gauges = Callable[[], Mapping[str, float]]
"""Figures that hold at the moment: asked in a thread, when somebody looks."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_EXPLAINED = {
    "engine_waiting": "Replies that wait for a place in the end engine.",
    "engine_in_flight": "Replies that the end engine draws at the moment.",
    "engine_tokens_drawn": "Tokens that the end engine has drawn since it began.",
    "engine_prefix_hits": "Prompts whose beginning had been read before.",
    "engine_prefix_tokens_saved": "Tokens of prompts that were not read again.",
    "engine_versions_held": "Adapter versions that replies are being drawn by.",
    "queue_waiting": "Conversations that wait for a person.",
    "queue_claimed": "Conversations that are with a person.",
    "cloud_money_spent": "Money spent on the cloud in all, in the currency of the price table.",
    "cloud_money_limit": "Money that may be spent on the cloud in all.",
    "cloud_uploads": "Uploads in the ledger.",
}

log = logging.getLogger("endcloud.requests")
routes = Routes()


class Metrics:
    """The figures of one service. `hear` is told every event, `Measured` sees every request."""

    def __init__(self, gauges: Gauges | None = None) -> None:
        self.registry = CollectorRegistry()
        self._gauges = gauges
        self._shown: dict[str, Gauge] = {}
        self.requests = self._counter("requests", "Requests answered.", "method", "route", "status")
        self.request_seconds = self._histogram("request_seconds", "Seconds to the end of a response.", "route")
        self.refused = self._counter("refused", "Requests refused for want of places.")
        self.replies = self._counter("replies", "Replies, by who gave them and how they ended.", "route", "finish")
        self.first_token = self._histogram("first_token_seconds", "Seconds to the first shown words.", "route")
        self.reply_seconds = self._histogram("reply_seconds", "Seconds to the whole reply.", "route")
        self.tokens = self._counter("tokens", "Tokens of replies and their prompts.", "route", "kind")
        self.handoffs = self._counter("handoffs", "Steps of conversations to people and back.", "stage")

    def hear(self, event: Event) -> None:
        """Counts what a service tells its feed."""
        if isinstance(event, Called):
            self.handoffs.labels(event.handoff.stage).inc()
        if not isinstance(event, Said) or event.turn.speaker == "customer" or event.turn.route is None:
            return
        turn, route = event.turn, str(event.turn.route)
        self.replies.labels(route, turn.finish).inc()
        if turn.seconds:
            self.reply_seconds.labels(route).observe(turn.seconds)
        if turn.first_token:
            self.first_token.labels(route).observe(turn.first_token)
        self.tokens.labels(route, "prompt").inc(turn.tokens.prompt)
        self.tokens.labels(route, "completion").inc(turn.tokens.completion)
        self.tokens.labels(route, "cached").inc(turn.tokens.cached)

    def text(self) -> bytes:
        """All figures in Prometheus' text format."""
        for name, value in (self._gauges() if self._gauges is not None else {}).items():
            if name not in self._shown:
                explained = _EXPLAINED.get(name, name.replace("_", " "))
                self._shown[name] = Gauge(f"endcloud_{name}", explained, registry=self.registry)
            self._shown[name].set(value)
        return generate_latest(self.registry)

    def _counter(self, name: str, explained: str, *labels: str) -> Counter:
        return Counter(f"endcloud_{name}", explained, labels, registry=self.registry)

    def _histogram(self, name: str, explained: str, *labels: str) -> Histogram:
        return Histogram(f"endcloud_{name}", explained, labels, buckets=_SECONDS, registry=self.registry)


class Measured:
    """Counts and times every request by the route's pattern, so that no name in a path becomes a label."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, begun = 499, time.monotonic()  # 499: the caller left before there was an answer

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            route = "preflight" if _is_preflight(scope) else getattr(scope.get("route"), "path", "none")
            method = scope["method"] if scope["method"] in _METHODS else "other"  # a caller may invent any
            seconds = time.monotonic() - begun
            self._metrics.requests.labels(method, route, str(status)).inc()
            self._metrics.request_seconds.labels(route).observe(seconds)
            log.info("%s %s %d %.0f ms", method, route, status, 1_000 * seconds)
            if status == 429:
                self._metrics.refused.inc()


def _is_preflight(scope: Scope) -> bool:
    """Whether a browser asks what it may send from another origin; answered before any route is looked for."""
    return scope["method"] == "OPTIONS" and any(
        name == b"access-control-request-method" for name, _ in scope["headers"]
    )


@routes.get("/metrics", roles=("service", "admin"), response_model=None)
async def metrics(request: Request) -> Response:
    """All figures, in Prometheus' text format."""
    found: Metrics = request.app.state.metrics
    return Response(await asyncio.to_thread(found.text), media_type=CONTENT_TYPE_LATEST)

"""How much of the service one reader or one address may take, and which origins may call what."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from web_server import Served, serving

from endcloud.web.app import WebSettings
from endcloud.web.rates import Rate

ORIGIN = "https://shop.example"
BOUNDS = WebSettings(streams=3, streams_each=2, visitors=5, wrong_keys=2, allowed_origins=(ORIGIN,))


@pytest.fixture
def bounded(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path, settings=BOUNDS) as running:
        yield running


def opened(stack: ExitStack, client: httpx.Client, path: str = "/v1/conversations/c/events") -> httpx.Response:
    return stack.enter_context(client.stream("GET", path))


def test_event_streams_are_bounded_for_one_reader_and_in_all(bounded: Served) -> None:
    with bounded.visitor() as anna, bounded.visitor() as bert, bounded.client("agent") as agent:
        with ExitStack() as stack:
            assert [opened(stack, anna).status_code for _ in range(2)] == [200] * 2
            third = anna.get("/v1/conversations/c/events")
            assert third.status_code == 429 and third.headers["retry-after"] == "5"
            assert "2 event streams of yours" in third.json()["error"]["message"]
            assert opened(stack, bert).status_code == 200
            assert "All 3 event streams" in bert.get("/v1/conversations/d/events").json()["error"]["message"]
            assert opened(stack, agent, "/console/events").status_code == 200, "customers lock no agent out"
            assert bounded.service.conversations.owner("c") is None, "listening writes nothing"
        while bounded.service.feed.listeners:  # until the server has seen them leave
            time.sleep(0.01)
        with ExitStack() as stack:
            assert opened(stack, bert).status_code == 200


def test_one_address_makes_so_many_visitors(bounded: Served) -> None:
    with bounded.client() as anyone:
        answers = [anyone.post("/v1/visitors") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [201] * 5 + [429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 12


def test_wrong_keys_are_slowed_down_and_other_addresses_are_not(bounded: Served) -> None:
    with bounded.client() as guesser, bounded.client("agent") as agent:
        answers = [guesser.post("/console/session", json={"key": f"ec_agent_{guess}"}) for guess in range(3)]
        assert [answer.status_code for answer in answers] == [401, 401, 429]
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 30
        assert agent.get("/console/queue").status_code == 200, "who is in stays in"


def test_a_right_key_is_never_slowed_down(bounded: Served) -> None:
    with bounded.client() as browser:
        for _ in range(4):
            assert browser.post("/console/session", json={"key": bounded.keys["agent"]}).status_code == 200


def test_an_address_waits_for_itself_alone_and_not_for_ever() -> None:
    now = 100.0
    rate = Rate(3, lambda: now)
    for _ in range(3):
        assert rate.wait("a") == 0
        rate.count("a")
    assert rate.wait("a") == pytest.approx(20) and rate.wait("b") == 0
    now += 20
    assert rate.wait("a") == 0
    rate.count("a")
    assert rate.wait("a") == pytest.approx(20)
    rate.forgive("a")
    assert rate.wait("a") == 0


@pytest.mark.parametrize(
    ("path", "open_to_the_shop"),
    [("/v1/shop", True), ("/chat.js", True), ("/static/chat.css", True), ("/console/queue", False),
     ("/console", False), ("/dashboard", False), ("/metrics", False), ("/openapi.json", False)],
)  # fmt: skip
def test_other_origins_may_read_what_customers_need_and_nothing_else(
    bounded: Served, path: str, open_to_the_shop: bool
) -> None:
    with bounded.client("admin") as client:
        answer = client.get(path, headers={"origin": ORIGIN})
        preflight = client.options(path, headers={"origin": ORIGIN, "access-control-request-method": "GET"})
    assert (answer.headers.get("access-control-allow-origin") == ORIGIN) is open_to_the_shop
    assert (preflight.headers.get("access-control-allow-origin") == ORIGIN) is open_to_the_shop


def test_preflights_are_counted_as_what_they_are(bounded: Served) -> None:
    with bounded.client("admin") as client:
        client.options("/v1/feedback", headers={"origin": ORIGIN, "access-control-request-method": "POST"})
        figures = client.get("/metrics").text
    assert 'endcloud_requests_total{method="OPTIONS",route="preflight",status="200"} 1.0' in figures

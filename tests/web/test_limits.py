"""All places taken: refused at once, whoever asks, before anything of the request but its first line is looked at."""

from __future__ import annotations

import gc
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from web_server import Served, serving

from endcloud.web.app import WebSettings
from endcloud.web.server import keep_collections_short

ORIGIN = "https://shop.example"


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Served]:
    """A service with no place at all."""
    with serving(tmp_path, settings=WebSettings(answers=0, allowed_origins=(ORIGIN,))) as running:
        yield running


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/conversations/c/turns", "/v1/turns/t/second-answer"])
def test_a_body_that_never_comes_is_not_waited_for(full: Served, path: str) -> None:
    at = urlsplit(full.url)
    with socket.create_connection((str(at.hostname), int(at.port or 0)), timeout=20) as connection:
        connection.sendall(f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 9000\r\n\r\n".encode())
        head = connection.recv(65_536).decode().lower()
    assert head.startswith("http/1.1 429 ") and "retry-after: 1\r\n" in head


def test_a_refusal_is_what_a_client_and_a_shops_page_can_read(full: Served) -> None:
    with full.client("customer") as client:
        response = client.post("/v1/chat/completions", json={"messages": []}, headers={"origin": ORIGIN})
    error = response.json()["error"]
    assert (error["type"], error["code"]) == ("rate_limit_error", "rate_limit_exceeded")
    assert "All 0 places are taken" in error["message"]
    assert response.headers["access-control-allow-origin"] == ORIGIN
    assert "retry-after" in response.headers["access-control-expose-headers"]
    assert response.headers["x-content-type-options"] == "nosniff"


def test_what_takes_no_place_goes_on_while_all_are_taken(full: Served) -> None:
    with full.visitor() as visitor:
        assert visitor.get("/v1/shop").status_code == 200
        assert visitor.get("/v1/conversations/c/turns").status_code == 403  # nobody's yet; asked and answered


def test_refusals_are_counted_by_the_pattern_of_their_route(full: Served) -> None:
    with full.client("service") as client:
        client.post("/v1/conversations/anna-s-own/turns", json={})
        figures = client.get("/metrics").text
    counted = 'endcloud_requests_total{method="POST",route="/v1/conversations/{conversation}/turns",status="429"} 1.0'
    assert counted in figures and "endcloud_refused_total 1.0" in figures and "anna-s-own" not in figures


def test_what_is_there_before_the_first_request_is_never_collected_again() -> None:
    before = gc.get_freeze_count()
    keep_collections_short()
    try:
        assert gc.get_freeze_count() > before and len(gc.get_objects()) < gc.get_freeze_count()
    finally:
        gc.unfreeze()

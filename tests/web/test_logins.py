"""A login lasts as long as its key and until it is ended; so do the streams that were opened by it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from web_conversation import say
from web_server import Served, serving

from endcloud.store.keys import StoredKeys
from endcloud.web import access, listening
from endcloud.web.access import CSRF_HEADER


@pytest.fixture(autouse=True)
def nothing_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "_REMEMBERED_SECONDS", 0.0)
    monkeypatch.setattr(listening, "_CHECKED_SECONDS", 0.05)


@contextmanager
def logged_in(served: Served, role: str = "agent") -> Iterator[httpx.Client]:
    with served.client() as browser:
        session = browser.post("/console/session", json={"key": served.keys[role]}).json()
        browser.headers[CSRF_HEADER] = session["csrf"]
        yield browser


def revoke(served: Served, role: str = "agent") -> None:
    keys = StoredKeys(served.database)
    keys.revoke(next(key.name for key in keys.all() if key.role == role))


def test_a_revoked_key_ends_the_logins_made_with_it(served: Served) -> None:
    with logged_in(served) as browser, logged_in(served, "admin") as owner:
        assert browser.get("/console/queue").status_code == 200
        revoke(served)
        refused = browser.get("/console/queue")
        assert refused.status_code == 401 and "log in again" in refused.json()["error"]["message"]
        assert owner.get("/console/queue").status_code == 200, "another's login goes on"


def test_a_login_that_was_ended_opens_nothing_wherever_its_cookie_was_kept(served: Served, tmp_path: Path) -> None:
    with logged_in(served) as browser, logged_in(served) as other:
        kept = dict(browser.cookies)
        assert browser.delete("/console/session").status_code == 200
        assert httpx.get(f"{served.url}/console/queue", cookies=kept).status_code == 401
        assert other.get("/console/queue").status_code == 200, "the same key's other login goes on"
    with serving(tmp_path) as again:
        assert httpx.get(f"{again.url}/console/queue", cookies=kept).status_code == 401, "after a restart too"


@pytest.mark.parametrize("path", ["/console/events", "/console/conversations/c/events"])
def test_the_streams_of_a_revoked_key_end(served: Served, path: str) -> None:
    with (
        served.client("agent") as by_key,
        logged_in(served) as by_login,
        by_key.stream("GET", path) as one,
        by_login.stream("GET", path) as other,
    ):
        streams = [one.iter_lines(), other.iter_lines()]
        assert all(next(lines).startswith(":") for lines in streams)
        revoke(served)
        for lines in streams:
            list(lines)  # to its end: a stream that went on would run into the client's time limit


def test_a_stream_of_a_conversation_that_another_begins_tells_nothing_of_it(served: Served) -> None:
    with served.visitor() as early, served.visitor() as owner:
        with early.stream("GET", "/v1/conversations/c/events") as stream:
            lines = stream.iter_lines()
            assert next(lines).startswith(":")
            assert served.service.conversations.owner("c") is None, "listening begins nothing"
            assert say(owner, "我的电话是13812345678").status_code == 202
            assert not any("13812345678" in line for line in lines)
        assert owner.get("/v1/conversations/c/turns").status_code == 200

"""The customer's page and the console over HTTP: what is said arrives, once, and only where it belongs."""

from __future__ import annotations

import json
import re
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from paced_model import PacedModel
from web_conversation import heard, reply_of, say
from web_server import Served, serving

from endcloud.serving.confidence import Uncalibrated
from endcloud.serving.router import EndRoute
from endcloud.web.access import COOKIE, CSRF_HEADER, STAFF, roles_of
from endcloud.web.app import PARTS, WebSettings


def test_words_are_acknowledged_and_the_reply_comes_by_the_events(served: Served) -> None:
    with served.visitor() as page:
        assert say(page, "满多少包邮").status_code == 202
        reply = reply_of(page, "q1")
        assert (reply["speaker"], reply["text"]) == ("end", "亲，满59元包邮，不满收8元运费。")
        assert "reason" not in reply and "probability" not in reply, "what was thought of it is not the customer's"
        assert say(page, "满多少包邮").status_code == 202, "sent again"
        turns = page.get("/v1/conversations/c/turns").json()["turns"]
        assert [turn["speaker"] for turn in turns] == ["customer", "end"]
        after = page.get("/v1/conversations/c/turns", params={"after": "q1"}).json()["turns"]
        assert [turn["id"] for turn in after] == [reply["id"]]


def test_one_customers_words_do_not_take_every_place(tmp_path: Path) -> None:
    end = PacedModel({"": "好的，亲"}, "end", hold="亲")
    with serving(tmp_path, settings=WebSettings(answers=64)) as served, served.visitor() as page:
        served.service.router.end = lambda: EndRoute(end, "v1", Uncalibrated(2, accept=0.5))
        answers = [say(page, "你好", f"q{number}") for number in range(10)]
        assert [answer.status_code for answer in answers] == [202] * 8 + [429] * 2
        assert answers[-1].headers["retry-after"] == "2"
        end.go.set()
        assert reply_of(page, "q7")["text"] == "好的，亲"
        assert say(page, "你好", "q8").status_code == 202, "it can be sent again"


def test_a_page_that_comes_back_hears_only_what_it_missed(served: Served) -> None:
    with served.visitor() as page:
        say(page, "你好")
        reply = reply_of(page, "q1")
        say(page, "满多少包邮", "q2")
        path = f"/v1/conversations/c/events?after={reply['id']}"
        events = [event for kind, event in heard(page, path, "never", most=2) if kind == "turn"]
        assert events[0]["id"] == "q2"


def test_a_restart_loses_nothing(tmp_path: Path) -> None:
    with serving(tmp_path) as first, first.visitor() as page:
        token = page.headers["authorization"].removeprefix("Bearer ")
        say(page, "满多少包邮")
        before = reply_of(page, "q1")
    with serving(tmp_path) as second, second.client(token=token) as page:
        turns = page.get("/v1/conversations/c/turns").json()["turns"]
        assert turns[1] == before
        assert say(page, "好的", "q2").status_code == 202 and reply_of(page, "q2")["text"] == "好的亲"


def test_nobody_touches_what_is_anothers(served: Served) -> None:
    with served.visitor() as anna, served.visitor() as bert:
        say(anna, "你好")
        reply = reply_of(anna, "q1")
        rating = {"id": "f", "turn": reply["id"], "kind": "thumb", "value": -1}
        refused = [
            say(bert, "我也来", "q9"),
            bert.get("/v1/conversations/c/turns"),
            bert.get("/v1/conversations/c/events"),
            bert.post(f"/v1/turns/{reply['id']}/second-answer"),
            bert.post("/v1/feedback", json=rating),
            anna.post("/v1/feedback", json=rating),  # an anonymous visitor does not rate
        ]
        assert [response.status_code for response in refused] == [403] * 6


def test_a_customer_rates_once_and_is_answered_by_the_cloud(served: Served) -> None:
    with served.customer("anna") as page:
        say(page, "满多少包邮")
        reply = reply_of(page, "q1")
        rating = {"id": "f", "turn": reply["id"], "kind": "thumb", "value": -1, "text": "不对"}
        assert page.post("/v1/feedback", json=rating).json() == {"recorded": True}
        assert page.post("/v1/feedback", json=rating).json() == {"recorded": False}
        assert page.get("/v1/conversations/c/turns").json()["ratings"] == {reply["id"]: -1}
        assert next(iter(heard(page, "/v1/conversations/c/events", "ratings"))) == ("ratings", {reply["id"]: -1})
        assert page.post("/v1/feedback", json=rating | {"id": "g", "value": 7}).status_code == 400
        assert page.post("/v1/feedback", json=rating | {"id": "g", "kind": "correction"}).status_code == 403
        assert page.post(f"/v1/turns/{reply['id']}/second-answer").status_code == 202
        for kind, event in heard(page, f"/v1/conversations/c/events?after={reply['id']}", "turn"):
            if kind == "turn":
                assert (event["route"], event["text"]) == ("cloud", "云端的回答")


def test_an_agent_takes_over_speaks_and_hands_back(served: Served) -> None:
    with served.visitor() as page, served.client("agent") as agent, served.client("reviewer") as reviewer:
        say(page, "转人工")
        queue = agent.get("/console/queue").json()["queue"]
        while not queue:
            queue = agent.get("/console/queue").json()["queue"]
        assert queue[0]["reason"] == "asked for a person" and queue[0]["stage"] == "waiting"
        assert reviewer.post("/console/conversations/c/claim").status_code == 403
        words = {"id": "a1", "text": "您好，我是伊娃", "suggested": "好的亲"}
        assert agent.post("/console/conversations/c/turns", json=words).status_code == 409, "claim first"
        assert agent.post("/console/conversations/c/claim").json()["agent"] == "the agent 2"
        assert agent.get("/console/conversations/c/draft").json() == {"text": "好的亲"}
        assert agent.post("/console/conversations/c/turns", json=words).status_code == 201
        seen = [event for kind, event in heard(page, "/v1/conversations/c/events", "never", 3) if kind == "turn"]
        assert (seen[-1]["speaker"], seen[-1]["text"], seen[-1]["by"]) == ("human", "您好，我是伊娃", "the agent 2")
        assert agent.post("/console/conversations/c/hand-back").json()["stage"] == "closed"
        say(page, "满多少包邮", "q2")
        assert reply_of(page, "q2")["route"] == "end"


def test_the_console_hears_of_everything(served: Served) -> None:
    listening = threading.Event()
    found: list[tuple[str, dict[str, Any]]] = []

    def listen() -> None:
        with served.client("agent") as agent, agent.stream("GET", "/console/events") as stream:
            for line in stream.iter_lines():
                listening.set()
                if line.startswith("data: "):
                    found.append(("", json.loads(line.removeprefix("data: "))))
                if len(found) == 4:
                    return

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    assert listening.wait(10)
    with served.visitor() as page:
        say(page, "你好")
        say(page, "转人工", "q2", "d")
    thread.join(timeout=20)
    assert {event["conversation"] for _, event in found} == {"c", "d"}


def test_a_login_needs_its_secret_to_change_anything(served: Served) -> None:
    with served.client() as browser:
        wrong = browser.post("/console/session", json={"key": served.keys["customer"]})
        assert wrong.status_code == 401
        session = browser.post("/console/session", json={"key": served.keys["agent"]}).json()
        cookie = next(iter(browser.cookies.jar))
        assert cookie.has_nonstandard_attr("HttpOnly") and cookie.get_nonstandard_attr("SameSite") == "strict"
        assert browser.get("/console/session").json()["csrf"] == session["csrf"]
        assert browser.post("/console/conversations/c/claim").status_code == 403
        answer = browser.post("/console/conversations/c/claim", headers={CSRF_HEADER: session["csrf"]})
        assert answer.status_code == 409 and "not waiting" in answer.json()["error"]["message"]
        browser.delete("/console/session", headers={CSRF_HEADER: session["csrf"]})
        assert browser.get("/console/queue").status_code == 401


def test_what_is_open_to_anyone_asks_nobody_who_they_are(served: Served) -> None:
    with served.client() as browser:
        browser.post("/console/session", json={"key": served.keys["agent"]}).raise_for_status()
        assert browser.post("/v1/visitors").status_code == 201, "an agent may look at the customer's page"
        browser.cookies.clear()
        browser.cookies.set(COOKIE, "of another shop on this host")
        assert browser.get("/console/queue").status_code == 401
        assert browser.get("/console").status_code == 200
        assert browser.post("/console/session", json={"key": served.keys["agent"]}).status_code == 200


def test_tokens_expire_and_foreign_ones_open_nothing(served: Served) -> None:
    with served.customer("anna") as page:
        say(page, "你好")
        served.clock._now += timedelta(hours=2)
        assert say(page, "在吗", "q2").status_code == 401
    with served.client(token="eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.") as forged:
        assert say(forged, "你好").status_code == 401


def test_only_named_origins_may_call_and_pages_load_nothing_foreign(served: Served) -> None:
    with served.client() as browser:
        for origin, allowed in (("https://shop.example", True), ("https://evil.example", False)):
            response = browser.post("/v1/visitors", headers={"origin": origin})
            assert (response.headers.get("access-control-allow-origin") == origin) is allowed
        policy = browser.get("/health").headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "*" not in policy


VALUES = {"table": "routes", "number": "1"}


def every_route() -> list[tuple[str, str, frozenset[str]]]:
    found = []
    for part in PARTS:
        for route in part.routes.routes:
            assert isinstance(route, APIRoute)
            found += [(method, route.path, roles_of(route)) for method in route.methods]
    return found


@pytest.mark.parametrize("role", ["", "visitor", "customer", "service", "agent", "reviewer", "admin"])
def test_every_route_opens_to_its_roles_and_to_nobody_else(served: Served, role: str) -> None:
    client = served.visitor() if role == "visitor" else served.client(role)
    with client:
        for method, path, roles in every_route():
            assert roles, f"{method} {path} states no role"
            allowed = bool(roles & {"anyone", role}) or (role == "admin" and bool(roles & set(STAFF)))
            address = re.sub(r"{(\w+)(:\w+)?}", lambda place: VALUES.get(place[1], "x0"), path)
            if (method, path) == ("POST", "/console/session"):
                continue  # open to anyone, and refuses by itself what is no staff key
            with client.stream(method, address, json={}) as response:
                refused = response.status_code in (401, 403) and b"This is for" in response.read()
                assert refused is not allowed, (method, path, role, response.status_code)


def test_no_route_is_there_beside_the_stated_ones(served: Served) -> None:
    with served.client("admin") as admin:
        assert admin.get("/docs").status_code == 404 and admin.get("/redoc").status_code == 404
    assert len(every_route()) > 20

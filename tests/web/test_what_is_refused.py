"""What is sent wrongly is refused in whole sentences; nothing that was acknowledged is lost under a name used twice."""

from __future__ import annotations

import json
from typing import Any

import pytest
from web_conversation import reply_of, say
from web_server import Served


def test_an_id_of_a_feedback_is_one_feedback(served: Served) -> None:
    replies = {}
    for name in ("alice", "bob"):
        with served.customer(name) as page:
            say(page, "满多少包邮", f"q-{name}", name)
            replies[name] = reply_of(page, f"q-{name}", name)["id"]
    with served.customer("alice") as alice, served.customer("bob") as bob, served.client("reviewer") as reviewer:
        given = {"id": "f1", "turn": replies["alice"], "kind": "thumb", "value": 1}
        assert alice.post("/v1/feedback", json=given).json() == {"recorded": True}
        assert alice.post("/v1/feedback", json=given).json() == {"recorded": False}, "sent again"
        others = [
            bob.post("/v1/feedback", json=given | {"turn": replies["bob"]}),
            alice.post("/v1/feedback", json=given | {"value": -1}),
            reviewer.post("/v1/feedback", json=given),
            reviewer.post(f"/console/reviews/{replies['alice']}", json={"id": "f1", "verdict": "reject"}),
        ]
    assert [other.status_code for other in others] == [409] * 4
    assert "choose another one" in others[0].json()["error"]["message"]
    assert len(served.service.feedbacks.of(replies["alice"])) == 1


def test_an_id_of_words_is_these_words(served: Served) -> None:
    with served.visitor() as page, served.client("agent") as agent:
        say(page, "转人工")
        reply_of(page, "q1")
        assert say(page, "转人工").status_code == 202, "sent again"
        assert say(page, "不用了").status_code == 409
        assert agent.post("/console/conversations/c/claim").status_code == 200
        words = {"id": "a1", "text": "您好"}
        first = agent.post("/console/conversations/c/turns", json=words)
        assert agent.post("/console/conversations/c/turns", json=words).json() == first.json(), "sent again"
        other = agent.post("/console/conversations/c/turns", json=words | {"text": "再见"})
        assert other.status_code == 409 and "'a1' names other words" in other.json()["error"]["message"]
        assert agent.post("/console/conversations/c/turns", json=words | {"id": "q1"}).status_code == 409
    assert [turn.text for turn in served.service.conversations.turns("c")][-1] == "您好"


@pytest.mark.parametrize("text", ["   ", "\n\t", "　", "a\0b"])
def test_words_that_say_nothing_or_cannot_be_kept_are_refused(served: Served, text: str) -> None:
    with served.visitor() as page:
        refused = say(page, text)
        assert refused.status_code == 400 and refused.json()["error"]["message"].endswith(
            ("something.", "leave it out.")
        )
        assert page.get("/v1/conversations/c/turns").status_code == 403, "nothing began"


def test_no_text_with_a_nul_comes_in_anywhere(served: Served) -> None:
    with served.client("service") as shop, served.client("agent") as agent:
        refused = [
            shop.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": "a\0b"}]}),
            shop.put("/v1/customers/anna", json={"level": ["a\0b"]}),
            shop.put("/v1/customers/anna", json={"le\0vel": 1}),
            agent.post("/v1/feedback", json={"id": "f", "turn": "t", "kind": "note", "text": "a\0b"}),
            agent.get("/console/conversations/c/turns", params={"after": "a\0b"}),
        ]
    assert [response.status_code for response in refused] == [400] * 5


@pytest.mark.parametrize(
    ("method", "path", "sent", "param", "message"),
    [
        ("POST", "/v1/chat/completions", b"{", None, "The body is not JSON; send one JSON object."),
        ("POST", "/v1/chat/completions", b"", None, "The body is missing; send it."),
        ("POST", "/v1/chat/completions", {}, "messages", "'messages' is missing; send it."),
        (
            "POST",
            "/v1/chat/completions",
            {"messages": [{"role": "user", "content": "x" * 40_000}]},
            "messages.0.content",
            "'messages.0.content' cannot be taken as it is: string should have at most 32000 characters.",
        ),
        (
            "PUT",
            "/v1/customers/a%20b",
            {},
            "customer",
            "'customer' may hold letters, digits and the signs _ . : @ - and nothing else.",
        ),
        (
            "POST",
            "/v1/chat/completions",
            {"messages": [{"role": "user", "content": "x"}], "stop": ["", "x"]},
            "stop",
            "'stop' cannot be taken as it is: there may be four stop texts at most, none of them empty.",
        ),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence_and_the_fields_own_name(
    served: Served, method: str, path: str, sent: Any, param: str | None, message: str
) -> None:
    content = sent if isinstance(sent, bytes) else json.dumps(sent)
    with served.client("service") as client:
        headers = {"content-type": "application/json"}
        error = client.request(method, path, content=content, headers=headers).json()["error"]
    assert (error["param"], error["message"]) == (param, message)


def test_a_rating_of_a_wrong_value_is_told_the_right_ones(served: Served) -> None:
    with served.customer("anna") as page:
        wrong = page.post("/v1/feedback", json={"id": "f", "turn": "t", "kind": "stars", "value": 0})
    assert wrong.json()["error"]["message"] == "The value of 'stars' is 1 or 2 or 3 or 4 or 5; it was 0.0."


def test_a_reader_who_names_what_nobody_knows_has_seen_nothing(served: Served) -> None:
    with served.visitor() as page:
        say(page, "你好")
        reply = reply_of(page, "q1")
        turns = page.get("/v1/conversations/c/turns", params={"after": "of another server"}).json()["turns"]
        assert [turn["id"] for turn in turns] == ["q1", reply["id"]]


def test_the_document_is_for_those_who_build_on_it(served: Served) -> None:
    for role, status in (("", 401), ("customer", 403), ("service", 200), ("reviewer", 200)):
        with served.client(role) as client:
            assert client.get("/openapi.json").status_code == status


def test_a_monitor_may_ask_with_head(served: Served) -> None:
    with served.client() as anyone:
        assert [anyone.head(path).status_code for path in ("/health", "/ready")] == [200, 200]

"""A page that comes back: it hears where a hand-over stands, and words that nobody answered are answered then."""

from __future__ import annotations

from pathlib import Path

from web_conversation import heard, reply_of, say
from web_server import Served, serving

from endcloud.types import Turn


def test_a_page_that_comes_back_hears_that_a_person_has_come(served: Served) -> None:
    with served.visitor() as page, served.client("agent") as agent:
        say(page, "转人工")
        reply_of(page, "q1")
        agent.post("/console/conversations/c/claim").raise_for_status()
        last = list(heard(page, "/v1/conversations/c/events", "handoff"))[-1]
        assert (last[0], last[1]["stage"]) == ("handoff", "claimed")
        assert last[1]["agent"] and "reason" not in last[1]


def test_words_that_a_killed_service_left_unanswered_are_answered_when_sent_again(tmp_path: Path) -> None:
    with serving(tmp_path) as first, first.visitor() as page:
        token = page.headers["authorization"].removeprefix("Bearer ")
        say(page, "你好", "q0")
        reply_of(page, "q0")
        first.service.conversations.say(Turn("q1", "c", "customer", "满多少包邮", first.clock.now()))
    with serving(tmp_path) as second, second.client(token=token) as page:
        for _ in range(2):
            assert say(page, "满多少包邮").status_code == 202
            assert reply_of(page, "q1")["text"].startswith("亲，满59元")
        assert say(page, "你好", "q0").status_code == 202, "answered long ago"
        turns = page.get("/v1/conversations/c/turns").json()["turns"]
        assert [turn["speaker"] for turn in turns] == ["customer", "end", "customer", "end"]

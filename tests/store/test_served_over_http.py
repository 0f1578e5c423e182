"""The service over HTTP on either store: ask, rate, correct, be forgotten; call a person, claim, speak, hand back."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from served_history import write_history
from web_conversation import reply_of, say
from web_server import serving

from endcloud.store.database import Database
from endcloud.testing.fixed_clock import FixedClock


def test_a_day_of_a_shop(database: Database, tmp_path: Path) -> None:
    clock = FixedClock()
    write_history(database, clock.now(), days=3, a_day=6)
    with ExitStack() as held:
        served = held.enter_context(serving(tmp_path, store=database, clock=clock))
        anna = held.enter_context(served.customer("anna"))
        reviewer, agent = (held.enter_context(served.client(role)) for role in ("reviewer", "agent"))
        say(anna, "满多少包邮", "anna1").raise_for_status()
        reply = reply_of(anna, "anna1")
        assert reply["text"] == "亲，满59元包邮，不满收8元运费。"
        rating = {"id": "anna-f", "turn": reply["id"], "kind": "thumb", "value": -1}
        assert [anna.post("/v1/feedback", json=rating).json()["recorded"] for _ in range(2)] == [True, False]
        assert anna.post(f"/v1/turns/{reply['id']}/second-answer").status_code == 202
        corrected = {"id": "eva-g", "turn": reply["id"], "kind": "correction", "text": "亲，满59元包邮。"}
        assert reviewer.post("/v1/feedback", json=corrected).json() == {"recorded": True}

        say(anna, "转人工", "anna2").raise_for_status()
        assert reply_of(anna, "anna2")["route"] == "human"
        assert agent.post("/console/conversations/c/claim").json()["stage"] == "claimed"
        with served.client("admin") as other:
            assert other.post("/console/conversations/c/claim").status_code == 409
        spoken = {"id": "eva-h", "text": "您好，我来处理。", "suggested": "好的亲"}
        assert agent.post("/console/conversations/c/turns", json=spoken).status_code == 201
        assert agent.post("/console/conversations/c/hand-back").json()["stage"] == "closed"
        say(anna, "你好", "anna3").raise_for_status()
        assert reply_of(anna, "anna3")["route"] == "end"

        history: dict[str, Any] = anna.get("/v1/conversations/c/turns").json()
        assert [turn["speaker"] for turn in history["turns"]] == [
            "customer", "end", "cloud", "customer", "shop", "human", "customer", "end",
        ]  # fmt: skip
        assert history["ratings"] == {reply["id"]: -1}
        said = agent.get("/console/conversations/c").json()["feedback"]
        kinds = sorted(one["kind"] for one in said)
        assert kinds == ["asked for a person", "correction", "correction", "thumb"]
        lately = agent.get("/console/conversations").json()["conversations"]
        assert any(one["conversation"] == "c" and one["customer"] == "anna" for one in lately)
        assert reviewer.get("/console/reviews").status_code == 200
        figures = reviewer.get("/dashboard/figures?period=7d").json()
        assert figures["sums"]["quality"]["corrections"] == 2 and figures["sums"]["handoffs"]["came"] >= 1
        assert reviewer.get("/dashboard/tables/costs.csv?period=30d").status_code == 200
        assert anna.get("/v1/me").json()["conversations"][0]["id"] == "c"
        erased = anna.delete("/v1/me").json()["erased"]
        assert (erased["turns"], erased["feedback"], erased["hand-overs"]) == (8, 4, 3)
        assert anna.get("/v1/conversations/c/turns").status_code == 403, "there is none any more"

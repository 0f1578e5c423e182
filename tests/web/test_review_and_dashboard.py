"""Review and dashboard over HTTP: verdicts are kept once, figures and CSV agree, and only an admin changes versions."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from served_history import write_history
from staff_clock import RunningClock
from web_server import Served, serving

from endcloud.errors import SettingsError
from endcloud.store.canned_replies import FIRST, CannedReplies
from endcloud.store.database import Database, sqlite_url
from endcloud.store.feedback import StoredFeedbacks
from endcloud.types import Feedback, Turn
from endcloud.web.dashboard_api import as_csv


def disliked(served: Served, text: str = "亲，包邮的") -> str:
    """A reply that somebody did not like."""
    now = served.clock.now()
    conversations = served.service.conversations
    conversations.open("c", "visitor x")
    conversations.say(Turn("q", "c", "customer", "满多少包邮", now))
    conversations.say(Turn("r", "c", "end", text, now, "q", "end", "v1", probability=0.9))
    conversations.say(Turn("k", "c", "cloud", "亲，满59元包邮", now, "q", "cloud", "m"))
    served.service.feedbacks.add(Feedback("f", "r", "c", "thumb", "customer", "anna", now, -1.0))
    return "r"


def test_the_queue_shows_both_replies_with_scores_and_why(served: Served) -> None:
    disliked(served)
    with served.client("reviewer") as reviewer:
        found = reviewer.get("/console/reviews").json()
    (item,) = found["items"]
    assert found["waiting"] == 1 and item["query"]["text"] == "满多少包邮"
    assert [other["text"] for other in item["others"]] == ["亲，满59元包邮"]
    assert [sign["cause"] for sign in item["why"]] == ["thumb"]
    assert all(0 <= item["scores"][name] <= 1 for name in ("similarity", "relevance", "cloud_relevance", "final"))


def test_a_correction_is_on_disk_when_it_is_acknowledged_and_counts_once(served: Served, tmp_path: Path) -> None:
    turn = disliked(served)
    body = {"id": "v1", "verdict": "correct", "text": " 亲，满59元包邮 "}
    with served.client("reviewer") as reviewer:
        assert reviewer.post(f"/console/reviews/{turn}", json=body).json() == {"recorded": True}
        assert reviewer.post(f"/console/reviews/{turn}", json=body).json() == {"recorded": False}
        assert reviewer.get("/console/reviews").json()["items"] == []
    elsewhere = Database(sqlite_url(tmp_path / "store.db"))
    kept = [one for one in StoredFeedbacks(elsewhere).of(turn) if one.witness == "reviewer"]
    elsewhere.close()
    assert [(one.kind, one.text, one.by) for one in kept] == [("correction", "亲，满59元包邮", "the reviewer 3")]


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        ({"verdict": "correct", "text": "  "}, 400, "needs the reply"),
        ({"verdict": "correct", "text": "亲，包邮的"}, 400, "accept the reply"),
        ({"verdict": "grade"}, 400, "1 to 5"),
        ({"verdict": "grade", "grade": 6}, 400, "grade"),
        ({"verdict": "like"}, 400, "verdict"),
    ],
)
def test_a_verdict_that_says_nothing_is_refused(
    served: Served, body: dict[str, object], status: int, word: str
) -> None:
    turn = disliked(served)
    with served.client("reviewer") as reviewer:
        answer = reviewer.post(f"/console/reviews/{turn}", json={"id": "v", **body})
        assert answer.status_code == status and word in answer.json()["error"]["message"]
        assert reviewer.post("/console/reviews/none", json={"id": "v", "verdict": "accept"}).status_code == 404


def test_agreement_compares_verdicts_with_what_machines_said(served: Served) -> None:
    turn = disliked(served)
    with served.client("reviewer") as reviewer:
        assert reviewer.get("/console/agreement").json()["replies"] == 0
        reviewer.post(f"/console/reviews/{turn}", json={"id": "v", "verdict": "reject"})
        found = reviewer.get("/console/agreement").json()
    rows = {row["measure"]: row for row in found["rows"]}
    assert rows["probability"]["trusted_wrongly"] == 1 and rows["probability"]["equal"] == 0
    assert rows["final"]["replies"] == 1 and found["people"] == ["the reviewer 3"]


def test_an_agent_steps_in_and_a_second_one_cannot(served: Served) -> None:
    disliked(served)
    with served.client("agent") as agent, served.client("admin") as admin:
        (row,) = agent.get("/console/conversations").json()["conversations"]
        assert (row["conversation"], row["last"]["speaker"], row["handoff"]) == ("c", "cloud", None)
        assert agent.post("/console/conversations/c/step-in").json()["agent"] == "the agent 2"
        assert admin.post("/console/conversations/c/step-in").status_code == 409
        assert agent.post("/console/conversations/none/step-in").status_code == 404
        about = agent.get("/console/conversations/c").json()
        assert about["handoff"]["stage"] == "claimed" and about["feedback"][0]["kind"] == "thumb"


def test_every_table_is_the_same_as_json_and_as_csv(tmp_path: Path) -> None:
    with serving(tmp_path, clock=RunningClock()) as served, served.client("reviewer") as reviewer:
        write_history(served.database, datetime.now(UTC), days=20, a_day=4)
        found = reviewer.get("/dashboard/figures", params={"period": "30d"}).json()
        for name, rows in found["tables"].items():
            text = reviewer.get(f"/dashboard/tables/{name}.csv", params={"period": "30d"}).text
            assert text.startswith("\ufeff")
            read = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
            assert len(read) == len(rows)
            for row, line in zip(rows, read, strict=True):
                assert {key: "" if value is None else str(value) for key, value in row.items()} == line
        assert len(found["tables"]["routes"]) == 30 and found["sums"]["costs"]["basis"] == "cloud answers"
        assert reviewer.get("/dashboard/figures", params={"period": "1y"}).status_code == 400
        assert reviewer.get("/dashboard/tables/keys.csv").status_code == 400


def test_only_an_admin_changes_what_answers(served: Served) -> None:
    served.shelf.add("2c41aa90e7", "lora")
    with served.client("admin") as admin, served.client("reviewer") as reviewer:
        assert reviewer.post("/dashboard/versions/2c41/promote", json={}).status_code == 403
        assert admin.post("/dashboard/versions/none/promote", json={}).status_code == 404
        assert admin.post("/dashboard/versions/2c41/promote", json={"reason": "better"}).json() == {
            "active": "2c41aa90e7"
        }
        (row,) = reviewer.get("/dashboard/versions").json()["versions"]
        assert row["standing"] == "active" and row["reason"] == "promoted on the dashboard by the admin 4: better"
        refused = admin.post("/dashboard/versions/roll-back", json={})
        assert refused.status_code == 409 and "none to go back to" in refused.json()["error"]["message"]


def test_a_spreadsheet_runs_nothing() -> None:
    assert as_csv([{"reason": "=HYPERLINK(1)", "calls": -1}]) == "\ufeffreason,calls\r\n'=HYPERLINK(1),-1\r\n"
    assert as_csv([]) == "\ufeff"


def test_canned_replies_are_a_file_that_people_may_edit(tmp_path: Path) -> None:
    canned = CannedReplies(tmp_path / "canned_replies.toml")
    assert canned.all() == list(FIRST)
    canned.replace(['他说"好"\n第二行', "= 1"])
    assert canned.all() == ['他说"好"\n第二行', "= 1"]
    for broken in ("replies = [", "replies = 1", "other = []"):
        (tmp_path / "canned_replies.toml").write_text(broken)
        with pytest.raises(SettingsError, match=r"[Mm]end or delete"):
            canned.all()

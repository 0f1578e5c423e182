"""Conversations, feedback, the agents' queue, keys and customers on real stores."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from endcloud.errors import ConflictError, NotFoundError, UsageError
from endcloud.store.conversation_tables import KeyRow
from endcloud.store.conversations import StoredConversations
from endcloud.store.customers import Memory, StoredCustomers
from endcloud.store.database import Database
from endcloud.store.desk import StoredDesk
from endcloud.store.feedback import StoredFeedbacks
from endcloud.store.keys import StoredKeys
from endcloud.types import Feedback, Tokens, Turn

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def said(name: str, conversation: str = "c", text: str = "满59元包邮吗") -> Turn:
    return Turn(name, conversation, "customer", text, NOW)


def replied(name: str, answers: str) -> Turn:
    return Turn(
        name, "c", "end", "亲，包邮的", NOW, answers, "end", "v1", "sure", 0.93, "stop", 0.4, 0.1, Tokens(20, 5), 0.0
    )


def feedback(name: str, turn: str = "r", by: str = "anna") -> Feedback:
    return Feedback(name, turn, "c", "thumb", "customer", by, NOW, -1.0, "不对")


def test_turns_come_back_as_they_were_written_and_once(database: Database) -> None:
    conversations = StoredConversations(database)
    assert conversations.open("c", "visitor 1") and conversations.open("c", "visitor 1")
    turns = [said("q"), replied("r", "q"), said("q2")]
    assert [conversations.say(turn) for turn in turns] == [True] * 3
    assert not conversations.say(turns[0]), "a repeated write is the same turn"
    assert conversations.turns("c") == turns
    assert conversations.turns("c", after="r") == turns[2:]
    conversations.open("d", "visitor 1")
    with pytest.raises(ConflictError, match="another conversation"):
        conversations.say(said("q", "d"))
    assert conversations.turn("r") == turns[1] and conversations.turn("x") is None
    assert conversations.replies_since(NOW) == [turns[1]]
    assert conversations.replies_since(NOW + timedelta(seconds=1)) == []


def test_a_conversation_has_one_owner(database: Database) -> None:
    conversations = StoredConversations(database)
    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(lambda number: conversations.open("c", f"visitor {number}"), range(8)))
    assert opened.count(True) == 1
    assert conversations.owner("c") == f"visitor {opened.index(True)}"
    assert conversations.owner("d") is None


def test_feedback_sent_twice_counts_once(database: Database) -> None:
    feedbacks = StoredFeedbacks(database)
    with ThreadPoolExecutor(4) as pool:
        added = list(pool.map(lambda _: feedbacks.add(feedback("f")), range(4)))
    assert added.count(True) == 1 and feedbacks.of("r") == [feedback("f")]
    assert feedbacks.since(NOW) == [feedback("f")] and feedbacks.since(NOW + timedelta(days=1)) == []


def test_two_agents_never_have_one_conversation(database: Database, opens: Callable[[], Database]) -> None:
    desk = StoredDesk(database)
    second = opens()  # another process would open it like this
    assert desk.request("c", "asked for a person").stage == "waiting"
    assert desk.request("c", "again").reason == "asked for a person"

    def claim(number: int) -> bool:
        try:
            StoredDesk(second if number % 2 else database).claim("c", f"agent {number}")
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        claimed = list(pool.map(claim, range(8)))
    assert claimed.count(True) == 1
    agent = f"agent {claimed.index(True)}"
    assert [handoff.agent for handoff in desk.open()] == [agent]
    with pytest.raises(ConflictError, match="claim it first"):
        desk.close("c", "somebody else")
    assert desk.close("c", agent).stage == "closed" and desk.open() == []
    with pytest.raises(ConflictError, match="not waiting"):
        desk.claim("c", agent)
    assert desk.request("c", "once more").stage == "waiting"


def test_keys_are_kept_as_hashes_and_revoked_by_name(database: Database, tmp_path: Path) -> None:
    keys = StoredKeys(database)
    key = keys.make("front desk", "agent")
    found = keys.find(key)
    assert found is not None and (found.name, found.role) == ("front desk", "agent")
    with database.reading() as connection:
        assert key not in str(connection.execute(select(KeyRow.__table__)).all())
    assert all(key.encode() not in file.read_bytes() for file in tmp_path.iterdir())
    with pytest.raises(UsageError, match="exists already"):
        keys.make("front desk", "admin")
    with pytest.raises(UsageError, match="role 'boss'"):
        keys.make("x", "boss")
    for nameless in ("", "  ", "a\nb", "a\0b", "x" * 81):
        with pytest.raises(UsageError, match="name it in 1 to 80 printable characters"):
            keys.make(nameless, "agent")
    keys.revoke("front desk")
    assert keys.find(key) is None and keys.find("ec_admin_guess") is None
    with pytest.raises(NotFoundError):
        keys.revoke("front desk")


def test_what_a_customer_talked_about_elsewhere(database: Database) -> None:
    conversations = StoredConversations(database)
    for name, customer in (("c", "anna"), ("now", "anna"), ("x", "bert")):
        conversations.open(name, f"visitor {name}", customer)
    caution = replace(replied("r3", "q3"), reason="caution: not sure")
    for turn in (
        said("q1"), replied("r1", "q1"), said("q2"), said("q3"), caution, said("q4"), replied("r4", "q4"),
        replace(replied("r4b", "q4"), speaker="cloud", text="云端的回答"),
        said("n", "now"), replace(replied("rn", "n"), conversation="now"), said("b", "x"),
        replace(replied("rb", "b"), conversation="x"),
    ):  # fmt: skip
        assert conversations.say(turn)
    found = conversations.exchanges_of("anna", "now", 10)
    assert [(one.query.id, one.reply.id) for one in found] == [("q4", "r4b"), ("q1", "r1")], "newest first, last reply"
    assert [one.query.id for one in conversations.exchanges_of("anna", "now", 1)] == ["q4"]
    assert conversations.exchanges_of("nobody", "now", 10) == []


def test_a_forgotten_customer_leaves_nothing(database: Database) -> None:
    customers, conversations = StoredCustomers(database), StoredConversations(database)
    for name, customer in (("c", "anna"), ("d", "bert")):
        conversations.open(name, f"visitor {customer}", customer)
        conversations.say(said(f"q-{name}", name))
        StoredFeedbacks(database).add(Feedback(f"f-{name}", "r", name, "thumb", "customer", customer, NOW, 1.0))
        StoredDesk(database).request(name, "asked")
        customers.put(customer, {"level": "gold"})
        customers.remember(Memory(customer, "size", "XL", f"q-{name}", NOW))
        customers.remember(Memory(customer, "size", "XXL", f"q-{name}", NOW + timedelta(days=1)))
    assert [memory.text for memory in customers.memories("anna")] == ["XXL"]
    gone = {kind: rows for kind, rows in customers.forget("anna").items() if rows}
    assert gone == {
        "feedback": 1,
        "hand-overs": 1,
        "turns": 1,
        "memories": 2,
        "facts": 1,
        "conversations": 1,
    }
    assert customers.facts("anna") == {} and customers.memories("anna") == [] and conversations.turns("c") == []
    assert customers.facts("bert") == {"level": "gold"} and len(conversations.turns("d")) == 1
    assert conversations.of_customer("bert") == ["d"]

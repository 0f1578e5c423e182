"""What console and dashboard read: the day's conversations, steps of hand-overs, expenses, uploads by host."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from endcloud.protocols import UploadSum
from endcloud.store.budget import StoredBudget
from endcloud.store.conversations import StoredConversations
from endcloud.store.database import Database
from endcloud.store.desk import StoredDesk
from endcloud.store.feedback import StoredFeedbacks
from endcloud.store.ledger import StoredLedger
from endcloud.types import Feedback, MaskedRequest, Message, Sampling, Speaker, Tokens, Turn

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def test_the_last_words_of_each_conversation_newest_first(database: Database) -> None:
    conversations = StoredConversations(database)

    def say(name: str, conversation: str, speaker: Speaker, hours: int = 0) -> None:
        conversations.open(conversation, "visitor 1")
        conversations.say(Turn(name, conversation, speaker, "亲", NOW - timedelta(hours=hours)))

    say("a1", "a", "customer", 30)
    say("b1", "b", "customer", 2)
    say("c1", "c", "customer", 1)
    say("b2", "b", "end")
    say("c2", "c", "shop")
    since = NOW - timedelta(hours=24)
    assert [turn.id for turn in conversations.lately(since, 10)] == ["b2", "c1"]
    assert [turn.id for turn in conversations.lately(since, 1)] == ["b2"]


def test_every_step_of_a_hand_over(database: Database) -> None:
    desk = StoredDesk(database)
    desk.request("c", "asked")
    desk.claim("c", "eva")
    desk.close("c", "eva")
    assert [(step.stage, step.agent) for step in desk.steps(LONG_AGO)] == [
        ("waiting", ""),
        ("claimed", "eva"),
        ("closed", "eva"),
    ]
    assert desk.steps(datetime.now(UTC) + timedelta(hours=1)) == []


def test_an_expense_is_the_price_or_what_is_reserved(database: Database) -> None:
    budget = StoredBudget(database, 5.0)
    budget.settle(budget.reserve(0.5, "takeover"), 0.25)
    budget.reserve(0.75, "label")
    assert [(one.purpose, one.price) for one in budget.since(LONG_AGO)] == [("takeover", 0.25), ("label", 0.75)]
    assert sum(one.price for one in budget.since(LONG_AGO)) == pytest.approx(budget.spent())


def test_uploads_are_summed_by_host_and_purpose(database: Database) -> None:
    ledger = StoredLedger(database)
    request = MaskedRequest((Message("user", "[电话_1]"),), "takeover", "q", Sampling(), {"电话": 2}, "d1")
    for outcome in ("stop", "CloudTimeoutError", ""):
        upload = ledger.sent(request, "m", "cloud.example", "12345")
        if outcome:
            ledger.settled(upload, outcome, Tokens())
    assert ledger.sums(LONG_AGO) == [UploadSum("cloud.example", "takeover", 3, 15, 6, 1)], "one is under way"
    assert ledger.sums(datetime.now(UTC) + timedelta(hours=1)) == []


def test_feedback_within_a_conversation(database: Database) -> None:
    feedbacks = StoredFeedbacks(database)
    for name, conversation, minutes in (("f2", "c", 2), ("f1", "c", 1), ("f3", "d", 0)):
        at = NOW + timedelta(minutes=minutes)
        feedbacks.add(Feedback(name, "r", conversation, "thumb", "customer", "anna", at, 1.0))
    assert [one.id for one in feedbacks.within("c")] == ["f1", "f2"]

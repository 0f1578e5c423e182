"""What is older than the settings allow goes, and nothing else; the ledger stays whole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from endcloud.store.conversations import StoredConversations
from endcloud.store.customers import Memory, StoredCustomers
from endcloud.store.database import Database, sqlite_url
from endcloud.store.desk import StoredDesk
from endcloud.store.feedback import StoredFeedbacks
from endcloud.store.ledger import StoredLedger
from endcloud.store.ledger_check import verify
from endcloud.store.retention import Keeping, erase_old
from endcloud.store.tables import UploadRow
from endcloud.types import Feedback, MaskedRequest, Message, Sampling, Tokens, Turn, payload_of

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def say(database: Database, name: str, *days: float) -> None:
    """A conversation in which something was said so many days ago, each time; with feedback on the first."""
    conversations = StoredConversations(database)
    conversations.open(name, f"visitor {name}", name)
    for number, day in enumerate(days):
        conversations.say(Turn(f"{name}{number}", name, "customer", f"话{name}{number}", ago(day)))
    rating = Feedback(f"f-{name}", f"{name}0", name, "note", "customer", name, ago(days[0]), text="不好")
    StoredFeedbacks(database).add(rating)
    StoredCustomers(database).remember(Memory(name, "size", "XL", f"{name}0", ago(days[0])))


@pytest.fixture
def database(database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """Conversations begin long ago, whenever the test runs."""
    monkeypatch.setattr("endcloud.store.conversations.now", lambda: ago(900), raising=False)
    return database


def test_a_conversation_goes_when_its_last_word_is_old(database: Database) -> None:
    say(database, "old", 40, 31)
    say(database, "lively", 40, 2)
    say(database, "waiting", 40)
    say(database, "served", 40)
    StoredDesk(database).request("waiting", "asked")
    desk = StoredDesk(database)
    desk.request("served", "asked")
    desk.claim("served", "li")
    desk.close("served", "li")
    gone = erase_old(database, Keeping(turns=30), NOW)
    assert gone["conversations"] == 2 and gone["turns"] == 3 and gone["feedback"] == 2 and gone["hand-overs"] == 3
    left = StoredConversations(database)
    assert [len(left.turns(name)) for name in ("old", "lively", "waiting", "served")] == [0, 2, 1, 0]
    assert StoredCustomers(database).memories("old"), "memories have a time of their own"
    assert erase_old(database, Keeping(turns=30), NOW) == {} == erase_old(database, Keeping(), NOW)


def test_feedback_and_memories_have_their_own_times(database: Database) -> None:
    say(database, "old", 40)
    say(database, "new", 2)
    StoredCustomers(database).put("old", {"level": "gold"})  # told just now, long after this summer
    assert erase_old(database, Keeping(feedback=30, memories=20), NOW) == {"feedback": 1, "memories": 1}
    assert StoredFeedbacks(database).within("old") == [] and StoredFeedbacks(database).within("new")
    assert len(StoredConversations(database).turns("old")) == 1
    customers = StoredCustomers(database)
    assert customers.memories("new") and not customers.memories("old") and customers.facts("old")
    later = datetime.now(UTC) + timedelta(days=21)
    assert erase_old(database, Keeping(memories=20), later) == {"memories": 1, "facts": 1}


def test_texts_that_left_go_and_the_record_stays(database: Database) -> None:
    ledger = StoredLedger(database)
    names = {text: send(ledger, text) for text in ("旧的问题", "新的问题")}
    made_old(database, names["旧的问题"])
    erased_before = verify(database).erased
    gone = erase_old(database, Keeping(payloads=30), datetime.now(UTC))
    assert gone == {"payloads": 1} and verify(database).erased == erased_before + 1
    assert [one.content for one in ledger.messages(names["旧的问题"])] == ["店规", ""]
    assert [one.content for one in ledger.messages(names["新的问题"])] == ["店规", "新的问题"], "the prompt left lately"
    assert ledger.count() == 2


def test_a_prompt_that_leaves_again_after_it_was_erased_is_kept_again(database: Database) -> None:
    first = StoredLedger(database)
    made_old(database, send(first, "旧的问题"))
    assert erase_old(database, Keeping(payloads=30), datetime.now(UTC)) == {"payloads": 2}
    again = StoredLedger(database)
    assert [one.content for one in again.messages(send(again, "又一个"))] == ["店规", "又一个"]


def test_what_sqlite_erased_is_in_no_file_of_it(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    database = Database(sqlite_url(path))
    words = "独一无二的流苏披肩".encode()

    def in_files() -> bool:
        return any(words in each.read_bytes() for each in tmp_path.iterdir())

    conversations = StoredConversations(database)
    conversations.open("c", "visitor c", "c")
    for number in range(50):
        conversations.say(Turn(f"t{number}", "c", "customer", f"{words.decode()}{number}", ago(40)))
    assert in_files()
    StoredCustomers(database).forget("c")
    database.scrub()
    assert not in_files()
    database.close()


def send(ledger: StoredLedger, text: str) -> str:
    messages = (Message("system", "店规"), Message("user", text))
    request = MaskedRequest(messages, "answer", f"c-{text}", Sampling(), {}, "detector")
    upload = ledger.sent(request, "m", "h", payload_of(messages))
    ledger.settled(upload, "stop", Tokens(1, 1))
    return upload


def made_old(database: Database, upload: str) -> None:
    """Moves an upload a hundred days back; its row's digest no longer fits, which is not what is tested here."""
    changed = update(UploadRow).where(UploadRow.upload == upload).values(at=datetime.now(UTC) - timedelta(days=100))
    database.write(lambda connection: connection.execute(changed))

"""The store on SQLite and on PostgreSQL: what is acknowledged stays, and the budget is never passed."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from endcloud.errors import BudgetError, SettingsError, VersionError
from endcloud.protocols import Label
from endcloud.store.budget import StoredBudget
from endcloud.store.database import Database, sqlite_url
from endcloud.store.labels import StoredLabels
from endcloud.store.ledger import StoredLedger
from endcloud.store.tables import Table
from endcloud.store.versions import StoredVersions
from endcloud.types import AdapterVersion, MaskedRequest, Message, Sampling, Tokens


def label(example: str, key: str, text: str) -> Label:
    return Label(example, key, text, "", "m", "p", "", datetime.now(UTC), 0.1, Tokens(10, 2, 8), 0.001)


def test_the_migrations_give_exactly_the_tables(database: Database) -> None:
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Table.metadata) == []


def test_sqlite_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path / "store.db"))
    with database.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


def test_writes_committed_together_stand_or_fall_by_themselves(database: Database) -> None:
    """Group commit: of many writers at once, those that fail undo only their own work."""
    labels = StoredLabels(database)

    def write(number: int) -> bool:
        if number % 5 == 0:
            with pytest.raises(ZeroDivisionError):
                database.write(lambda connection: connection.exec_driver_sql("DELETE FROM labels").rowcount / 0)
            return False
        labels.add([label(f"e{number}", f"k{number}", "")])
        return True

    with ThreadPoolExecutor(16) as pool:
        written = sum(pool.map(write, range(100)))
    assert len(labels.of(f"e{number}" for number in range(100))) == written == 80


def test_the_newest_label_counts_and_survives_reopening(database: Database, opens: Callable[[], Database]) -> None:
    labels = StoredLabels(database)
    labels.add([label("e1", "k1", "旧"), label("e2", "k2", "二")])
    labels.add([label("e1", "k1", "新")])
    database.close()
    again = StoredLabels(opens())
    assert {k: v.text for k, v in again.of(["e1", "e2", "e3"]).items()} == {"e1": "新", "e2": "二"}
    assert again.get(["k1"])["k1"].tokens == Tokens(10, 2, 8)
    assert again.get(["k1"])["k1"].at.tzinfo is not None


def test_labels_of_many_examples_are_found(database: Database) -> None:
    labels = StoredLabels(database)
    labels.add([label(f"e{i}", f"k{i}", str(i)) for i in range(2500)])
    assert len(labels.of(f"e{i}" for i in range(2500))) == 2500


def test_a_budget_is_never_passed_by_many_at_once(database: Database, opens: Callable[[], Database]) -> None:
    budgets = [StoredBudget(one, limit=1.0) for one in (database, opens())]  # two processes, as it were

    def call(number: int) -> bool:
        try:
            reservation = budgets[number % 2].reserve(0.1, "label")
        except BudgetError:
            return False
        budgets[number % 2].settle(reservation, 0.09)
        return True

    with ThreadPoolExecutor(8) as pool:
        made = sum(pool.map(call, range(40)))
    assert budgets[0].spent() <= 1.0
    assert 9 <= made <= 11


def test_a_reservation_that_was_never_settled_counts_as_spent(database: Database) -> None:
    budget = StoredBudget(database, limit=1.0)
    budget.reserve(0.7, "label")
    assert budget.spent() == pytest.approx(0.7)
    with pytest.raises(BudgetError, match=r"cloud\.budget"):
        budget.reserve(0.4, "label")


def test_the_ledger_shows_exactly_what_left_and_keeps_a_shared_prompt_once(database: Database) -> None:
    ledger = StoredLedger(database)
    prompt = Message("system", "规则" * 500)
    for question in ("在吗", "包邮吗"):
        messages = (prompt, Message("user", question))
        request = MaskedRequest(messages, "label", "d1", Sampling(), {"电话": 1}, "detector")
        upload = ledger.sent(request, "model", "host", "payload")
        ledger.settled(upload, "ok", Tokens(5, 1))
        assert ledger.messages(upload) == list(messages)
    assert ledger.count() == 2
    assert ledger.uploads()[0].masked == {"电话": 1}
    with database.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM payloads").scalar() == 3


class Files:
    """Version directories, without the directories."""

    def read(self, digest: str) -> AdapterVersion:
        return AdapterVersion(digest, "base", "lora", "", (), {})

    def all(self) -> list[AdapterVersion]:
        return [self.read("b" * 8), self.read("a" * 8)]

    def path(self, digest: str) -> Path:
        return Path(digest)


def test_one_version_is_active_and_history_is_kept(database: Database) -> None:
    versions = StoredVersions(database, Files())
    a, b = "a" * 8, "b" * 8
    for digest in (a, b):
        versions.add(versions.get(digest))
    assert [version.digest for version in versions.all()] == [a, b]
    assert versions.active() is None
    with pytest.raises(VersionError):
        versions.previous()
    versions.stand(a, "active", "first")
    versions.stand(b, "active", "better")
    assert (versions.active(), versions.standing(a), versions.previous()) == (b, "retired", a)
    assert [standing for _, standing, _ in versions.history(a)] == ["candidate", "active", "retired"]


def test_a_version_is_found_by_the_beginning_of_its_digest(database: Database) -> None:
    versions = StoredVersions(database, Files())
    assert versions.get("aaaa").digest == "a" * 8
    for unknown in ("aaa", "cccc"):
        with pytest.raises(VersionError, match="versions list"):
            versions.get(unknown)


def test_metrics_of_a_version_add_up(database: Database) -> None:
    versions = StoredVersions(database, Files())
    versions.measure("a", {"score": 0.5, "loss": 2.0})
    versions.measure("a", {"score": 0.6})
    assert versions.metrics("a") == {"score": 0.6, "loss": 2.0}


def test_a_store_that_cannot_be_opened_is_one_sentence_without_the_password() -> None:
    with pytest.raises(SettingsError, match=r"store\.url") as raised:
        Database("sqlite:////nowhere/at/all/store.db")
    assert "nowhere" in str(raised.value)


def test_rolling_back_again_goes_further_back(database: Database, tmp_path: Path) -> None:
    versions = StoredVersions(database, Files())
    for letter in "abc":
        versions.stand(letter * 8, "active", "promoted")
    assert [versions.withdraw("worse"), versions.withdraw("worse too")] == ["b" * 8, "a" * 8]
    assert versions.standing("c" * 8) == "rejected" and versions.active() == "a" * 8
    with pytest.raises(VersionError, match="none to go back to"):
        versions.withdraw("the first too")
    assert versions.active() == "a" * 8

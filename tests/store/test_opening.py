"""Opening a store: an older one is brought up to date, a newer one refused, and a password never shown."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from postgresql_server import PASSWORD
from sqlalchemy import create_engine, make_url, text

from endcloud.errors import SettingsError
from endcloud.store import database as module
from endcloud.store.database import Database, now, sqlite_url
from endcloud.store.labels import StoredLabels

Opens = Callable[[], Database]


def run(url: str, statement: str) -> None:
    """One statement, past the store."""
    parsed = make_url(url)
    engine = create_engine(parsed.set(password=PASSWORD) if parsed.host is None and parsed.username else parsed)
    with engine.begin() as connection:
        connection.execute(text(statement), {"now": now()})
    engine.dispose()


def test_an_older_shop_keeps_its_rows_and_gets_the_new_tables(database: Database, opens: Opens, url: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(module._MIGRATIONS))
    with database.engine.connect() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")
        connection.commit()
    database.close()
    columns = "example,key,text,reason,note,model,prompt,terms,at,seconds,prompt_tokens,completion_tokens"
    values = "'e','k','满59元包邮','','','m','p','',:now,0,1,1,0,0"
    run(url, f"INSERT INTO labels ({columns},cached_tokens,price) VALUES ({values})")
    again = opens()
    assert StoredLabels(again).of(["e"])["e"].text == "满59元包邮"
    with again.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM turns")).scalar() == 0


def test_a_newer_shop_is_refused_with_the_command_that_helps(database: Database, opens: Opens, url: str) -> None:
    database.close()
    run(url, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SettingsError, match=r"'9999'.*pip install --upgrade endcloud"):
        opens()


def test_many_processes_open_a_new_store_at_once(opens: Opens) -> None:
    with ThreadPoolExecutor(4) as pool:
        opened = list(pool.map(lambda _: opens(), range(4)))
    assert len(opened) == 4


def test_opening_waits_for_another_who_holds_the_new_file(tmp_path: Path) -> None:
    """The change to write-ahead mode is refused at once, whatever the busy time-out: the store waits by itself."""
    other = sqlite3.connect(tmp_path / "store.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    other.execute("CREATE TABLE held (a)")
    opened = ThreadPoolExecutor(1).submit(Database, sqlite_url(tmp_path / "store.db"))
    with pytest.raises(TimeoutError):
        opened.result(0.3)
    other.execute("ROLLBACK")
    other.close()
    opened.result(20).close()


def test_a_password_is_never_shown() -> None:
    nobody = "postgresql+psycopg://owner@/none?host=/nowhere"
    with pytest.raises(SettingsError, match=r"store\.url") as raised:
        Database(nobody, "geheim")
    assert "nowhere" in str(raised.value) and "geheim" not in str(raised.value)
    with pytest.raises(SettingsError, match=r"store\.password_variable") as raised:
        Database(nobody.replace("owner@", "owner:geheim@"))
    assert "geheim" not in str(raised.value)


@pytest.mark.parametrize("url", ["nonsense", "oracle+none://x/y"])
def test_what_is_no_store_is_one_sentence(url: str) -> None:
    with pytest.raises(SettingsError, match=r"store\.url"):
        Database(url)

"""The ledger's chain: whoever changes, removes, adds or cuts off a row is found, and so is a changed payload."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from postgresql_server import PASSWORD
from sqlalchemy import Connection, text

from endcloud.errors import EndcloudError, NotFoundError
from endcloud.store import database as opening
from endcloud.store.database import Database
from endcloud.store.ledger import StoredLedger
from endcloud.store.ledger_chain import Head, row_digest
from endcloud.store.ledger_check import Verification, verify
from endcloud.store.ledger_head import HeadFile
from endcloud.types import MaskedRequest, Message, Sampling, Tokens, payload_of

PROMPT = Message("system", "满59元包邮")
Opens = Callable[[], Database]


@pytest.fixture
def outside(tmp_path: Path) -> HeadFile:
    return HeadFile(tmp_path / "ledger.head")


@pytest.fixture
def ledger(database: Database, outside: HeadFile) -> StoredLedger:
    return StoredLedger(database, outside, lambda model, tokens: None if model == "free" else tokens.prompt / 1e6)


def upload(ledger: StoredLedger, question: str, model: str = "m", outcome: str = "stop") -> str:
    request = MaskedRequest((PROMPT, Message("user", question)), "takeover", "c1", Sampling(), {"电话": 1}, "d1")
    name = ledger.sent(request, model, "cloud.example", payload_of(request.messages))
    if outcome:
        ledger.settled(name, outcome, Tokens(10, 5, 2))
    return name


def filled(ledger: StoredLedger) -> list[str]:
    """Three uploads in six rows, and a seventh for somebody who was forgotten."""
    names = [upload(ledger, question) for question in ("在吗", "包邮吗", "我电话[电话_1]")]
    ledger.forgotten("5ub7ec7", {"turns": 2, "payloads": 0}, ["v1", "v2"])
    return names


def tamper(database: Database, *statements: str, **values: object) -> None:
    """As somebody would who can write to the database."""

    def work(connection: Connection) -> None:
        for statement in statements:
            connection.execute(text(statement), values)

    database.write(work)


def mend(database: Database) -> None:
    """Writes chain and end anew over the rows that are there: all that the database itself can be made to say."""
    previous, count = "", 0
    for row in list(StoredLedger(database).rows()):
        previous, count = row_digest(previous, {**row, "at": datetime.fromisoformat(row["at"])}), row["id"]
        tamper(database, f"UPDATE uploads SET chain = '{previous}' WHERE id = {count}")
    tamper(database, f"UPDATE ledger_head SET count = {count}, digest = '{previous}'")


def one_finding(found: Verification, *words: str) -> None:
    assert not found.whole
    assert any(all(word in finding for word in words) for finding in found.findings), found.findings


def test_a_ledger_that_nobody_touched_is_whole(database: Database, ledger: StoredLedger, outside: HeadFile) -> None:
    assert verify(database, outside).whole, "an empty one too"
    filled(ledger)
    upload(ledger, "还在路上", outcome="")
    found = verify(database, outside)
    assert found.findings == [] and found.whole
    assert (found.rows, found.uploads, found.proofs, found.open, found.beyond, found.erased) == (8, 4, 1, 1, 0, 0)
    assert outside.read() == found.head


def test_each_way_to_change_a_row_is_found(database: Database, ledger: StoredLedger, outside: HeadFile) -> None:
    filled(ledger)
    changes = {
        "purpose": "'audit'",
        "conversation": "'c2'",
        "host": "'elsewhere'",
        "masked": "'{}'",
        "size": "1",
        "digest": f"'{'0' * 64}'",
        "outcome": "'never'",
        "price": "0.5",
        "prompt_tokens": "7",
        "at": "'2026-01-01 00:00:00+00:00'"
        if database.engine.dialect.name == "postgresql"
        else "'2026-01-01 00:00:00'",
        "proof": '\'{"subject": "somebody else"}\'',
        "upload": "'another'",
        "event": "'settled'",
    }
    for column, value in changes.items():
        with database.reading() as connection:
            before = connection.execute(text(f'SELECT "{column}" FROM uploads WHERE id = 3')).scalar()
        tamper(database, f'UPDATE uploads SET "{column}" = {value} WHERE id = 3')
        one_finding(verify(database, outside), "Row 3", "not what was written")
        kept = json.dumps(before) if isinstance(before, dict) else before
        tamper(database, f'UPDATE uploads SET "{column}" = :kept WHERE id = 3', kept=kept)
        assert verify(database, outside).whole, column


def test_a_missing_row_is_named(database: Database, ledger: StoredLedger, outside: HeadFile) -> None:
    filled(ledger)
    tamper(database, "DELETE FROM uploads WHERE id = 4")
    one_finding(verify(database, outside), "Row 4 is missing")
    tamper(database, "DELETE FROM uploads WHERE id = 5")
    one_finding(verify(database, outside), "Rows 4 to 5 are missing")


def test_a_cut_off_end_is_found_even_where_the_database_was_mended(
    database: Database, ledger: StoredLedger, outside: HeadFile
) -> None:
    filled(ledger)
    tamper(database, "DELETE FROM uploads WHERE id > 5")
    one_finding(verify(database, outside), "last 2 rows are missing")
    mend(database)
    assert verify(database).whole, "the database alone cannot tell"
    one_finding(verify(database, outside), "7 rows", "last 2 were cut off")
    upload(ledger, "盖过去"), upload(ledger, "再盖")
    one_finding(verify(database, outside), "another digest for row 7")  # later rows do not cover it up
    assert (outside.read() or Head()).count == 7


def test_a_ledger_written_anew_is_found_by_the_head_outside(
    database: Database, ledger: StoredLedger, outside: HeadFile
) -> None:
    filled(ledger)
    tamper(database, "UPDATE uploads SET host = 'elsewhere' WHERE id = 1")
    mend(database)
    assert verify(database).whole
    one_finding(verify(database, outside), "written anew")


def test_a_row_that_somebody_added_is_found(database: Database, ledger: StoredLedger, outside: HeadFile) -> None:
    filled(ledger)
    columns = "upload, event, at, purpose, conversation, model, host, detector, masked, digest, size, outcome, "
    columns += "prompt_tokens, completion_tokens, cached_tokens, price, proof, chain"
    tamper(database, f"INSERT INTO uploads (id, {columns}) SELECT 8, {columns} FROM uploads WHERE id = 6")
    found = verify(database, outside)
    one_finding(found, "Row 8", "not what was written")
    one_finding(found, "row 7 is the last", "rows up to 8")
    tamper(
        database,
        "UPDATE uploads SET id = 9 WHERE id = 8",
        "UPDATE uploads SET id = 8 WHERE id = 7",
        "UPDATE uploads SET id = 7 WHERE id = 9",
    )
    one_finding(verify(database, outside), "Row 7", "not what was written")


def test_a_changed_payload_is_found_and_an_erased_one_is_none(
    database: Database, ledger: StoredLedger, outside: HeadFile
) -> None:
    first, *_ = filled(ledger)
    tamper(database, "UPDATE payloads SET content = '' WHERE content = '在吗'")
    found = verify(database, outside)
    assert found.whole and found.erased == 1
    assert ledger.erased(first) == {1} and ledger.messages(first)[1].content == ""
    upload(ledger, "在吗")  # it leaves again, and is kept again
    assert verify(database, outside).erased == 0 and ledger.messages(first)[1].content == "在吗"
    tamper(database, "UPDATE payloads SET content = '不包邮' WHERE content = '包邮吗'")
    found = verify(database, outside)
    one_finding(found, "message", "was changed")
    one_finding(found, "row 3", "is not what left")


def test_a_part_that_was_exchanged_is_found(database: Database, ledger: StoredLedger, outside: HeadFile) -> None:
    first, second, _ = filled(ledger)
    tamper(
        database,
        f"UPDATE upload_parts SET payload = (SELECT payload FROM upload_parts WHERE upload = '{second}' AND "
        f"position = 1) WHERE upload = '{first}' AND position = 1",
    )
    one_finding(verify(database, outside), "row 1", "is not what left")


def test_rows_beyond_the_head_are_told_and_are_no_error(
    database: Database, ledger: StoredLedger, outside: HeadFile
) -> None:
    upload(ledger, "在吗")
    upload(StoredLedger(database), "停电前的一行")  # committed, and the process ended before its head was written
    found = verify(database, outside)
    assert found.whole and found.beyond == 2
    upload(ledger, "又来了")
    assert verify(database, outside).beyond == 0, "the next row brings the head forward"


def test_an_older_head_of_a_backup_is_continued(database: Database, ledger: StoredLedger, outside: HeadFile) -> None:
    upload(ledger, "在吗")
    older = outside.path.read_bytes()
    upload(ledger, "包邮吗")
    outside.path.unlink()
    one_finding(verify(database, outside), "is missing")
    upload(ledger, "新的")
    one_finding(verify(database, outside), "is missing")  # it does not come back by itself
    one_finding(verify(database, HeadFile(outside.path)), "is missing")
    outside.path.write_bytes(b"half a he")
    upload(ledger, "照旧")
    one_finding(verify(database, outside), "cannot be read")
    outside.path.write_bytes(older)
    assert verify(database, outside).beyond == 6
    upload(ledger, "接上")
    assert verify(database, outside).beyond == 0


def test_a_head_that_somebody_noted_is_compared(database: Database, ledger: StoredLedger) -> None:
    filled(ledger)
    head = verify(database).head
    upload(ledger, "后来")
    assert verify(database, noted=head).whole
    one_finding(verify(database, noted=Head(head.count, "0" * 64)), "noted", "written anew")
    one_finding(verify(database, noted=Head(99, head.digest)), "noted", "99 rows")


def test_nothing_is_sent_where_the_head_cannot_be_kept(
    database: Database, ledger: StoredLedger, outside: HeadFile
) -> None:
    upload(ledger, "在吗")
    outside.path.unlink()
    outside.path.mkdir()
    with pytest.raises(EndcloudError, match="cannot be written"):
        upload(ledger, "包邮吗")


def test_the_price_is_by_the_model_and_unknown_where_nobody_said(ledger: StoredLedger) -> None:
    paid, free, open_one = upload(ledger, "一"), upload(ledger, "二", model="free"), upload(ledger, "三", outcome="")
    assert ledger.upload(paid).price == pytest.approx(10 / 1e6)
    assert ledger.upload(free).price is None and ledger.upload(open_one).price is None
    silent = upload(ledger, "四", outcome="")
    ledger.settled(silent, "CloudTimeoutError", Tokens())
    assert (ledger.upload(silent).price, ledger.upload(silent).outcome) == (None, "CloudTimeoutError")


def test_an_upload_is_found_by_row_or_beginning_and_the_list_goes_on(ledger: StoredLedger) -> None:
    names = filled(ledger)
    assert ledger.upload("1").id == ledger.upload("2").id == ledger.upload(names[0][:12]).id == names[0]
    for unknown in ("7", "99", "zz", ""):
        with pytest.raises(NotFoundError, match="ledger list"):
            ledger.upload(unknown)
    newest = ledger.uploads(2)
    assert [one.id for one in newest] == names[:0:-1]
    assert [one.id for one in ledger.uploads(2, before=newest[-1].number)] == names[:1]
    assert ledger.uploads(purpose="label") == ledger.uploads(conversation="c9") == []
    assert [proof.versions for proof in ledger.proofs()] == [("v1", "v2")]


def test_many_threads_and_two_openings_make_one_chain(database: Database, opens: Opens, outside: HeadFile) -> None:
    ledgers = [StoredLedger(database, outside), StoredLedger(opens(), HeadFile(outside.path))]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: upload(ledgers[number % 2], f"问题{number}"), range(40)))
    found = verify(database, outside)
    assert found.whole and (found.rows, found.beyond) == (80, 0)


def _elsewhere(url: str, folder: str, name: str) -> None:
    with closing(Database(url, PASSWORD if url.startswith("postgresql") else "")) as database:
        ledger = StoredLedger(database, HeadFile(Path(folder) / "ledger.head"))
        for number in range(8):
            upload(ledger, f"{name}{number}")


def test_several_processes_make_one_chain(url: str, opens: Opens, tmp_path: Path) -> None:
    opens()
    fresh = multiprocessing.get_context("spawn")
    processes = [fresh.Process(target=_elsewhere, args=(url, str(tmp_path), name)) for name in "甲乙"]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    found = verify(opens(), HeadFile(tmp_path / "ledger.head"))
    assert found.findings == [] and (found.rows, found.beyond) == (32, 0)


def test_an_exported_ledger_can_be_checked_by_somebody_else(ledger: StoredLedger, outside: HeadFile) -> None:
    """What docs/ledger.md says, done without endcloud: a line without `chain`, with `previous`, hashed."""
    filled(ledger)
    previous = ""
    for row in map(json.loads, map(json.dumps, ledger.rows())):
        chain = row.pop("chain")
        said = json.dumps(row | {"previous": previous}, sort_keys=True, separators=(",", ":"))
        assert hashlib.sha256(said.encode()).hexdigest() == chain
        previous = chain
    assert outside.read() == Head(7, previous)


def test_the_ledger_of_an_older_shop_is_chained_where_it_stands(url: str, opens: Opens, tmp_path: Path) -> None:
    database = opens()
    config = Config()
    config.set_main_option("script_location", str(Path(opening.__file__).parent / "migrations"))
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0006")
        for number in (1, 2, 4, 9):  # with gaps: a commit that failed on PostgreSQL leaves one
            connection.execute(
                text(
                    "INSERT INTO uploads (id, upload, event, at, purpose, conversation, model, host, detector, masked, "
                    "digest, size, outcome, prompt_tokens, completion_tokens, cached_tokens) VALUES (:id, 'u', :event, "
                    "'2026-11-01 10:00:00.000001', 'label', '', 'm', 'h', 'd', '{\"电话\": 2}', '', 0, '', 0, 0, 0)"
                ),
                {"id": number, "event": "sent" if number % 2 else "settled"},
            )
    upgraded, outside = opens(), HeadFile(tmp_path / "ledger.head")
    assert [row["id"] for row in StoredLedger(upgraded).rows()] == [1, 2, 3, 4]
    found = verify(upgraded, outside)
    assert found.rows == 4 and all("is not what left" in finding for finding in found.findings), "rows without parts"
    ledger = StoredLedger(upgraded, outside)
    assert outside.read() == Head(4, found.head.digest), "the head begins with what was there"
    upload(ledger, "升级之后")
    assert verify(upgraded, outside).head == outside.read()
    assert (outside.path.stat().st_mode & 0o777) == 0o600

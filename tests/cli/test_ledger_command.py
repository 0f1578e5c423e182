"""`endcloud ledger`: an auditor lists, reads, checks and exports what left; a ledger that was touched fails."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from endcloud.assembly import Shop
from endcloud.cli.console import Console
from endcloud.cli.main import app
from endcloud.types import MaskedRequest, Message, Sampling, Tokens, payload_of

RUNNER = CliRunner()
SAID = Message("user", "我电话[电话_1]，[b]能包邮吗[/b]\n急")


def run(root: Path, *arguments: str) -> Result:
    return RUNNER.invoke(app, ["ledger", *arguments, "--shop", str(root)])


def text(root: Path, *arguments: str) -> str:
    result = run(root, *arguments)
    assert result.exit_code == 0, result.output
    return " ".join(result.stdout.split())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A shop in which one upload was answered, another is under way, and somebody was forgotten."""
    made = tmp_path / "shop"
    assert RUNNER.invoke(app, ["init", str(made)]).exit_code == 0
    with Shop.open(made, Console()) as shop:
        request = MaskedRequest((SAID,), "takeover", "c1", Sampling(), {"电话": 1}, "d")
        first = shop.ledger.sent(request, next(iter(shop.settings.cloud.prices)), "cloud.example", payload_of((SAID,)))
        shop.ledger.settled(first, "stop", Tokens(100, 20, 50))
        shop.ledger.sent(request, "m", "cloud.example", payload_of((SAID,)))
        shop.ledger.forgotten("5ub7ec7" * 9, {"turns": 3, "lessons": 0}, ["abcdef0123"])
    return made


def test_an_empty_ledger_says_so(tmp_path: Path) -> None:
    made = tmp_path / "shop"
    assert RUNNER.invoke(app, ["init", str(made)]).exit_code == 0
    assert "Nothing left this machine yet" in text(made, "list")
    assert "The ledger is whole" in text(made, "verify") and text(made, "export") == ""


def test_uploads_and_proofs_are_listed(root: Path) -> None:
    listed = json.loads(run(root, "list", "--json").stdout)
    assert [(one["number"], one["outcome"]) for one in listed["uploads"]] == [(3, ""), (1, "stop")]
    assert listed["uploads"][1]["price"] is not None and listed["count"] == 2
    assert "No such upload" in text(root, "list", "--purpose", "audit")
    assert "ledger show 3" in text(root, "list")
    proofs = json.loads(run(root, "list", "--proofs", "--json").stdout)["proofs"]
    assert [(one["erased"]["turns"], one["versions"]) for one in proofs] == [(3, ["abcdef0123"])]
    assert "3 turns" in text(root, "list", "--proofs")


def test_what_is_shown_is_what_left(root: Path) -> None:
    shown = json.loads(run(root, "show", "1", "--json").stdout)
    assert shown["messages"] == [{"role": "user", "content": SAID.content}] and shown["masked"] == {"电话": 1}
    assert SAID.content in run(root, "show", shown["id"][:8]).stdout
    payload = run(root, "show", "2", "--payload").stdout_bytes
    assert payload == payload_of((SAID,)).encode() and hashlib.sha256(payload).hexdigest() == shown["digest"]
    for unknown in ("99", "4", "zz"):
        refused = run(root, "show", unknown)
        assert refused.exit_code != 0 and unknown in str(refused.exception)


def test_what_was_erased_is_said_to_be(root: Path) -> None:
    with sqlite3.connect(root / "store.db") as connection:
        connection.execute("UPDATE payloads SET content = ''")
    assert "erased with a customer" in run(root, "show", "1").stdout
    assert json.loads(run(root, "show", "1", "--json").stdout)["messages"] == [{"role": "user", "erased": True}]
    assert "was erased" in str(run(root, "show", "1", "--payload").exception)
    assert "Erased with their customers: 1 message that left" in text(root, "verify")


def test_a_ledger_that_was_touched_fails_and_names_the_row(root: Path) -> None:
    whole = json.loads(run(root, "verify", "--json").stdout)
    assert whole["whole"] and (whole["rows"], whole["uploads"], whole["proofs"], whole["open"]) == (4, 2, 1, 1)
    noted = f"{whole['head']['count']}:{whole['head']['digest']}"
    assert "The ledger is whole" in text(root, "verify", "--head", noted)
    assert run(root, "verify", "--head", "4:half").exit_code != 0
    with sqlite3.connect(root / "store.db") as connection:
        connection.execute("UPDATE uploads SET host = 'nowhere.example' WHERE id = 2")
    touched = run(root, "verify")
    assert touched.exit_code == 1 and "Row 2" in " ".join(touched.stderr.split())
    assert "NOT whole" in touched.stdout
    told = json.loads(RUNNER.invoke(app, ["doctor", "--json", "--shop", str(root)]).stdout)
    assert told["ledger"]["state"] == "bad" and "Row 2" in told["ledger"]["says"]
    found = run(root, "verify", "--json")
    assert found.exit_code == 1 and not json.loads(found.stdout)["whole"]


def test_an_export_has_every_row_and_what_left_where_it_is_wanted(root: Path) -> None:
    rows = [json.loads(line) for line in run(root, "export").stdout.splitlines()]
    assert [row["event"] for row in rows] == ["sent", "settled", "sent", "forgotten"]
    assert not any("messages" in row for row in rows)
    rows = [json.loads(line) for line in run(root, "export", "--payloads").stdout.splitlines()]
    assert rows[0]["messages"] == [{"role": "user", "content": SAID.content}] and "messages" not in rows[1]


def test_a_backup_verifies_and_an_older_store_under_a_newer_head_does_not(root: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    assert RUNNER.invoke(app, ["backup", str(copy), "--shop", str(root)]).exit_code == 0
    assert "The ledger is whole" in text(copy, "verify")
    with Shop.open(copy, Console()) as shop:
        shop.ledger.forgotten("later", {}, [])
    newer = (copy / "ledger.head").read_bytes()
    (root / "ledger.head").write_bytes(newer)
    assert "1 were cut off" in " ".join(run(root, "verify").stderr.split())

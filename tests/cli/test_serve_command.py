"""`endcloud serve`, `keys`, `customers` and `backup` as their users meet them: processes, exit codes, sentences."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from served_shop import set_up
from typer.testing import CliRunner

from endcloud.cli.main import app
from endcloud.errors import NotFoundError, UsageError
from endcloud.testing.loopback_cloud import LoopbackCloud


def run(*arguments: str, entered: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "endcloud.cli.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, input=entered, timeout=120)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("cli") / "shop"
    with LoopbackCloud(lambda _: "亲，满59元包邮哦", logprob=-0.01) as end, LoopbackCloud() as cloud:
        set_up(root, end, cloud)
        yield root


@contextmanager
def serving(shop: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The service as a process of its own, and where it listens."""
    command = [sys.executable, "-m", "endcloud.cli.main", "serve", "--shop", str(shop), "--port", "0", "--json"]
    environment = os.environ | {"ENDCLOUD_CLOUD_KEY": "any"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        try:
            yield process, json.loads(process.stdout.readline())["url"]
        finally:
            process.kill()


def test_keys_are_shown_once_and_are_revoked(shop: Path) -> None:
    made = run("keys", "make", "till", "--role", "service", "--shop", str(shop))
    key = made.stdout.strip()
    assert key.startswith("ec_service_") and "only time" in made.stderr and made.returncode == 0
    calls = CliRunner()
    listed = calls.invoke(app, ["keys", "list", "--shop", str(shop), "--json"]).stdout
    assert key not in listed and json.loads(listed)["keys"][0]["role"] == "service"
    twice = calls.invoke(app, ["keys", "make", "till", "--role", "service", "--shop", str(shop)]).exception
    assert isinstance(twice, UsageError) and "exists already" in str(twice)
    nobody = calls.invoke(app, ["keys", "make", "x", "--role", "boss", "--shop", str(shop)]).exception
    assert isinstance(nobody, UsageError) and "'boss'" in str(nobody)
    assert calls.invoke(app, ["keys", "revoke", "till", "--shop", str(shop)]).exit_code == 0
    assert isinstance(calls.invoke(app, ["keys", "revoke", "till", "--shop", str(shop)]).exception, NotFoundError)


def test_a_service_answers_is_alone_and_ends_in_order(shop: Path, tmp_path: Path) -> None:
    key = run("keys", "make", "system", "--role", "service", "--shop", str(shop), "--json")
    with serving(shop) as (process, url):
        headers = {"authorization": f"Bearer {json.loads(key.stdout)['key']}"}
        with httpx.Client(base_url=url, headers=headers, timeout=20) as client:
            message = {"role": "user", "content": "包邮吗，我身高175cm"}
            answer = client.post("/v1/chat/completions", json={"messages": [message], "user": "anna"})
            assert answer.json()["choices"][0]["message"]["content"] == "亲，满59元包邮哦"
        second = run("serve", "--shop", str(shop), "--port", "0")
        assert second.returncode == 1 and "Another process" in second.stderr
        copied = run("backup", str(tmp_path / "copy"), "--shop", str(shop))
        assert copied.returncode == 0 and (tmp_path / "copy" / "store.db").exists()
        with httpx.Client(base_url=url, timeout=20) as page:
            token = page.post("/v1/visitors").json()["token"]
            shown = {"authorization": f"Bearer {token}"}
            with page.stream("GET", "/v1/conversations/open/events", headers=shown) as listening:
                process.send_signal(signal.SIGINT)
                assert set(listening.iter_lines()) <= {"", ": alive"}  # let go, not cut off in the middle
        assert process.wait(timeout=15) == 0
        assert process.stderr is not None
        told = process.stderr.read()
        assert "Traceback" not in told and "175" not in told
    calls = CliRunner()
    shown = json.loads(calls.invoke(app, ["customers", "show", "anna", "--shop", str(shop), "--json"]).stdout)
    assert shown["memories"][0]["text"] == "175cm" and len(shown["conversations"][0]["turns"]) == 2
    assert json.loads(calls.invoke(app, ["customers", "export", "anna", "--shop", str(shop)]).stdout) == shown
    kept = calls.invoke(app, ["customers", "forget", "anna", "--shop", str(shop)], input="n\n")
    assert "Nothing was erased" in kept.stdout
    gone = calls.invoke(app, ["customers", "forget", "anna", "--yes", "--shop", str(shop), "--json"])
    assert json.loads(gone.stdout)["erased"]["turns"] == 2
    unknown = calls.invoke(app, ["customers", "show", "anna", "--shop", str(shop)]).exception
    assert isinstance(unknown, NotFoundError) and "'anna'" in str(unknown)


def test_wrong_addresses_are_refused_with_what_helps(shop: Path, tmp_path: Path) -> None:
    calls = CliRunner()
    assert calls.invoke(app, ["init", str(tmp_path / "other")]).exit_code == 0
    open_door = run("serve", "--shop", str(tmp_path / "other"), "--host", "0.0.0.0")
    assert open_door.returncode == 2 and "endcloud keys make" in " ".join(open_door.stderr.split())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        busy = run("serve", "--shop", str(shop), "--port", port)
    assert busy.returncode == 2 and port in busy.stderr and "choose another" in " ".join(busy.stderr.split())

"""The command line as a user meets it: real shops in empty directories, most commands in this process, some in their
own, where what is loaded and printed by a fresh one matters."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from endcloud.cli.main import main

HEAVY = ("torch", "transformers", "peft", "openai", "fastapi", "polars", "sentence_transformers", "sqlalchemy")


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


Endcloud = Callable[..., Done]


@pytest.fixture
def endcloud(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Endcloud:
    """Runs a command in this process, through the same entry point as the installed program."""

    def run(*arguments: str | Path) -> Done:
        monkeypatch.setattr(sys, "argv", ["endcloud", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "1000")
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        return Done(int(ended.value.code or 0), told.out, told.err)

    return run


def process(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "endcloud.cli.main", *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        timeout=300,
    )


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("logs") / "chats.jsonl"
    lines = []
    for number in range(40):
        messages = [
            {"role": "user", "content": f"第{number}款毛巾多少钱，我的电话是138{number:08d}"},
            {"role": "assistant", "content": f"亲，第{number}款毛巾{number + 10}元一条哦"},
        ]
        lines.append(json.dumps({"id": f"d{number}", "messages": messages}, ensure_ascii=False))
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture
def shop(tmp_path: Path, endcloud: Endcloud) -> Path:
    assert endcloud("init", tmp_path / "shop").returncode == 0
    return tmp_path / "shop"


@pytest.mark.parametrize("statement", ["import endcloud", "import endcloud.cli.main"])
def test_neither_the_package_nor_its_help_loads_anything_heavy(statement: str) -> None:
    code = f"import sys; {statement}; print([name for name in {HEAVY!r} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"


def test_help_names_the_stages_in_loop_order() -> None:
    told = process("--help").stdout
    places = [told.index(f" {name} ") for name in ("init", "corpus", "teach", "train", "evaluate", "versions")]
    assert places == sorted(places)


def test_a_new_shop_is_private_and_explains_each_setting(shop: Path) -> None:
    assert shop.stat().st_mode & 0o777 == 0o700
    lines = (shop / "endcloud.toml").read_text().splitlines()
    settings = [number for number, line in enumerate(lines) if " = " in line and not line.startswith(("#", "["))]
    assert len(settings) > 30
    for number in settings:
        above = lines[number - 1]
        assert above.startswith("#") or " = " in above, f"line {number + 1} is not explained: {lines[number]!r}"


@pytest.mark.parametrize("profile", ["bundled", "qwen3-0.6b", "chatglm3-6b"])
def test_every_profile_writes_settings_that_are_read(profile: str, tmp_path: Path, endcloud: Endcloud) -> None:
    assert endcloud("init", tmp_path / "shop", "--profile", profile).returncode == 0
    state = endcloud("status", "--shop", tmp_path / "shop", "--json")
    assert json.loads(state.stdout)["next"].startswith("endcloud corpus")


def test_an_existing_shop_is_not_overwritten(shop: Path, endcloud: Endcloud) -> None:
    (shop / "policies.md").write_text("- 满59元包邮。\n")
    again = endcloud("init", shop)
    assert again.returncode == 2
    assert (shop / "policies.md").read_text() == "- 满59元包邮。\n"


def test_the_same_logs_give_the_same_digest_in_any_shop(tmp_path: Path, logs: Path, endcloud: Endcloud) -> None:
    digests = set()
    for name in ("one", "two"):
        endcloud("init", tmp_path / name)
        made = endcloud("corpus", logs, "--shop", tmp_path / name, "--json")
        assert made.returncode == 0, made.stderr
        told = json.loads(made.stdout)
        assert set(told) >= {"dialogues", "examples", "dropped", "malformed", "digest", "seconds"}
        assert told["masked"] == {"电话": 40}
        digests.add(told["digest"])
    assert len(digests) == 1


def test_no_personal_data_is_written_to_the_corpus(shop: Path, logs: Path, endcloud: Endcloud) -> None:
    endcloud("corpus", logs, "--shop", shop)
    from endcloud.corpus.dataset import read_examples

    examples = read_examples(shop / "corpus")
    assert examples
    assert not any("1380000" in message.content for example in examples for message in example.messages)


def wrong_inputs() -> list[tuple[str, list[str], str]]:
    return [
        ("no shop", ["status", "--shop", "{tmp}"], "endcloud init"),
        ("missing file", ["corpus", "{tmp}/none.txt", "--shop", "{shop}"], "none.txt"),
        ("empty file", ["corpus", "{tmp}/empty.txt", "--shop", "{shop}"], "empty"),
        ("noise", ["corpus", "{tmp}/noise.bin", "--shop", "{shop}"], "noise.bin"),
        ("unknown format", ["corpus", "{tmp}/fine.txt", "--format", "klingon", "--shop", "{shop}"], "klingon"),
        ("unknown method", ["train", "--method", "magic", "--shop", "{shop}"], "magic"),
        ("unknown profile", ["init", "{tmp}/other", "--profile", "gpt9"], "gpt9"),
        ("unknown option", ["train", "--colour", "red", "--shop", "{shop}"], "--colour"),
        ("unknown command", ["trian"], "trian"),
        ("no examples", ["train", "--shop", "{shop}"], "endcloud corpus"),
        ("nothing to evaluate", ["evaluate", "--shop", "{shop}"], "endcloud train"),
        ("unknown setting", ["status", "--shop", "{misspelt}"], "modell"),
        ("wrong value", ["status", "--shop", "{wrong}"], "method"),
    ]


@pytest.mark.parametrize(
    ("arguments", "named"), [case[1:] for case in wrong_inputs()], ids=[c[0] for c in wrong_inputs()]
)
def test_wrong_input_is_one_sentence_and_exit_code_2(
    arguments: list[str], named: str, shop: Path, tmp_path: Path, endcloud: Endcloud
) -> None:
    (tmp_path / "empty.txt").touch()
    (tmp_path / "fine.txt").write_text("问题,回答\n包邮吗,包邮\n")
    (tmp_path / "noise.bin").write_bytes(bytes(range(256)) * 20)
    for name, line in (("misspelt", 'modell = "x"'), ("wrong", 'method = "foo"')):
        (tmp_path / name).mkdir()
        (tmp_path / name / "endcloud.toml").write_text(f"[end]\n{line}\n")
    places = {"tmp": tmp_path, "shop": shop, "misspelt": tmp_path / "misspelt", "wrong": tmp_path / "wrong"}
    done = endcloud(*(argument.format(**places) for argument in arguments))
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert named in done.stderr
    assert "Traceback" not in done.stderr


def test_an_error_is_an_object_with_json_and_a_traceback_with_debug(tmp_path: Path) -> None:
    told = process("status", "--shop", tmp_path, "--json")
    assert json.loads(told.stdout)["error"]["type"] == "UsageError"
    assert "Traceback" in process("status", "--shop", tmp_path, "--debug").stderr


def test_the_environment_wins_over_the_file(shop: Path, endcloud: Endcloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENDCLOUD_CLOUD__MODEL", "another")
    told = endcloud("status", "--shop", shop, "--json")
    assert json.loads(told.stdout)["cloud"] == "another"


def test_a_dry_run_needs_no_key_and_sends_nothing(
    shop: Path, logs: Path, endcloud: Endcloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENDCLOUD_CLOUD__BASE_URL", "https://cloud.invalid/v1")
    monkeypatch.delenv("ENDCLOUD_CLOUD_KEY", raising=False)
    endcloud("corpus", logs, "--shop", shop)
    told = json.loads(endcloud("teach", "--dry-run", "--shop", shop, "--json").stdout)
    assert told["calls"] == told["examples"] == 40
    assert told["worst_price"] > told["price"] > 0
    assert json.loads(endcloud("status", "--shop", shop, "--json").stdout)["uploads"] == 0
    refused = endcloud("teach", "--shop", shop)
    assert refused.returncode == 2
    assert "ENDCLOUD_CLOUD_KEY" in refused.stderr


def test_ctrl_c_says_that_the_same_command_goes_on(shop: Path, tmp_path: Path) -> None:
    """A real interrupt of a real process, while it waits for words."""
    running = subprocess.Popen(
        [sys.executable, "-c", _INTERRUPTED, "chat", "--shop", str(shop), "--json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    out, err = running.communicate(timeout=120)
    assert running.returncode == 130
    assert "the same command goes on" in err
    assert json.loads(out)["error"]["type"] == "Interrupted"


_INTERRUPTED = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a shell's background job
from endcloud.assembly import Shop
Shop.open = lambda *_: signal.raise_signal(signal.SIGINT)  # at the first thing that the command does
from endcloud.cli.main import main
main()
"""


def test_a_cut_off_gz_is_a_damaged_file_and_no_interrupt(shop: Path, tmp_path: Path, endcloud: Endcloud) -> None:
    import gzip
    import random

    draw = random.Random(1)
    lines = (f"0\tu\t0\t0\t0\ts\t{draw.getrandbits(400):x}\n" for _ in range(20_000))
    whole = gzip.compress("".join(lines).encode())
    cut = tmp_path / "chat.txt.gz"
    cut.write_bytes(whole[: len(whole) // 2])
    done = endcloud("corpus", cut, "--shop", shop)
    assert done.returncode == 2 and "damaged gzip" in done.stderr and "Interrupted" not in done.stderr


def test_chat_writes_one_object_and_no_prompts_with_json(shop: Path, tmp_path: Path) -> None:
    from endcloud.testing.tiny_base import save_tiny_base

    save_tiny_base("qwen3", tmp_path / "tiny")
    done = subprocess.run(
        [sys.executable, "-m", "endcloud.cli.main", "chat", "--shop", str(shop), "--json"],
        input="你好\n/new\n在吗\n",
        capture_output=True,
        text=True,
        env={**os.environ, "ENDCLOUD_END__MODEL": str(tmp_path / "tiny"), "ENDCLOUD_END__MAX_TOKENS": "3"},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert [role for role, _ in json.loads(done.stdout)["messages"]] == ["user", "assistant"]


def test_teaching_that_labels_nothing_is_a_failure(shop: Path, logs: Path, endcloud: Endcloud) -> None:
    endcloud("corpus", logs, "--shop", shop)
    text = (shop / "endcloud.toml").read_text(encoding="utf-8")
    (shop / "endcloud.toml").write_text(text.replace("budget = 5.0", "budget = 0.0"), encoding="utf-8")
    done = endcloud("teach", "--limit", "2", "--shop", shop)
    assert done.returncode == 1 and "Teaching is not finished" in done.stderr and "Next:" not in done.stdout
    done = endcloud("teach", "--limit", "2", "--shop", shop, "--json")
    assert done.returncode == 1 and "not finished" in json.loads(done.stdout)["error"]


@pytest.mark.parametrize("arguments", [["versions", "show", "abcdef"], ["evaluate", "--version", "nope"]])
def test_a_version_that_is_not_there_is_wrong_usage(arguments: list[str], shop: Path, endcloud: Endcloud) -> None:
    done = endcloud(*arguments, "--shop", shop)
    assert done.returncode == 2 and "endcloud versions list" in done.stderr


def test_no_sub_command_shows_its_help_and_no_empty_error(endcloud: Endcloud) -> None:
    done = endcloud("versions")
    assert done.returncode == 2 and "error" not in done.stderr and "promote" in done.stdout + done.stderr


def test_a_wrong_variable_is_not_blamed_on_the_file(
    shop: Path, endcloud: Endcloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENDCLOUD_CLOUD__NOPE", "1")
    done = endcloud("status", "--shop", shop)
    assert done.returncode == 2 and "ENDCLOUD_CLOUD__NOPE" in done.stderr and "endcloud.toml has" not in done.stderr

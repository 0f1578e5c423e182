"""`endcloud experiment paper` refuses what does not fit before it runs; `status` says what left unmasked by name."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from endcloud.assembly import Shop
from endcloud.cli.main import main
from endcloud.testing.silent_progress import SilentProgress
from endcloud.types import MaskedRequest, Message, Sampling


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def endcloud(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Done]:
    """Runs a command in this process, through the entry point of the installed program."""

    def run(*arguments: str | Path) -> Done:
        monkeypatch.setattr(sys, "argv", ["endcloud", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "1000")
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        return Done(int(ended.value.code or 0), told.out, told.err)

    return run


@pytest.mark.parametrize(
    ("made", "asked"),
    [("bundled", "qwen3-0.6b"), ("bundled", "chatglm3-6b"), ("qwen3-0.6b", "qwen3-4b"), ("qwen3-0.6b", "bundled")],
)
def test_a_profile_that_is_not_the_shops_is_refused(
    made: str, asked: str, endcloud: Callable[..., Done], tmp_path: Path
) -> None:
    shop = tmp_path / "shop"
    endcloud("init", shop, "--profile", made)
    done = endcloud("experiment", "paper", "--shop", shop, "--profile", asked, "--json")
    assert done.returncode == 2
    told = json.loads(done.stdout)["error"]["message"]
    assert f"the profile {asked!r} has" in told and "leave --profile out" in told


def test_the_same_base_with_another_preset_is_refused(endcloud: Callable[..., Done], tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    endcloud("init", shop, "--profile", "chatglm3-6b")
    settings = shop / "endcloud.toml"
    settings.write_text(settings.read_text().replace('preset = "paper"', 'preset = "fast"'))
    done = endcloud("experiment", "paper", "--shop", shop, "--profile", "chatglm3-6b")
    assert done.returncode == 2 and "preset 'fast'" in done.stderr


@pytest.mark.parametrize("profile", [[], ["--profile", "chatglm3-6b"]])
def test_the_shops_own_profile_or_none_goes_on(
    profile: list[str], endcloud: Callable[..., Done], tmp_path: Path
) -> None:
    shop = tmp_path / "shop"
    endcloud("init", shop, "--profile", "chatglm3-6b")
    settings = shop / "endcloud.toml"
    settings.write_text(settings.read_text().replace('"models/chatglm3-6b"', '"/elsewhere/chatglm3-6b"'))
    done = endcloud("experiment", "paper", "--shop", shop, *profile)
    assert done.returncode == 2 and "has no examples yet" in done.stderr


@pytest.mark.parametrize("scale", ["nan", "inf", "0", "-1"])
def test_a_scale_that_is_no_number_above_0_is_wrong_usage(
    scale: str, endcloud: Callable[..., Done], tmp_path: Path
) -> None:
    done = endcloud("experiment", "paper", "--shop", tmp_path / "shop", f"--scale={scale}")
    assert done.returncode == 2 and "give a number above 0" in done.stderr
    assert not (tmp_path / "shop").exists()


def test_status_counts_what_left_unmasked_by_name(endcloud: Callable[..., Done], tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    endcloud("init", shop)
    assert "none left this machine" in endcloud("status", "--shop", shop).stdout
    with Shop.open(shop, SilentProgress()) as opened:
        for text in ("邮费怎么算", "520401029636", "520401029636", "[账号1]"):
            request = MaskedRequest(
                (Message("system", "你是客服"), Message("user", text)), "teach", "c", Sampling(), {}, "d"
            )
            opened.ledger.sent(request, "m", "h", text)
    said = endcloud("status", "--shop", shop).stdout
    assert "4 left this machine" in said and "2 hold 520401029636, allowed by name and not masked" in said
    assert "all of them masked" not in said
    assert json.loads(endcloud("status", "--shop", shop, "--json").stdout)["unmasked_by_name"] == {"520401029636": 2}

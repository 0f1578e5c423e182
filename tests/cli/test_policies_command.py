"""`endcloud policies`: an owner sees what an edit would do, does it, and reads later what it did."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from lived_shop import LivedShop, lived_shop, truthful
from typer.testing import CliRunner, Result

from endcloud.cli.main import app
from endcloud.rounds import Lesson
from endcloud.types import Message

RUNNER = CliRunner()


def run(root: Path, *arguments: str) -> Result:
    return RUNNER.invoke(app, ["policies", *arguments, "--shop", str(root)])


def as_json(root: Path, *arguments: str) -> dict[str, Any]:
    result = run(root, *arguments, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def edit(lived: LivedShop) -> None:
    path = lived.shop.directory.policies
    path.write_text(path.read_text("utf-8").replace("满59元", "满88元"), "utf-8")


def taught(lived: LivedShop) -> None:
    asked = (Message("user", "多少钱包邮"),)
    lesson = Lesson("lesson:r1", "r1", "c1", "", "cluster:1", "held out", asked, "亲，满59元包邮哦", "", "pseudo",
                    ("disliked",), "not needed", 1, lived.clock.now())  # fmt: skip
    lived.evolution.lessons.add([lesson])


def test_first_recorded_then_listed_then_done_then_told(tmp_path: Path) -> None:
    root = tmp_path / "shop"
    with lived_shop(root, truthful) as lived:
        assert "would be recorded" in run(root, "diff", "--dry-run").output
        assert lived.evolution.policy_texts.latest() is None
        assert "recorded for the first time" in run(root, "diff").output.replace("\n", " ")
        assert "says what it said" in run(root, "diff", "--dry-run").output
        taught(lived)
        edit(lived)
        listed = as_json(root, "diff", "--dry-run")
        assert [one["kind"] for one in listed["untrue"]].count("lesson") == 1 and not lived.evolution.retirements.all()
        shown = run(root, "diff", "--dry-run").output
        assert "满88元" in shown and "Nothing was changed" in shown and "states 59元" in shown.replace("\n", "")
        done = as_json(root, "diff")
        assert (
            done["retired"] == len(lived.evolution.retirements.all()) == len(listed["untrue"]) + len(listed["doubtful"])
        )
        history = as_json(root, "history")["rules"]
        assert [one["number"] for one in history] == [1, 2]
        assert {one["item"] for one in history[1]["retired"]} == lived.evolution.retirements.items()
        assert "满59元包邮" in history[1]["changes"][0]
        assert "says what it said" in run(root, "diff").output.replace("\n", " ")


def test_a_file_without_its_rules_is_refused_with_what_to_do(tmp_path: Path) -> None:
    root = tmp_path / "shop"
    with lived_shop(root) as lived:
        path = lived.shop.directory.policies
        path.write_text("".join(f"- 第{number}条规则是{number}元。\n" for number in range(1, 12)), "utf-8")
        run(root, "diff")
        path.write_text("", "utf-8")
        refused = run(root, "diff")
        assert refused.exit_code == 1 and "--all-gone" in refused.stderr
        assert not lived.evolution.retirements.all()
        assert run(root, "diff", "--all-gone").exit_code == 0


@pytest.mark.parametrize("command", [("diff",), ("diff", "--dry-run"), ("history",)])
def test_without_a_shop_it_is_wrong_usage(tmp_path: Path, command: tuple[str, ...]) -> None:
    result = run(tmp_path / "nothing", *command)
    assert result.exception is not None and "is not a shop" in str(result.exception)

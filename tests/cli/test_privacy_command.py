"""`endcloud privacy test`: what would be masked, by the shop's own patterns and allow-list too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from endcloud.cli.main import app
from endcloud.cli.profiles import make_shop
from endcloud.errors import SettingsError, SourceError

PRIVACY = """
[privacy]
upload = "masked"
allowed = ["400-810-0000"]

[privacy.patterns]
"会员" = "会员号是?([0-9]{6})"
"member" = "M-[A-Z]{4}"
"""
LINES = "会员号是123456，打400-810-0000\n价格12999元\n满199减20\n\n电话１３８００１３８０００\n"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("shop")
    made = make_shop(root, "bundled")
    made.settings.write_text(PRIVACY, encoding="utf-8")
    made.policies.write_text("- 退货请打0571-86430000。\n", encoding="utf-8")
    yield root


def run(*arguments: object, text: str | None = None) -> str:
    result = CliRunner().invoke(app, ["privacy", "test", *map(str, arguments)], input=text, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_report_counts_kinds_patterns_and_what_only_the_allow_list_leaves(shop: Path, tmp_path: Path) -> None:
    file = tmp_path / "lines.txt"
    file.write_text(LINES, encoding="utf-8")
    found = json.loads(run(file, "--shop", shop, "--json"))
    assert found["kinds"] == {"会员": 1, "电话": 1} and found["allowed"] == {"400-810-0000": 1}
    assert found["unused"] == ["member"] and (found["touched"], found["messages"]) == (2, 4)
    assert found["masked"][0] == {
        "at": "1",
        "kind": "会员",
        "placeholder": "[会员_1]",
        "value": "123456",
        "context": "会员号是[会员_1]，打400-810-0000",
    }
    assert found["masked"][1]["at"] == "5" and found["masked"][1]["value"] == "１３８００１３８０００"


def test_the_numbers_of_the_rules_are_allowed(shop: Path) -> None:
    assert json.loads(run("-", "--shop", shop, "--json", text="打0571-86430000吗"))["allowed"] == {"0571-86430000": 1}


def test_strict_masks_prices_and_what_is_allowed_too(shop: Path) -> None:
    found = json.loads(run("-", "--shop", shop, "--json", "--strict", text=LINES))
    assert [one["value"] for one in found["masked"]][:3] == ["123456", "400-810-0000", "12999"]
    assert found["allowed"] == {}


def test_dialogues_are_masked_as_conversations_so_a_number_in_two_messages_is_found(shop: Path) -> None:
    messages = [{"role": "user", "content": text} for text in ("我叫王小明，电话是1380013", "8000")]
    line = json.dumps({"messages": [*messages, {"role": "assistant", "content": "王小明您好"}]}, ensure_ascii=False)
    found = json.loads(run("-", "--shop", shop, "--json", text=line))
    assert found["read_as"] == "messages" and found["kinds"] == {"姓名": 2, "电话": 2}
    assert {one["at"] for one in found["masked"]} == {"dialogue 1:1", "dialogue 1:2", "dialogue 1:3"}


def test_a_person_reads_a_table_of_values_with_their_context(shop: Path) -> None:
    said = run("-", "--shop", shop, "--rows", "1", text=LINES)
    assert "123456" in said and "1 more" in said and "2 of 4 messages" in said and "member" in said


def test_a_missing_file_and_a_slow_pattern_are_refused_in_a_sentence(shop: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        run(tmp_path / "nowhere", "--shop", shop)
    slow = make_shop(tmp_path / "slow", "bundled")
    slow.settings.write_text("[privacy.patterns]\nbad = '(a+)+b'\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"endcloud\.toml.*'bad'.*without an end"):
        run("-", "--shop", slow.root, text="a")

"""Each profile makes a shop whose settings are right for its base; on a tiny base of the same architecture the shop
goes from dialogues to an evaluation, quantised bases included."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from endcloud.cli.main import main
from endcloud.cli.profiles import PROFILES, make_shop
from endcloud.settings import load_settings
from endcloud.testing.tiny_base import TEXTS, Kind, save_tiny_base

KINDS: dict[str, Kind] = {"qwen3-0.6b": "qwen3", "qwen3-1.7b": "qwen3", "qwen3-4b": "qwen3", "glm-4-9b": "glm"}


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_writes_settings_that_are_valid(tmp_path: Path, profile: str) -> None:
    settings = load_settings(make_shop(tmp_path / "shop", profile).settings)
    assert settings.end.quantization == "none"
    preset = {"bundled": "fast", "chatglm3-6b": "paper"}.get(profile, "large")
    assert settings.end.preset == preset
    if profile in KINDS:
        assert profile.split("-")[-1] in settings.end.model.lower()


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> Any:
    monkeypatch.setattr(sys, "argv", ["endcloud", *map(str, arguments), "--json"])
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main()
    told = capsys.readouterr()
    assert not ended.value.code, told.err
    return json.loads(told.out)


@pytest.mark.parametrize("profile", ["qwen3-0.6b", "glm-4-9b"])
def test_a_shop_of_the_profile_goes_from_dialogues_to_an_evaluation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], profile: str
) -> None:
    shop = tmp_path / "shop"
    save_tiny_base(KINDS[profile], shop / "models" / "tiny", hidden_size=64)
    end = {"model": "models/tiny", "steps": 2, "max_tokens": 8, "precision": "float32", "device": "cpu"}
    make_shop(shop, profile, {"cloud": PROFILES["bundled"]["cloud"], "end": end, "scoring": {"seeds": 0}})
    logs = tmp_path / "logs.jsonl"
    turns = [
        [
            {"role": "user", "content": f"{'在吗' * (number % 5)}{TEXTS[2 * (number % 3)]}{number}"},
            {"role": "assistant", "content": f"{TEXTS[2 * (number % 3) + 1]}{number}"},
        ]
        for number in range(60)
    ]
    logs.write_text("\n".join(json.dumps({"messages": each}, ensure_ascii=False) for each in turns))
    run(monkeypatch, capsys, "corpus", logs, "--shop", shop)
    run(monkeypatch, capsys, "teach", "--shop", shop)
    run(monkeypatch, capsys, "train", "--shop", shop)

    judged = run(monkeypatch, capsys, "evaluate", "--limit", "4", "--quantization", "int8,int4", "--shop", shop)
    rows = judged["precision"]
    assert [row["quantization"] for row in rows] == ["none", "int8", "int4"] * 2
    assert len({row["version"] for row in rows}) == 2
    weights = [row["weights"] for row in rows[:3]]
    assert weights[0] > weights[1] > weights[2]
    assert all(row["tokens_per_second"] > 0 and row["alone_per_second"] > 0 for row in rows)
    assert [row["same"] for row in rows if row["quantization"] == "none"] == [1, 1]
    for row, full in zip(rows, [rows[0]] * 3 + [rows[3]] * 3, strict=True):
        if row["quantization"] == "none":
            assert row["difference"] is None
        else:  # the mean of paired differences over the same items is the difference of the means
            assert row["difference"]["mean"] == pytest.approx(row["final"]["mean"] - full["final"]["mean"], abs=1e-9)
    folder = Path(judged["results"])
    assert "precision.md" in (folder / "report.md").read_text()
    assert (folder / "precision.md").read_text().count("| int4 |") == 2


def test_a_quantization_that_is_not_there_is_said_before_anything_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_shop(tmp_path / "shop", "bundled")
    arguments = ["endcloud", "evaluate", "--quantization", "int8,int2", "--shop", str(tmp_path / "shop")]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "'int2' does not exist; use int8 or int4" in " ".join(capsys.readouterr().err.split())

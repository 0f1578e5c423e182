"""Fitted values reach endcloud.toml with its comments kept; without reviews nothing is touched."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from endcloud.assembly import Shop
from endcloud.assembly.calibrating import calibrate_scores
from endcloud.assembly.in_domain import resolved
from endcloud.cli.main import app
from endcloud.cli.profiles import make_shop
from endcloud.errors import SettingsError, UsageError
from endcloud.scoring.dual import DualScorer
from endcloud.settings import load_settings, write_settings
from endcloud.testing.overlap_scorer import OverlapScorer
from endcloud.testing.silent_progress import SilentProgress
from endcloud.types import Review


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make_shop(tmp_path / "shop", "bundled")
    return tmp_path / "shop"


def test_written_values_keep_every_comment(root: Path) -> None:
    path = root / "endcloud.toml"
    before = path.read_text(encoding="utf-8")
    write_settings(path, "scoring", {"alpha": 0.65, "poor": 0.41})
    after = path.read_text(encoding="utf-8")
    assert (load_settings(path).scoring.alpha, load_settings(path).scoring.poor) == (0.65, 0.41)
    changed = [line for line in after.splitlines() if line not in before.splitlines()]
    assert changed == ["alpha = 0.65", "poor = 0.41"]
    assert [line for line in before.splitlines() if line.startswith("#")] == [
        line for line in after.splitlines() if line.startswith("#")
    ]


def test_a_value_that_cannot_be_is_refused_and_the_file_stays(root: Path) -> None:
    path = root / "endcloud.toml"
    before = path.read_bytes()
    for values in ({"alpha": 1.5}, {"alfa": 0.5}):
        with pytest.raises(SettingsError):
            write_settings(path, "scoring", values)
    assert path.read_bytes() == before


def test_without_reviews_calibration_says_what_to_do(root: Path) -> None:
    with Shop.open(root, SilentProgress()) as shop, pytest.raises(UsageError, match="endcloud review"):
        calibrate_scores(shop)
    assert not (root / "results").exists()


@pytest.mark.parametrize("grades", [(5, 1, 5, 1), (5, 5, 5, 5)])
def test_write_leaves_alone_what_four_reviews_cannot_tell(
    root: Path, grades: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Shop, "scorer", DualScorer(OverlapScorer(), OverlapScorer()))
    now = datetime(2026, 1, 1, tzinfo=UTC)
    replies = ("三天到", "不知道", "两三天", "没有")
    with Shop.open(root, SilentProgress()) as shop:
        shop.reviews.add(
            [
                Review(f"r{n}", "s", f"几天到{n}", reply, "三天到", "base", "小李", grade, now)
                for n, (reply, grade) in enumerate(zip(replies, grades, strict=True))
            ]
        )
    before = (root / "endcloud.toml").read_bytes()
    asked = ["calibrate", "scores", "--write", "--resamples", "50", "--shop", str(root)]
    shown = CliRunner().invoke(app, asked)
    assert shown.exit_code == 0 and (root / "endcloud.toml").read_bytes() == before
    said = " ".join(shown.output.split())
    assert "No value is advised" in said and "Left as set" in said and "it takes 10" in said
    assert "1.00 [1.00, 1.00]" not in said
    found = json.loads(CliRunner().invoke(app, [*asked, "--json"]).stdout)
    assert found["settings"] == {} and found["written"] is False
    assert found["present"]["kappa"] is None and found["intervals"]["alpha"] is None


def test_a_trained_scorer_that_was_never_trained_is_named(root: Path) -> None:
    write_settings(root / "endcloud.toml", "scoring", {"relevance": "trained"})
    settings = load_settings(root / "endcloud.toml").scoring
    with pytest.raises(SettingsError, match="endcloud scorers train"):
        resolved(settings, root / "models")

"""What fewer bits cost is written down with how little its speeds can tell."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from endcloud.assembly import precision
from endcloud.bootstrap import Interval
from endcloud.errors import UsageError

ROWS = [
    precision.Row("LoRA", "none", 2**20, 329.4, 70.2, 1.0, Interval(0.5, 0.4, 0.6, 60), None),
    precision.Row("LoRA", "int8", 2**19, 198.0, 26.0, 0.9, None, Interval(0.0, -0.01, 0.01, 60)),
]


def test_speeds_of_one_run_are_called_noisy(tmp_path: Path) -> None:
    text = precision.write(ROWS, tmp_path, "cpu").read_text(encoding="utf-8")
    assert "one run and noisy" in text and "at most 5 replies" in text
    assert "one run, noisy" in precision.BRIEF_TITLE
    assert "| LoRA | full precision | 1.0 | 329 | 70 | 100% |" in text
    assert json.loads((tmp_path / "precision.json").read_text(encoding="utf-8"))[0]["difference"] is None


@pytest.mark.parametrize("listed", ["", "int3", "int8,none"])
def test_a_quantization_that_is_none_is_refused(listed: str) -> None:
    with pytest.raises(UsageError, match="use int8 or int4"):
        precision.quantizations(listed)

"""The drifting shop, quick: the end model learns what the owner changed, and attackers teach it nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.proof


def test_evolution_follows_the_owner_and_no_attacker(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from endcloud.cli.main import main; main()", "simulate", "--quick", "--json"]
    done = subprocess.run(
        [*command, "--shop", str(tmp_path / "shop")], capture_output=True, text=True, timeout=1_800, env={**os.environ}
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    found = json.loads(done.stdout)
    still, evolved = found["arms"]["no evolution"], found["arms"]["with replay"]
    assert still["changed"] == 0, "the old version cannot know the new rules"
    assert evolved["promoted"] >= 1
    assert evolved["changed"] >= 0.75
    assert evolved["lost"] <= 0.05 + 1e-9  # 80 questions: five points are four of them
    (row,) = (row for row in found["rows"] if row["arm"] == "with replay")
    assert row["attacks"]["lessons that state the lie"] == row["attacks"]["roll-backs in the attack"] == 0
    assert Path(found["report"]).is_file()

"""`endcloud simulate`: wrong usage is told before anything is made."""

from pathlib import Path

from typer.testing import CliRunner

from endcloud.cli.main import app
from endcloud.errors import UsageError


def test_an_unknown_arm_is_refused_with_the_arms_there_are(tmp_path: Path) -> None:
    found = CliRunner().invoke(app, ["simulate", "--arm", "nonsense", "--shop", str(tmp_path / "shop")])
    assert isinstance(found.exception, UsageError)
    assert "'nonsense'" in str(found.exception) and "'with replay'" in str(found.exception)
    assert not (tmp_path / "shop").exists()

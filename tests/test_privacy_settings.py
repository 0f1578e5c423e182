"""`[privacy]` as `endcloud init` writes it, and what became of the older switch."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from endcloud.cli.profiles import render_settings
from endcloud.errors import SettingsError
from endcloud.settings import load_settings


def test_what_init_writes_can_be_switched_on_line_by_line(tmp_path: Path) -> None:
    written = render_settings("bundled")
    begin, rest = written.split("[privacy]\n", 1)
    changed = re.sub(r"# (\[privacy\.patterns\]|\"会员\" = )", r"\1", rest)
    assert changed != rest
    (tmp_path / "endcloud.toml").write_text(f"{begin}[privacy]\n{changed}", encoding="utf-8")
    privacy = load_settings(tmp_path / "endcloud.toml").privacy
    assert (privacy.upload, privacy.allowed, list(privacy.patterns)) == ("masked", (), ["会员"])


def test_the_older_switch_is_refused_with_what_to_write_instead(tmp_path: Path) -> None:
    (tmp_path / "endcloud.toml").write_text("[serving]\nuploads = false\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r'serving\.uploads.*privacy\.upload; write upload = "never"'):
        load_settings(tmp_path / "endcloud.toml")

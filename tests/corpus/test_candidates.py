"""A file of candidates keeps the false replies that the corpus reader drops."""

from __future__ import annotations

from pathlib import Path

import pytest

from endcloud.corpus.candidates import read_candidates
from endcloud.errors import SourceError

LINES = ["1\t在 吗\t在 的\t发 什么 快递\t发 圆 通", "0\t在 吗\t在 的\t发 什么 快递\t不 客 气", "1\t退 货 吗\t可以 的"]


def test_candidates_of_one_context_stand_together(tmp_path: Path) -> None:
    path = tmp_path / "ecd.txt"
    path.write_text("\n".join(LINES), encoding="utf-8")
    first, second = read_candidates(path)
    assert [message.role for message in first.messages] == ["user", "assistant", "user"]
    assert (first.messages[-1].content, first.reply, first.others) == ("发什么快递", "发圆通", ("不客气",))
    assert (second.reply, second.others) == ("可以的", ())


@pytest.mark.parametrize(
    ("text", "said"),
    [("2\ta\tb", "Line 1"), ("1\ta", "Line 1"), ("1\ta\tb", "no context has both"), ("", "no context has both")],
)
def test_another_format_is_refused_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "wrong.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SourceError, match=said):
        read_candidates(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="absent"):
        read_candidates(tmp_path / "absent.txt")

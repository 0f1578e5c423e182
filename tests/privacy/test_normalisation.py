"""Disguises come off, and every view leads back to the original."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from endcloud.privacy.normalisation import BARRIER, view


def test_styled_characters_become_plain_and_invisible_ones_go() -> None:
    assert view("１３８\u200b①٣ Ａ＠ｂ：，").text == "13813 A@b:,"


def test_a_plain_text_keeps_its_offsets_without_a_map() -> None:
    assert view("电话13800138000，谢谢！").offsets is None


def test_a_span_of_the_view_covers_what_was_cut_out_of_it() -> None:
    seen = view("a\u200b1\u200b2b")
    assert seen.text == "a12b"
    assert seen.original(1, 3) == (2, 5)


def test_masked_spans_become_one_barrier_each_and_a_raw_one_none() -> None:
    assert view("ab[电话_1]c\x00", [(2, 8)]).text == f"ab{BARRIER}c "


@given(st.text(max_size=60), st.data())
def test_every_part_of_a_view_comes_from_its_place(text: str, data: st.DataObject) -> None:
    seen = view(text)
    if not seen.text:
        return
    start = data.draw(st.integers(0, len(seen.text) - 1))
    end = data.draw(st.integers(start + 1, len(seen.text)))
    first, last = seen.original(start, end)
    assert 0 <= first < last <= len(text)
    assert view(text[first:last]).text == seen.text[start:end]

"""Pictures: all four files, text kept as text, no boxes where no font has the characters, lines told apart."""

from __future__ import annotations

import warnings
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image

from endcloud.bootstrap import Interval
from endcloud.scoring import charts, curves, fonts, pictures
from endcloud.scoring.curves import Convergence, CurvePoint
from endcloud.scoring.fonts import Lettering
from endcloud.scoring.pictures import Picture

QUERIES = ["什么时候发货呀", "可以发顺丰吗", "退货的运费是谁出呢", "满多少包邮", "35*75", "$5 _off_ <b>"]
VALUES = {
    "base": [0.3, 0.2, 0.3, None, 0.2, 0.3],
    "LoRA": [0.9, 0.9, 0.9, 0.9, 0.9, 0.6],
    "Prefix-Tuning": [0.9, 0.8, 0.7, 0.9, 0.9, 0.5],
    "P-Tuning v2": [0.9, 0.9, 0.9, 0.6, 0.8, 0.6],
}


@pytest.fixture
def no_cjk_font(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(fonts, "_found", lambda: None)
    yield


def interval(mean: float) -> Interval:
    return Interval(mean, mean - 0.05, mean + 0.05, 100)


def texts(picture: Picture, theme: str) -> list[str]:
    [path] = [file for file in picture.files if file.name.endswith(f"-{theme}.svg")]
    root = ElementTree.parse(path).getroot()
    return ["".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text")]


def assert_drawn(picture: Picture | None, directory: Path) -> Picture:
    assert picture is not None
    names = [f"{picture.name}-{theme}.{suffix}" for theme in ("light", "dark") for suffix in ("svg", "png")]
    assert [file.name for file in picture.files][:4] == names
    for name in names[1::2]:
        with Image.open(directory / name) as image:
            colours = image.convert("RGB").getcolors(1 << 24)
        assert colours is not None and len(colours) > 20
        paper = max(colours)[1]
        assert paper == ((255, 255, 255) if "light" in name else (15, 20, 26))
    return picture


def test_the_radar_names_every_query_and_version_in_text(tmp_path: Path) -> None:
    picture = assert_drawn(charts.radar(QUERIES, VALUES, tmp_path), tmp_path)
    drawn = " ".join(texts(picture, "light"))
    for version in VALUES:
        assert version in drawn
    assert "可以发顺丰吗" in drawn
    assert "$5 _off_ <b>" in drawn  # a customer's signs are signs


def test_without_a_font_labels_are_numbered_with_a_key_and_nothing_is_a_box(tmp_path: Path, no_cjk_font: None) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib warns of every glyph that it draws as a box
        picture = assert_drawn(charts.radar(QUERIES, VALUES, tmp_path), tmp_path)
    assert dict(picture.key) == {f"Q{i + 1}": query for i, query in enumerate(QUERIES)}
    key = tmp_path / "radar-key.txt"
    assert key in picture.files
    assert key.read_text(encoding="utf-8").splitlines()[0] == "Q1\t什么时候发货呀"
    assert "什么时候" in " ".join(texts(picture, "dark"))  # the SVG needs no font


@pytest.mark.skipif(fonts.cjk_family() is None, reason="this machine has no CJK font")
def test_with_a_font_the_png_shows_the_words(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = assert_drawn(charts.radar(QUERIES, VALUES, tmp_path), tmp_path)
    assert not picture.key


def test_two_queries_make_no_radar(tmp_path: Path) -> None:
    assert charts.radar(QUERIES[:2], {"base": [0.1, 0.2]}, tmp_path) is None
    assert not list(tmp_path.iterdir())


def test_bars_say_their_values_and_what_was_not_measured(tmp_path: Path) -> None:
    measures = {"final score": {"base": interval(0.27), "LoRA": interval(0.88)}, "right": {"LoRA": interval(0.95)}}
    drawn = texts(assert_drawn(charts.bars(measures, tmp_path), tmp_path), "dark")
    assert {"0.27", "0.88", "0.95", "not measured", "final score", "right"} <= set(drawn)


def test_the_learning_curve_shows_its_points_and_names_its_lines(tmp_path: Path) -> None:
    lines = {
        "LoRA": [CurvePoint(n, interval(share)) for n, share in ((0, 0.1), (100, 0.6), (800, 0.95))],
        "P-Tuning v2": [CurvePoint(n, interval(share)) for n, share in ((0, 0.1), (100, 0.5), (800, 0.94))],
    }
    drawn = texts(assert_drawn(curves.learning_curve(lines, tmp_path, versions=list(VALUES)), tmp_path), "light")
    assert {"0", "100", "800"} <= set(drawn)
    assert any("LoRA" in text and "0.95" in text for text in drawn)


def test_convergence_draws_score_and_loss_of_all_methods(tmp_path: Path) -> None:
    lines = {
        "LoRA": Convergence([(s, 2.0 / s) for s in range(1, 80)], [(0, 0.1), (80, 0.9)]),
        "Prefix-Tuning": Convergence([(s, 4.0 / s) for s in range(1, 400)], [(0, 0.1), (400, 0.8)]),
        "nothing yet": Convergence([], []),
    }
    drawn = texts(assert_drawn(curves.convergence(lines, tmp_path, score_label="share right"), tmp_path), "light")
    assert sum("LoRA" in text for text in drawn) == 2
    assert "share right" in drawn
    assert "Score on the probe questions; loss smoothed over 7 steps, single values behind it" in drawn


def test_courses_of_different_length_are_smoothed_alike() -> None:
    short, long = ([(step, 8.0 / step) for step in range(1, last)] for last in (61, 301))
    assert curves.smoothed(short, 6)[:50] == curves.smoothed(long, 6)[:50]
    assert curves.smoothed([(10, 1.0), (20, 3.0)], 6) == [1.0, 3.0], "the window counts steps, not values"


def test_the_same_data_give_the_same_bytes(tmp_path: Path) -> None:
    first, again = (charts.radar(QUERIES, VALUES, tmp_path / name) for name in ("a", "b"))
    assert first is not None and again is not None
    for one, other in zip(first.files, again.files, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_an_svg_names_the_usual_chinese_families(tmp_path: Path) -> None:
    charts.bars({"right": {"base": interval(0.5)}}, tmp_path)
    assert "'Microsoft YaHei'" in (tmp_path / "bars-light.svg").read_text(encoding="utf-8")


def test_a_version_looks_the_same_in_every_chart() -> None:
    everywhere = pictures.styles(list(VALUES), "base", pictures.LIGHT)
    assert everywhere["base"].colour == pictures.LIGHT.base
    assert len({style.colour for style in everywhere.values()}) == 4
    assert len({style.marker for style in everywhere.values()}) == 4
    assert pictures.styles(["LoRA"], "base", pictures.LIGHT)["LoRA"] == everywhere["LoRA"]


def test_labels_that_would_overlap_are_pushed_apart_in_order() -> None:
    places = curves._spread([0.94, 0.95, 0.2, 0.93], 0.06, 0.0, 1.0)
    ordered = sorted(places)
    assert all(b - a >= 0.06 - 1e-9 for a, b in pairwise(ordered))
    assert places[2] == 0.2
    assert places[3] < places[0] < places[1] <= 1.0


def test_lettering_drops_symbols_but_never_words() -> None:
    letter = Lettering(frozenset(map(ord, "abc 您好")))
    assert letter("您好 abc") == "您好 abc"
    assert letter("您好😀") == "您好"
    assert letter("邮费") == "Q1"
    assert letter("几天") == "Q2"
    assert letter("邮费") == "Q1"
    assert letter.key == {"Q1": "邮费", "Q2": "几天"}

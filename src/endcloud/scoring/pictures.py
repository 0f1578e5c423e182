"""One drawing, four files: SVG and PNG, each light and dark.

A chart is a function that draws on a figure with a theme and a lettering; here it is called once for each
file. Pictures of the same data have the same bytes: no dates, fixed ids.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib
from matplotlib.figure import Figure

from endcloud import whole_files
from endcloud.scoring import fonts
from endcloud.scoring.fonts import Lettering

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType

DOTS_PER_INCH = 160


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours for one background. `series` are told apart by people with any common colour blindness."""

    name: str
    paper: str
    ink: str
    muted: str
    grid: str
    base: str
    series: tuple[str, ...]


# Okabe and Ito's palette (2008), darkened on white and lightened on black until it reads.
LIGHT = Theme(
    "light", "#ffffff", "#1f2328", "#59636e", "#dfe3e8", "#7b8794",
    ("#0072b2", "#d55e00", "#00875f", "#a8508a", "#8a6d00", "#2b8cbe"),
)  # fmt: skip
DARK = Theme(
    "dark", "#0f141a", "#e6edf3", "#9aa5b1", "#2c343d", "#8b97a4",
    ("#56b4e9", "#ff9248", "#2fd0a0", "#e39cc8", "#f0e442", "#9ad1f5"),
)  # fmt: skip
THEMES = (LIGHT, DARK)
_MARKERS = ("o", "s", "^", "D", "v", "P")
_LINES = ("-", (0, (6, 2)), (0, (2, 1.5)), (0, (6, 2, 1, 2)), "-", "-")
Dash = str | tuple[int, tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class Style:
    """How one version looks in every chart: colour, marker and dash all differ, so that no one is needed alone."""

    colour: str
    marker: str
    line: Dash


def styles(names: Sequence[str], base: str, theme: Theme) -> dict[str, Style]:
    """A style for each name, by its place among the names that are not the base; the base is grey."""
    others = [name for name in names if name != base]
    found = {
        name: Style(theme.series[i % len(theme.series)], _MARKERS[i % len(_MARKERS)], _LINES[i % len(_LINES)])
        for i, name in enumerate(others)
    }
    return {name: found.get(name, Style(theme.base, "X", (0, (1, 1.2)))) for name in names}


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart that was written: `name` of its files without theme and suffix, and the key of numbered labels."""

    name: str
    title: str
    files: tuple[Path, ...]
    key: Mapping[str, str] = field(default_factory=dict)


Drawing = Callable[[Figure, Theme, Lettering], None]


def write(draw: Drawing, directory: Path, name: str, title: str, size: tuple[float, float]) -> Picture:
    """Draws the four files `name-light.svg`, … into `directory`; `size` in inches.

    Where a PNG had to number its labels, the key is written to `name-key.txt` too.
    """
    files: list[Path] = []
    key: dict[str, str] = {}
    for theme in THEMES:
        for suffix in ("svg", "png"):
            letter = Lettering(None if suffix == "svg" else fonts.characters())
            path = directory / f"{name}-{theme.name}.{suffix}"
            files.append(whole_files.write(path, _rendered(draw, theme, letter, suffix, size)))
            key |= letter.key
    if key:
        lines = "".join(f"{number}\t{text}\n" for number, text in key.items())
        files.append(whole_files.write(directory / f"{name}-key.txt", lines))
    return Picture(name, title, tuple(files), key)


def _rendered(draw: Drawing, theme: Theme, letter: Lettering, suffix: str, size: tuple[float, float]) -> bytes:
    with matplotlib.rc_context(_settings(theme)), warnings.catch_warnings():
        if suffix == "svg":  # text stays text there, so glyphs that this machine lacks do not matter
            warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure = Figure(figsize=size, dpi=DOTS_PER_INCH)
        draw(figure, theme, letter)
        buffer = io.BytesIO()
        figure.savefig(buffer, format=suffix, metadata={"Date": None} if suffix == "svg" else {"Software": None})
    data = buffer.getvalue()
    return _with_usual_families(data) if suffix == "svg" else data


def _settings(theme: Theme) -> dict[RcKeyType, Any]:
    family = fonts.cjk_family()
    logging.getLogger("matplotlib.font_manager").addFilter(_not_about_missing_weights)
    return {
        "font.family": [family, fonts.DEFAULT] if family else [fonts.DEFAULT],
        "font.size": 10.0,
        "svg.fonttype": "none",
        "svg.hashsalt": "endcloud",
        "figure.facecolor": theme.paper,
        "savefig.facecolor": theme.paper,
        "axes.facecolor": theme.paper,
        "axes.edgecolor": theme.grid,
        "axes.labelcolor": theme.muted,
        "axes.unicode_minus": False,
        "text.color": theme.ink,
        "text.parse_math": False,  # a customer's $ is a dollar
        "xtick.color": theme.muted,
        "ytick.color": theme.muted,
        "grid.color": theme.grid,
    }


def _not_about_missing_weights(record: logging.LogRecord) -> bool:
    return "font weight" not in record.getMessage()


def _with_usual_families(svg: bytes) -> bytes:
    """Names the usual CJK families in front of each font of an SVG, for viewers on other machines."""
    stack = ", ".join(f"'{family}'" for family in fonts.FAMILIES[:8])
    own = fonts.cjk_family()
    first = f"'{own}'" if own else f"'{fonts.DEFAULT}'"
    return svg.replace(first.encode(), f"{first}, {stack}".encode() if own else f"{stack}, {first}".encode())

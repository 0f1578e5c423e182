"""The pictures of an evaluation: radar (the paper's Figure 3) and bars with intervals; `curves` has the others.

Every chart writes SVG and PNG, light and dark (`pictures`), and shows 95 % intervals where there are any.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.projections.polar import PolarAxes

from endcloud.bootstrap import Interval
from endcloud.scoring import pictures
from endcloud.scoring.chart_frame import heading, inches, within
from endcloud.scoring.fonts import Lettering
from endcloud.scoring.pictures import Picture, Theme, styles

FEWEST_AXES = 3
MOST_AXES = 12


def radar(
    queries: Sequence[str],
    values: Mapping[str, Sequence[float | None]],
    directory: Path,
    *,
    base: str = "base",
    title: str = "Final score by query",
    name: str = "radar",
) -> Picture | None:
    """Figure 3: an axis a query, a polygon a version; `values` in [0, 1], None leaves a gap.

    None for fewer than three queries, of which no polygon can be made. Of more than twelve the first are drawn.
    """
    if len(queries) < FEWEST_AXES:
        return None
    shown = list(queries)[:MOST_AXES]
    legend = 0.55 + inches(list(values)) + 0.45
    size = (8.2 + legend + 0.3, 6.6)

    def draw(figure: Figure, theme: Theme, letter: Lettering) -> None:
        heading(figure, theme, title, f"Equation 1, greedy replies to {len(shown)} queries")
        axes = cast(PolarAxes, figure.add_axes(within(size, 1.8, 0.75, 4.5, 4.5), projection="polar"))
        angles = np.linspace(0, 2 * math.pi, len(shown), endpoint=False)
        _web(axes, theme, angles)
        for angle, label in zip(angles, letter.together(shown), strict=True):
            _spoke_label(axes, theme, float(angle), label)
        looks = styles(list(values), base, theme)
        for place, (version, numbers) in enumerate(values.items()):
            # Each thinner than the one below it, so that equal values do not hide one another.
            width = 1.6 if version == base else max(1.4, 3.4 - 0.5 * place)
            _polygon(axes, angles, list(numbers)[: len(shown)], looks[version], width)
        panel = figure.add_axes(within(size, 8.2, 2.2, legend, 3.0))
        _legend(panel, theme, legend, {letter(v): (looks[v], _mean(list(n)[: len(shown)])) for v, n in values.items()})

    return pictures.write(draw, directory, name, title, size)


def bars(
    measures: Mapping[str, Mapping[str, Interval]],
    directory: Path,
    *,
    base: str = "base",
    title: str = "What each version is worth",
    subtitle: str = "Means with 95 % bootstrap intervals",
    name: str = "bars",
) -> Picture:
    """A panel a measure, a bar a version, with its interval; `measures` maps measure → version → interval."""
    versions = list(dict.fromkeys(version for by_version in measures.values() for version in by_version))
    columns = min(3, max(1, len(measures)))
    rows = math.ceil(len(measures) / columns)
    size = (0.3 + inches(versions) + columns * 3.1, 1.5 + rows * (0.75 + 0.42 * len(versions)))

    def draw(figure: Figure, theme: Theme, letter: Lettering) -> None:
        heading(figure, theme, title, subtitle)
        top = 1 - 1.25 / size[1]
        panels = figure.subplots(
            rows, columns, squeeze=False,
            gridspec_kw={
                "left": (0.3 + inches(versions)) / size[0], "right": 0.985, "top": top, "bottom": 0.4 / size[1],
                "wspace": 0.12, "hspace": 0.5,
            },
        )  # fmt: skip
        looks = styles(versions, base, theme)
        for place, axes in enumerate(panels.flat):
            if place >= len(measures):
                axes.set_axis_off()
                continue
            measure, by_version = list(measures.items())[place]
            axes.set_title(letter(measure), loc="left", fontsize=10.5, fontweight="bold", pad=8)
            _bar_panel(axes, theme, versions, by_version, {v: looks[v].colour for v in versions})
            names = [letter(version) for version in versions] if place % columns == 0 else [""] * len(versions)
            axes.set_yticks(range(len(versions)), names, color=theme.ink, fontsize=10)

    return pictures.write(draw, directory, name, title, size)


def _web(axes: PolarAxes, theme: Theme, angles: np.ndarray) -> None:
    axes.set_theta_zero_location("N")
    axes.set_theta_direction(-1)
    axes.set_ylim(0, 1)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines["polar"].set_visible(False)
    closed = np.append(angles, angles[0])
    for level in (0.2, 0.4, 0.6, 0.8, 1.0):
        axes.plot(closed, [level] * len(closed), color=theme.grid, lw=1.4 if level == 1.0 else 0.9, zorder=1)
        # Halfway between two spokes, where no marker lies, on the web's straight edge.
        edge = level * math.cos(math.pi / len(angles))
        axes.text(
            math.pi / len(angles), edge, f"{level:.1f}", fontsize=8, color=theme.muted, va="center", ha="center",
            zorder=6, path_effects=[withStroke(linewidth=3, foreground=theme.paper)],
        )  # fmt: skip
    for angle in angles:
        axes.plot([angle, angle], [0, 1], color=theme.grid, lw=0.9, zorder=1)


def _spoke_label(axes: PolarAxes, theme: Theme, angle: float, text: str) -> None:
    sideways = math.sin(angle)
    align = "center" if abs(sideways) < 0.2 else ("left" if sideways > 0 else "right")
    upright = "bottom" if math.cos(angle) > 0.5 else ("top" if math.cos(angle) < -0.5 else "center")
    axes.text(angle, 1.07, _wrapped(text), ha=align, va=upright, fontsize=10, color=theme.ink, linespacing=1.25)


def _wrapped(text: str) -> str:
    """At most three lines of even length: of nine signs where the text is Chinese, of twenty otherwise."""
    wide = sum(1 for sign in text if ord(sign) > 0x2E80)
    most = 9 if wide * 2 > len(text) else 20
    width = math.ceil(len(text) / math.ceil(len(text) / most)) if text else most
    lines = textwrap.wrap(text, min(most, width + 1)) or [text]
    return "\n".join(lines[:3]) + ("…" if len(lines) > 3 else "")


def _polygon(
    axes: PolarAxes, angles: np.ndarray, values: Sequence[float | None], look: pictures.Style, width: float
) -> None:
    radii = np.array([math.nan if value is None else value for value in (*values, values[0])])
    around = np.append(angles, angles[0])
    axes.plot(
        around,
        radii,
        color=look.colour,
        ls=look.line,
        lw=width,
        marker=look.marker,
        ms=3.5 + 1.9 * width,
        mew=0,
        zorder=4,
    )
    if not np.isnan(radii).any():
        axes.fill(around, radii, color=look.colour, alpha=0.05, zorder=2)


def _legend(axes: Axes, theme: Theme, width: float, entries: Mapping[str, tuple[pictures.Style, float | None]]) -> None:
    """Names the lines; `width` of the panel in inches, which are the units of its x axis."""
    axes.set_axis_off()
    axes.set_xlim(0, width)
    axes.set_ylim(0, 3.0)
    axes.text(0, 2.9, "mean of these queries", fontsize=8.5, color=theme.muted)
    for place, (name, (look, mean)) in enumerate(entries.items()):
        y = 2.6 - min(0.42, 2.6 / len(entries)) * place
        axes.plot([0, 0.4], [y, y], color=look.colour, ls=look.line, lw=2)
        axes.plot([0.2], [y], color=look.colour, marker=look.marker, ms=7, mew=0)
        axes.text(0.55, y, name, va="center", fontsize=10)
        shown = "–" if mean is None else f"{mean:.2f}"
        axes.text(width, y, shown, va="center", ha="right", fontsize=10, fontweight="bold")


def _bar_panel(
    axes: Axes, theme: Theme, versions: Sequence[str], values: Mapping[str, Interval], colours: Mapping[str, str]
) -> None:
    axes.set_ylim(len(versions) - 0.4, -0.6)
    axes.set_xlim(0, 1.42)
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"], fontsize=8.5)
    axes.grid(axis="x", lw=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    for row, version in enumerate(versions):
        interval = values.get(version)
        if interval is None:
            axes.text(0.02, row, "not measured", va="center", fontsize=9, color=theme.muted)
            continue
        axes.barh(row, interval.mean, height=0.56, color=colours[version], alpha=0.9, lw=0)
        axes.plot([interval.low, interval.high], [row, row], color=theme.ink, lw=1.3, solid_capstyle="butt")
        for end in (interval.low, interval.high):
            axes.plot([end, end], [row - 0.11, row + 0.11], color=theme.ink, lw=1.3)
        axes.text(
            max(interval.mean, interval.high) + 0.03, row, f"{interval.mean:.2f}", va="center", fontsize=10,
            fontweight="bold",
        )  # fmt: skip


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None

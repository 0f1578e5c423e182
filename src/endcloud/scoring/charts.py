"""The pictures of an evaluation: radar (the paper's Figure 3), bars with intervals, and the two learning curves.

Every chart writes SVG and PNG, light and dark (`pictures`), shows 95 % intervals where there are any, and
labels its lines directly instead of by a legend.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.projections.polar import PolarAxes
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from endcloud.scoring import pictures
from endcloud.scoring.bootstrap import Interval
from endcloud.scoring.fonts import Lettering
from endcloud.scoring.pictures import Picture, Theme, styles

Rectangle = tuple[float, float, float, float]

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
    legend = 0.55 + _inches(list(values)) + 0.45
    size = (8.2 + legend + 0.3, 6.6)

    def draw(figure: Figure, theme: Theme, letter: Lettering) -> None:
        _heading(figure, theme, title, f"Equation 1, greedy replies to {len(shown)} queries")
        axes = cast(PolarAxes, figure.add_axes(_within(size, 1.8, 0.75, 4.5, 4.5), projection="polar"))
        angles = np.linspace(0, 2 * math.pi, len(shown), endpoint=False)
        _web(axes, theme, angles)
        for angle, label in zip(angles, letter.together(shown), strict=True):
            _spoke_label(axes, theme, float(angle), label)
        looks = styles(list(values), base, theme)
        for place, (version, numbers) in enumerate(values.items()):
            # Each thinner than the one below it, so that equal values do not hide one another.
            width = 1.6 if version == base else max(1.4, 3.4 - 0.5 * place)
            _polygon(axes, angles, list(numbers)[: len(shown)], looks[version], width)
        panel = figure.add_axes(_within(size, 8.2, 2.2, legend, 3.0))
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
    size = (0.3 + _inches(versions) + columns * 3.1, 1.5 + rows * (0.75 + 0.42 * len(versions)))

    def draw(figure: Figure, theme: Theme, letter: Lettering) -> None:
        _heading(figure, theme, title, subtitle)
        top = 1 - 1.25 / size[1]
        panels = figure.subplots(
            rows, columns, squeeze=False,
            gridspec_kw={
                "left": (0.3 + _inches(versions)) / size[0], "right": 0.985, "top": top, "bottom": 0.4 / size[1],
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


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The share of right replies after learning from `labels` labels."""

    labels: int
    share: Interval


def learning_curve(
    curves: Mapping[str, Sequence[CurvePoint]],
    directory: Path,
    *,
    base: str = "base",
    versions: Sequence[str] = (),
    title: str = "Share of right replies against number of labels",
    subtitle: str = "Unseen combinations, 95 % bootstrap intervals",
    name: str = "learning-curve",
) -> Picture:
    """A line a method. `versions` in the order of the other charts keep the colours the same."""
    order = list(dict.fromkeys((*versions, *curves)))
    size = (7.5 + _ends_inches(curves), 5.2)
    numbers = sorted({point.labels for points in curves.values() for point in points})

    def draw(figure: Figure, theme: Theme, letter: Lettering) -> None:
        _heading(figure, theme, title, subtitle)
        axes = figure.add_axes(_within(size, 0.8, 0.68, 6.6, 3.5))
        looks = styles(order, base, theme)
        _frame(axes, theme)
        axes.set_ylim(0, 1.02)
        axes.set_ylabel("share of right replies")
        axes.set_xlabel("labels learned from (root scale)")
        # A root scale shows 0 and spreads the small numbers, where most is learned.
        axes.set_xscale("function", functions=(_root, _square))
        axes.xaxis.set_major_locator(FixedLocator(_apart(numbers)))
        axes.xaxis.set_major_formatter(FixedFormatter([f"{n:,}" for n in _apart(numbers)]))
        axes.xaxis.set_minor_locator(NullLocator())
        if numbers:
            margin = 0.03 * (math.sqrt(numbers[-1]) - math.sqrt(numbers[0]) or 1.0)
            left, right = math.sqrt(numbers[0]) - margin, math.sqrt(numbers[-1]) + margin
            axes.set_xlim(left * abs(left), right * right)
        ends: list[_End] = []
        for method, points in curves.items():
            look, line = looks[method], sorted(points, key=lambda p: p.labels)
            x = [point.labels for point in line]
            y = [point.share.mean for point in line]
            axes.fill_between(
                x, [p.share.low for p in line], [p.share.high for p in line], color=look.colour, alpha=0.11, lw=0
            )
            axes.plot(x, y, color=look.colour, marker=look.marker, ls=look.line, lw=2, ms=6, mec=theme.paper)
            ends.append(_End(f"{letter(method)}  {y[-1]:.2f}", x[-1], y[-1], look.colour))
        _end_labels(figure, axes, ends)

    return pictures.write(draw, directory, name, title, size)


@dataclass(frozen=True, slots=True)
class Convergence:
    """How one training went: (step, training loss) and (step, score on held-out examples)."""

    loss: Sequence[tuple[int, float]]
    score: Sequence[tuple[int, float]]


def convergence(
    curves: Mapping[str, Convergence],
    directory: Path,
    *,
    base: str = "base",
    versions: Sequence[str] = (),
    score_label: str = "score",
    title: str = "Convergence: score and loss against training steps",
    subtitle: str = "Loss smoothed over a tenth of the steps, single values behind it",
    name: str = "convergence",
) -> Picture:
    """Two panels over the same steps, a line a method."""
    order = list(dict.fromkeys((*versions, *curves)))
    size = (7.5 + _ends_inches(curves), 6.4)

    def draw(figure: Figure, theme: Theme, letter: Lettering) -> None:
        _heading(figure, theme, title, subtitle)
        looks = styles(order, base, theme)
        upper = figure.add_axes(_within(size, 0.8, 3.0, 6.6, 2.4))
        lower = figure.add_axes(_within(size, 0.8, 0.6, 6.6, 2.0), sharex=upper)
        for axes, label in ((upper, score_label), (lower, "loss")):
            _frame(axes, theme)
            axes.set_ylabel(label)
        lower.set_xlabel("training step")
        upper.tick_params(labelbottom=False)
        scores: list[_End] = []
        losses: list[_End] = []
        for method, curve in curves.items():
            look = looks[method]
            if curve.score:
                x, y = zip(*curve.score, strict=True)
                upper.plot(x, y, color=look.colour, marker=look.marker, ls=look.line, lw=2, ms=5, mew=0)
                scores.append(_End(f"{letter(method)}  {y[-1]:.2f}", float(x[-1]), float(y[-1]), look.colour))
            if curve.loss:
                x, y = zip(*curve.loss, strict=True)
                smooth = _smoothed(y)
                lower.plot(x, y, color=look.colour, lw=0.8, alpha=0.25)
                lower.plot(x, smooth, color=look.colour, ls=look.line, lw=2)
                losses.append(_End(f"{letter(method)}  {smooth[-1]:.2f}", float(x[-1]), smooth[-1], look.colour))
        upper.set_ylim(0, 1.02)
        lower.set_ylim(bottom=0)
        _end_labels(figure, upper, scores)
        _end_labels(figure, lower, losses)

    return pictures.write(draw, directory, name, title, size)


def _within(size: tuple[float, float], left: float, bottom: float, width: float, height: float) -> Rectangle:
    """A place given in inches, as shares of a figure of `size` inches."""
    return left / size[0], bottom / size[1], width / size[0], height / size[1]


def _inches(names: Sequence[str]) -> float:
    """Room for the longest of these names at 10 points; hanzi are twice as wide."""
    return 0.15 + 0.085 * max((sum(2 if ord(sign) > 0x2E80 else 1 for sign in name) for name in names), default=0)


def _ends_inches(names: Iterable[str]) -> float:
    """Room for names in bold with a value behind each."""
    return _inches([f"{name}  0.00" for name in names]) * 1.08 + 0.15


def _heading(figure: Figure, theme: Theme, title: str, subtitle: str) -> None:
    inches = float(figure.get_figheight())
    figure.text(0.03, 1 - 0.28 / inches, title, fontsize=14, fontweight="bold", va="top")
    figure.text(0.03, 1 - 0.60 / inches, subtitle, fontsize=10, color=theme.muted, va="top")


def _frame(axes: Axes, theme: Theme) -> None:
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(theme.muted)
    axes.grid(axis="y", lw=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)


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


@dataclass(frozen=True, slots=True)
class _End:
    """Where a line ends, and what stands there."""

    text: str
    x: float
    y: float
    colour: str


def _end_labels(figure: Figure, axes: Axes, ends: Sequence[_End]) -> None:
    """Names each line in the right margin, pushed apart where two would overlap; a thin line leads there."""
    low, high = axes.get_ylim()
    right = axes.get_xlim()[1]
    gap = (high - low) * 0.22 / (axes.get_position().height * float(figure.get_figheight()))  # 0.22 inches a line
    for end, place in zip(ends, _spread([end.y for end in ends], gap, low, high), strict=True):
        axes.plot([end.x, right], [end.y, end.y], color=end.colour, lw=0.9, ls=(0, (1, 2)), alpha=0.6, zorder=1)
        axes.annotate(
            end.text, (1.015, place), xycoords=axes.get_yaxis_transform(), va="center", fontsize=10,
            color=end.colour, fontweight="bold", annotation_clip=False,
        )  # fmt: skip
    axes.set_xlim(right=right)


def _spread(values: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places near `values`, in their order of size, at least `gap` apart and as far as possible within bounds."""
    order = sorted(range(len(values)), key=lambda i: values[i])
    places = [min(max(v, low), high) for v in values]
    for lower, upper in pairwise(order):
        places[upper] = max(places[upper], places[lower] + gap)
    over = max((places[i] for i in order), default=high) - high
    if over > 0:
        ceiling = high
        for i in reversed(order):
            places[i] = min(places[i], ceiling)
            ceiling = places[i] - gap
    return places


def _apart(numbers: Sequence[int]) -> list[int]:
    """The tick marks among `numbers` that have room on a root scale."""
    if not numbers:
        return []
    room = 0.06 * (math.sqrt(numbers[-1]) - math.sqrt(numbers[0]))
    kept = [numbers[-1]]
    for number in reversed(numbers[:-1]):
        if math.sqrt(kept[-1]) - math.sqrt(number) >= room:
            kept.append(number)
    return kept[::-1]


def _root(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.sign(values) * np.sqrt(np.abs(values)))  # signed, for the margin left of 0


def _square(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.sign(values) * np.square(values))


def _smoothed(values: Sequence[float]) -> list[float]:
    """Mean of the tenth of the values around each, at least five; a centred window does not lag."""
    half = max(5, len(values) // 10) // 2
    return [float(np.mean(values[max(0, i - half) : i + half + 1])) for i in range(len(values))]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None

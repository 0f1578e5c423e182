"""Curves: share of right replies against labels, score and loss against training steps.

Lines are named directly at their ends instead of by a legend.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from endcloud.bootstrap import Interval
from endcloud.scoring import pictures
from endcloud.scoring.chart_frame import frame, heading, inches, within
from endcloud.scoring.fonts import Lettering
from endcloud.scoring.pictures import Picture, Theme, styles


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
        heading(figure, theme, title, subtitle)
        axes = figure.add_axes(within(size, 0.8, 0.68, 6.6, 3.5))
        looks = styles(order, base, theme)
        frame(axes, theme)
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
    score_of: str = "the probe questions",
    name: str = "convergence",
) -> Picture:
    """Two panels over the same steps, a line a method; `score_of` says what the score is measured on.

    All losses are smoothed over the same number of steps: over a wider window a steep beginning seems to lie lower.
    """
    order = list(dict.fromkeys((*versions, *curves)))
    size = (7.5 + _ends_inches(curves), 6.4)
    window = min((_window(curve.loss) for curve in curves.values() if curve.loss), default=0)
    smoothing = f"; loss smoothed over {window} steps, single values behind it" if window else ""

    def draw(figure: Figure, theme: Theme, letter: Lettering) -> None:
        heading(figure, theme, title, f"Score on {score_of}{smoothing}")
        looks = styles(order, base, theme)
        upper = figure.add_axes(within(size, 0.8, 3.0, 6.6, 2.4))
        lower = figure.add_axes(within(size, 0.8, 0.6, 6.6, 2.0), sharex=upper)
        for axes, label in ((upper, score_label), (lower, "loss")):
            frame(axes, theme)
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
                smooth = smoothed(curve.loss, window)
                lower.plot(x, y, color=look.colour, lw=0.8, alpha=0.25)
                lower.plot(x, smooth, color=look.colour, ls=look.line, lw=2)
                losses.append(_End(f"{letter(method)}  {smooth[-1]:.2f}", float(x[-1]), smooth[-1], look.colour))
        upper.set_ylim(0, 1.02)
        lower.set_ylim(bottom=0)
        _end_labels(figure, upper, scores)
        _end_labels(figure, lower, losses)

    return pictures.write(draw, directory, name, title, size)


def losses(
    loss: Sequence[tuple[int, float]],
    validation: Sequence[tuple[int, float]],
    directory: Path,
    *,
    title: str,
    subtitle: str,
    name: str = "training",
) -> Picture:
    """How one training went: its loss at each step, and that on examples it does not learn from."""
    names = ("training", "validation")
    size = (7.5 + _ends_inches(names), 4.4)

    def draw(figure: Figure, theme: Theme, letter: Lettering) -> None:
        heading(figure, theme, title, subtitle)
        axes = figure.add_axes(within(size, 0.8, 0.6, 6.6, 2.9))
        frame(axes, theme)
        axes.set_ylabel("loss, nats a token")
        axes.set_xlabel("training step")
        looks = styles(names, "", theme)
        ends: list[_End] = []
        for which, points in zip(names, (loss, validation), strict=True):
            if not points:
                continue
            look, (x, y) = looks[which], zip(*points, strict=True)
            drawn = smoothed(points, _window(points)) if which == "training" else list(y)
            if which == "training":
                axes.plot(x, y, color=look.colour, lw=0.8, alpha=0.25)
            marker = look.marker if which == "validation" else ""
            axes.plot(x, drawn, color=look.colour, ls=look.line, marker=marker, lw=2, ms=5, mew=0)
            ends.append(_End(f"{which}  {drawn[-1]:.2f}", float(x[-1]), drawn[-1], look.colour))
        axes.set_ylim(bottom=0)
        _end_labels(figure, axes, ends)

    return pictures.write(draw, directory, name, title, size)


def _ends_inches(names: Iterable[str]) -> float:
    """Room for names in bold with a value behind each."""
    return inches([f"{name}  0.00" for name in names]) * 1.08 + 0.15


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


def _window(points: Sequence[tuple[int, float]]) -> int:
    """A tenth of the steps of a course, at least five."""
    return max(5, (points[-1][0] - points[0][0] + 1) // 10)


def smoothed(points: Sequence[tuple[int, float]], window: int) -> list[float]:
    """Mean of the values at most half a window of steps away from each; a centred window does not lag."""
    steps, values = np.array([step for step, _ in points]), np.array([value for _, value in points])
    return [float(values[abs(steps - step) <= window // 2].mean()) for step in steps]

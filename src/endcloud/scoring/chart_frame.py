"""What all charts share: places in inches, room for names, the heading, and axes without a box."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from endcloud.scoring.pictures import Theme

Rectangle = tuple[float, float, float, float]


def within(size: tuple[float, float], left: float, bottom: float, width: float, height: float) -> Rectangle:
    """A place given in inches, as shares of a figure of `size` inches."""
    return left / size[0], bottom / size[1], width / size[0], height / size[1]


def inches(names: Sequence[str]) -> float:
    """Room for the longest of these names at 10 points; hanzi are twice as wide."""
    return 0.15 + 0.085 * max((sum(2 if ord(sign) > 0x2E80 else 1 for sign in name) for name in names), default=0)


def heading(figure: Figure, theme: Theme, title: str, subtitle: str) -> None:
    inches = float(figure.get_figheight())
    figure.text(0.03, 1 - 0.28 / inches, title, fontsize=14, fontweight="bold", va="top")
    figure.text(0.03, 1 - 0.60 / inches, subtitle, fontsize=10, color=theme.muted, va="top")


def frame(axes: Axes, theme: Theme) -> None:
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(theme.muted)
    axes.grid(axis="y", lw=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)

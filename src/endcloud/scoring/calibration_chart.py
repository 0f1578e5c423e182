"""How agreement with people changes with α and with Θ: two panels with 95 % bands, the present and the fitted value."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from endcloud.scoring import pictures
from endcloud.scoring.calibration import Calibration
from endcloud.scoring.calibration_resamples import Curve
from endcloud.scoring.chart_frame import frame, heading, within
from endcloud.scoring.fonts import Lettering
from endcloud.scoring.pictures import Picture, Theme

_SIZE = (9.9, 4.9)


def agreement_chart(calibration: Calibration, directory: Path, name: str = "agreement") -> Picture:
    """Spearman's rank correlation of final scores and grades along each axis through the fitted point."""
    title = "Agreement with people against α and Θ"
    panels = (
        ("alpha", f"α  (at Θ = {calibration.values.threshold:.2f})", 0.85),
        ("threshold", f"Θ  (at α = {calibration.values.alpha:.2f})", 5.55),
    )

    def draw(figure: Figure, theme: Theme, letter: Lettering) -> None:
        heading(
            figure, theme, title, f"Spearman's rank correlation, {calibration.judged:,} judged replies, 95 % intervals"
        )
        low, high = _bounds(calibration)
        for which, label, left in panels:
            axes = figure.add_axes(within(_SIZE, left, 0.7, 4.0, 2.85))
            frame(axes, theme)
            axes.set_xlim(-0.02, 1.02)
            axes.set_ylim(low, high)
            axes.set_xlabel(label)
            _line(axes, theme, calibration.curves[which])
            _mark(axes, theme, getattr(calibration.before, which), getattr(calibration.values, which))

    return pictures.write(draw, directory, name, title, _SIZE)


def _bounds(calibration: Calibration) -> tuple[float, float]:
    """One scale for both panels, with all bands in it and room above for the labels."""
    points = [point for curve in calibration.curves.values() for point in curve.points]
    low = min((point[2] for point in points), default=0.0)
    high = max((point[3] for point in points), default=1.0)
    margin = 0.08 * max(high - low, 0.1)
    return low - margin, high + margin


def _line(axes: Axes, theme: Theme, curve: Curve) -> None:
    if not curve.points:
        axes.text(0.5, 0.5, "cannot be told", transform=axes.transAxes, ha="center", color=theme.muted)
        return
    x, mean, low, high = zip(*curve.points, strict=True)
    axes.fill_between(x, low, high, color=theme.series[0], alpha=0.15, lw=0)
    axes.plot(x, mean, color=theme.series[0], lw=2)


def _mark(axes: Axes, theme: Theme, before: float, fitted: float) -> None:
    """Both values above the panel, pushed apart where they are near; one label where they are the same."""
    marks = [("present", before, theme.base, (0, (2, 2))), ("fitted", fitted, theme.series[1], "-")]
    if abs(before - fitted) < 1e-9:
        marks = [("present and fitted", fitted, theme.series[1], "-")]
    leftmost = min(value for _, value, _, _ in marks)
    for text, value, colour, line in marks:
        axes.axvline(value, color=colour, lw=1.4, ls=line, zorder=1)
        near = len(marks) > 1 and abs(before - fitted) < 0.35
        align = ("right" if value == leftmost else "left") if near else "center"
        align = "left" if value < 0.12 else ("right" if value > 0.88 else align)
        level = 1.09 if near and value != leftmost else 1.02
        axes.text(
            value, level, f"{text} {value:.2f}", transform=axes.get_xaxis_transform(), ha=align, fontsize=9.5,
            color=colour, fontweight="bold",
        )  # fmt: skip

"""Pictures of a decision between two routes: quality against cloud calls beside its reliability, and APGR by tokens."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from endcloud.bootstrap import Interval
from endcloud.scoring import pictures
from endcloud.scoring.chart_frame import frame, heading, within
from endcloud.scoring.fonts import Lettering
from endcloud.scoring.pictures import Picture, Theme
from endcloud.scoring.trade_off import GRID, Array, Outcomes, Point

_SIZE = (10.4, 5.2)
_NARROW = (6.6, 4.6)
_DASHES = (0, (5, 2))
_DOTS = (0, (1.5, 1.5))


def trade_off_chart(
    outcomes: Outcomes,
    probability: Array,
    baseline: Array,
    chosen: Point | None,
    directory: Path,
    name: str = "trade-off",
) -> Picture:
    """Left: acceptable answers against the share of cloud calls. Right: estimated against true shares."""
    title = "Who answers: the end model or the cloud"

    def draw(figure: Figure, theme: Theme, letter: Lettering) -> None:
        heading(figure, theme, title, f"{len(outcomes):,} questions, 95 % intervals")
        left = figure.add_axes(within(_SIZE, 0.85, 0.75, 5.0, 3.35))
        frame(left, theme)
        left.set_title("Acceptable answers", loc="left", fontsize=11, color=theme.ink)
        _curves(left, theme, outcomes, probability, baseline, chosen)
        right = figure.add_axes(within(_SIZE, 6.95, 0.75, 3.15, 3.35))
        frame(right, theme)
        right.set_title("Are the probabilities true?", loc="left", fontsize=11, color=theme.ink)
        _reliability(right, theme, outcomes, probability)

    return pictures.write(draw, directory, name, title, _SIZE)


def apgr_chart(
    columns: Mapping[str, tuple[Interval | None, Interval | None]], directory: Path, name: str = "apgr"
) -> Picture:
    """APGR by tokens held back, of the calibrated decision and of the mean log-probability."""
    title = "How much of the cloud's quality is recovered"

    def draw(figure: Figure, theme: Theme, letter: Lettering) -> None:
        heading(figure, theme, title, "APGR by tokens held back, 95 % intervals; 0.5 is routing at random")
        axes = figure.add_axes(within(_NARROW, 0.75, 0.7, 5.6, 2.75))
        frame(axes, theme)
        series = (("calibrated", theme.series[0], "o", -0.1), ("mean log-probability", theme.series[1], "s", 0.1))
        for which, (label, colour, marker, shift) in enumerate(series):
            known = [(place, pair[which]) for place, pair in enumerate(columns.values())]
            for place, one in known:
                if one is not None:
                    axes.plot([place + shift] * 2, [one.low, one.high], color=colour, lw=2)
                    axes.plot(
                        [place + shift], [one.mean], marker=marker, ms=8, color=colour, ls="", label=label
                    )  # fmt: skip
        axes.axhline(0.5, color=theme.base, lw=1.4, ls=_DOTS)
        axes.set_xticks(range(len(columns)), list(columns))
        axes.set_xlabel("tokens held back")
        handles, labels = axes.get_legend_handles_labels()
        once = dict(zip(labels, handles, strict=True))
        axes.legend(once.values(), once.keys(), loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, frameon=False)

    return pictures.write(draw, directory, name, title, _NARROW)


def _curves(
    axes: Axes, theme: Theme, outcomes: Outcomes, probability: Array, baseline: Array, chosen: Point | None
) -> None:
    ours, plain, best = outcomes.band(probability), outcomes.band(baseline), outcomes.band(outcomes.best())
    end, cloud = float(ours.quality[0]), float(ours.quality[-1])
    axes.plot(GRID, best.quality, color=theme.muted, lw=1.4, ls=_DASHES, label="best possible")
    axes.fill_between(GRID, ours.low, ours.high, color=theme.series[0], alpha=0.15, lw=0)
    axes.plot(GRID, ours.quality, color=theme.series[0], lw=2.2, label="calibrated")
    axes.plot(GRID, plain.quality, color=theme.series[1], lw=1.8, ls=_DASHES, label="mean log-probability")
    axes.plot([0, 1], [end, cloud], color=theme.base, lw=1.4, ls=_DOTS, label="at random")
    if chosen is not None:
        axes.plot([chosen.share], [chosen.quality], "o", ms=9, mec=theme.paper, mew=1.5, color=theme.series[0])
        axes.annotate(
            f"chosen: {chosen.share:.0%} to the cloud, {chosen.quality:.0%} acceptable".replace("%", " %"),
            (chosen.share, chosen.quality), xytext=(10, -16), textcoords="offset points", fontsize=9.5,
            color=theme.ink, bbox={"facecolor": theme.paper, "edgecolor": "none", "pad": 1.5, "alpha": 0.85},
        )  # fmt: skip
    axes.set_xlabel("share of questions that the cloud answers")
    axes.set_xlim(-0.02, 1.02)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    axes.legend(loc="lower right", frameon=False, fontsize=9.5)


def _reliability(axes: Axes, theme: Theme, outcomes: Outcomes, probability: Array) -> None:
    axes.plot([0, 1], [0, 1], color=theme.base, lw=1.4, ls=_DOTS)
    bins = outcomes.bins(probability)
    most = max(number for _, _, number in bins)
    axes.plot([said for said, _, _ in bins], [true for _, true, _ in bins], color=theme.series[0], lw=1.2)
    axes.scatter(
        [said for said, _, _ in bins], [true for _, true, _ in bins],
        s=[20 + 160 * number / most for _, _, number in bins], color=theme.series[0], zorder=3,
    )  # fmt: skip
    axes.set_xlim(-0.05, 1.05)
    axes.set_ylim(-0.05, 1.05)
    axes.set_xlabel("estimated probability")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))

"""The pictures of the simulation, over the questions that customers asked: what was right, and what it took."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from endcloud.scoring import pictures
from endcloud.scoring.chart_frame import frame, heading, inches, within
from endcloud.scoring.fonts import Lettering
from endcloud.scoring.pictures import Picture, Theme, styles
from endcloud.simulation.records import Run
from endcloud.simulation.schedule import Schedule

_WIDTH, _PANEL, _GAP, _HEAD = 8.2, 1.75, 0.62, 1.4
_PARTS, _FEWEST = 20, 90
"""A share of right replies is smoothed over this part of all questions, over so many at least, and never over a change
of the shop."""

Line = tuple[Sequence[float], Sequence[float]]
MATTERS = (("changed", "on the edited policies"), ("new", "on the new product line"), ("unchanged", "on all else"))


def quality_chart(runs: Sequence[Run], schedule: Schedule, directory: Path, name: str = "quality") -> Picture:
    """Three panels: right replies to customers on what was edited, on the new line, on all else; a line an arm."""
    title = "Right replies while the shop changes"
    panels = [(f"Right replies {words}", _served(runs, matter, schedule)) for matter, words in MATTERS]
    return _panels(
        runs,
        schedule,
        directory,
        name,
        title,
        f"Customers' questions, mean over the {_window(schedule)} around",
        panels,
    )


def end_model_chart(runs: Sequence[Run], schedule: Schedule, directory: Path, name: str = "end-model") -> Picture:
    """Three panels: the end model alone on unseen questions, with marks where a version went into service or out."""
    title = "The end model alone, on questions that nobody asked"
    panels = [(f"Right replies {words}", _looked(runs, matter, schedule)) for matter, words in MATTERS]
    marks = "▲ a version went into service, ▼ one was rolled back"
    return _panels(runs, schedule, directory, name, title, marks, panels, _mark_versions)


def cost_chart(runs: Sequence[Run], schedule: Schedule, directory: Path, name: str = "cost") -> Picture:
    """Two panels: cloud calls, and money spent, from the beginning of the arm on."""
    title = "What it took: cloud calls and money"
    calls = _billed(runs, lambda one: float(sum(one.calls.values())))
    panels = [
        ("Cloud calls of every kind", calls),
        ("Spent, in the invented money of the price list", _billed(runs, lambda one: one.spent)),
    ]
    return _panels(runs, schedule, directory, name, title, "Mean over the seeds", panels, shares=False)


def _panels(
    runs: Sequence[Run],
    schedule: Schedule,
    directory: Path,
    name: str,
    title: str,
    subtitle: str,
    panels: Sequence[tuple[str, Mapping[str, Line]]],
    mark: Callable[[Axes, Theme, Sequence[Run], str, Line, str], None] | None = None,
    *,
    shares: bool = True,
) -> Picture:
    """Panels above each other over the same questions, a line an arm, with the events of the course behind them."""
    arms = list(dict.fromkeys(run.arm for run in runs))
    size = (_WIDTH + inches(arms) + 0.5, _HEAD + len(panels) * (_PANEL + _GAP))

    def draw(figure: Figure, theme: Theme, letter: Lettering) -> None:
        heading(figure, theme, title, subtitle)
        looks = styles(arms, "no evolution", theme)
        for place, (label, lines) in enumerate(panels):
            bottom = size[1] - _HEAD - place * (_PANEL + _GAP) - _PANEL
            axes = figure.add_axes(within(size, 0.75, bottom, _WIDTH - 1.0, _PANEL))
            frame(axes, theme)
            axes.set_title(label, loc="left", fontsize=11, color=theme.ink, pad=6 if place else 18)
            axes.set_xlim(0, schedule.questions)
            if shares:
                axes.set_ylim(0, 1.04)
                axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
            _events(axes, theme, schedule, named=place == 0)
            for arm, line in lines.items():
                look = looks[arm]
                axes.plot(*line, color=look.colour, ls=look.line, lw=1.8, label=letter(arm))
                if mark is not None:
                    mark(axes, theme, runs, arm, line, look.colour)
            if place == 0:
                axes.legend(
                    loc="upper left", bbox_to_anchor=(1.02, 1.02), frameon=False, fontsize=10, labelcolor=theme.ink
                )
            axes.tick_params(labelbottom=place == len(panels) - 1)
        axes.set_xlabel("customers' questions")

    return pictures.write(draw, directory, name, title, size)


def _events(axes: Axes, theme: Theme, schedule: Schedule, *, named: bool) -> None:
    """The edit, the new line, and the time of the attackers."""
    axes.axvspan(schedule.attack, schedule.peace, color=theme.muted, alpha=0.12, lw=0)
    for at, words in ((schedule.edit, "policies edited"), (schedule.product, "new products")):
        axes.axvline(at, color=theme.muted, lw=0.9, ls=(0, (1, 2)))
        if named:
            axes.annotate(
                words, (at, 1.0), xycoords=axes.get_xaxis_transform(), xytext=(3, 3), textcoords="offset points",
                fontsize=8.5, color=theme.muted, annotation_clip=False,
            )  # fmt: skip
    if named:
        axes.annotate(
            "attackers", (schedule.attack, 1.0), xycoords=axes.get_xaxis_transform(), xytext=(3, 3),
            textcoords="offset points", fontsize=8.5, color=theme.muted, annotation_clip=False,
        )  # fmt: skip


def _mark_versions(axes: Axes, theme: Theme, runs: Sequence[Run], arm: str, line: Line, colour: str) -> None:
    """A mark on the line of the arm, of each seed, where a round promoted or rolled back."""
    for run in runs:
        for one in run.rounds if run.arm == arm else ():
            if one.outcome in ("promoted", "rolled back") and len(line[0]) and one.at >= line[0][0]:
                height = float(np.interp(one.at, *line))
                axes.plot(
                    [one.at], [height], marker="^" if one.outcome == "promoted" else "v", ms=7, color=colour,
                    mec=theme.paper, mew=0.8, ls="", zorder=5,
                )  # fmt: skip


def _window(schedule: Schedule) -> int:
    return max(_FEWEST, schedule.questions // _PARTS)


def _served(runs: Sequence[Run], matter: str, schedule: Schedule) -> dict[str, Line]:
    """The smoothed share of right replies of each arm, over all its seeds together."""
    lines: dict[str, Line] = {}
    half, changes = _window(schedule) / 2, [schedule.edit, schedule.product]
    for arm in dict.fromkeys(run.arm for run in runs):
        asked = [one for run in runs if run.arm == arm for one in run.asked]
        known = sorted((one.number, one.right) for one in asked if one.matter == matter and one.right is not None)
        numbers = np.array([number for number, _ in known])
        right = np.array([float(value) for _, value in known])
        at = np.unique(numbers) if len(numbers) else numbers
        phase, phases = np.searchsorted(changes, numbers, "right"), np.searchsorted(changes, at, "right")
        near = [(abs(numbers - n) <= half) & (phase == p) for n, p in zip(at, phases, strict=True)]
        lines[arm] = (list(at), [float(right[around].mean()) for around in near])
    return lines


def _looked(runs: Sequence[Run], matter: str, schedule: Schedule) -> dict[str, Line]:
    """The end model's share as steps: it holds from one look to the next. The mean over the seeds."""
    lines: dict[str, Line] = {}
    for arm in dict.fromkeys(run.arm for run in runs):
        steps = []
        for run in runs:
            found = [(one.number, one.shares[matter]) for one in run.looked if run.arm == arm and matter in one.shares]
            if found:
                steps.append(found)
        if steps:
            first = max(found[0][0] for found in steps)
            at = np.arange(first, schedule.questions + 1)
            held = [[_holding(found, int(number)) for number in at] for found in steps]
            lines[arm] = (list(at), list(np.mean(held, axis=0)))
    return lines


def _holding(steps: Sequence[tuple[int, float]], number: int) -> float:
    return [share for at, share in steps if at <= number][-1]


def _billed(runs: Sequence[Run], figure: Callable[..., float]) -> dict[str, Line]:
    lines: dict[str, Line] = {}
    for arm in dict.fromkeys(run.arm for run in runs):
        mine = [run.called for run in runs if run.arm == arm and run.called]
        if mine:
            at = np.linspace(0, min(called[-1].number for called in mine), 200)
            values = [np.interp(at, [one.number for one in called], [figure(one) for one in called]) for called in mine]
            lines[arm] = (list(at), list(np.mean(values, axis=0)))
    return lines

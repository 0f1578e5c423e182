"""All that a command prints goes through here.

The result goes to stdout: a text for people, or with `--json` one object. Everything else goes to stderr:
sentences while the work runs and, on a terminal, progress bars with rate and time left.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console as RichConsole
from rich.markup import escape
from rich.panel import Panel
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress
from rich.table import Table
from rich.text import Text

_SHORT = 16
Cell = str | int | float | None


class Console:
    """Where one command writes. Implements `endcloud.protocols.Progress`."""

    def __init__(self, as_json: bool = False) -> None:
        self.as_json = as_json
        self.out = RichConsole(highlight=False)
        self.err = RichConsole(stderr=True, highlight=False)
        self._bars: RichProgress | None = None

    # -- results ---------------------------------------------------------------------------------------------

    def result(self, figures: Mapping[str, Any]) -> None:
        """The object of `--json`; nothing without it."""
        if self.as_json:
            self.out.file.write(json.dumps(figures, ensure_ascii=False, default=str) + "\n")

    def text(self, sentence: str, style: str = "") -> None:
        """A line of the result, for people."""
        if not self.as_json:
            self.out.print(escape(sentence), style=style or None)

    def stream(self, piece: str, style: str = "") -> None:
        """A piece of a line that is still being said."""
        if not self.as_json:
            self.out.print(escape(piece), style=style or None, end="", soft_wrap=True)

    def end_stream(self) -> None:
        """The end of that line."""
        if not self.as_json:
            self.out.print()

    def panel(self, text: str, title: str) -> None:
        """A framed part of the result, for people."""
        if not self.as_json:
            self.out.print(
                Panel(escape(text), title=escape(title), title_align="left", border_style="cyan", padding=(0, 1))
            )

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
        """A table of the result, for people; numbers stand right."""
        if self.as_json:
            return
        table = Table(title=title, title_justify="left", title_style="bold", header_style="bold", border_style="dim")
        for index, column in enumerate(columns):
            numeric = bool(rows) and all(isinstance(row[index], int | float) or row[index] is None for row in rows)
            widest = max((len(_shown(row[index])) for row in rows), default=0)
            # Short cells are never broken: a digest on two lines cannot be copied.
            table.add_column(column, justify="right" if numeric else "left", overflow="fold", no_wrap=widest <= _SHORT)
        for row in rows:
            table.add_row(*(escape(_shown(cell)) for cell in row))
        self.out.print(table)

    def complain(self, sentence: str) -> None:
        """What went wrong, on stderr."""
        self.err.print(f"[bold red]error[/]  {escape(sentence)}", soft_wrap=True)

    # -- progress --------------------------------------------------------------------------------------------

    def say(self, sentence: str) -> None:
        """A sentence while the work runs."""
        self.err.print(escape(sentence), style="dim")

    @contextmanager
    def task(self, name: str, total: int | None, unit: str) -> Iterator[Bar]:
        """A bar for one piece of work; invisible in a pipe."""
        if self._bars is not None:
            yield self._bar(self._bars, name, total, unit)
            return
        with RichProgress(*_columns(), console=self.err, transient=False, disable=not self.err.is_terminal) as bars:
            self._bars = bars
            try:
                yield self._bar(bars, name, total, unit)
            finally:
                self._bars = None

    def _bar(self, bars: RichProgress, name: str, total: int | None, unit: str) -> Bar:
        return Bar(bars, bars.add_task(name, total=total, unit=unit, figures=""))


class Bar:
    """One bar. Implements `endcloud.protocols.ProgressTask`."""

    def __init__(self, bars: RichProgress, task: TaskID) -> None:
        self._bars = bars
        self._task = task

    def advance(self, steps: int = 1, **figures: float | str) -> None:
        """Moves on by `steps`, with figures shown beside the bar."""
        shown = " ".join(f"{name.replace('_', ' ')} {_shown(value)}" for name, value in figures.items())
        if shown:
            self._bars.update(self._task, advance=steps, figures=shown)
        else:
            self._bars.update(self._task, advance=steps)


class _Rate(ProgressColumn):
    """How many units a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f} {task.fields['unit']}/s" if task.speed else "", style="dim")


def _columns() -> tuple[ProgressColumn, ...]:
    return (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        _Rate(),
        TextColumn("[dim]{task.fields[figures]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )


def _shown(cell: Cell) -> str:
    if cell is None:
        return "–"
    if isinstance(cell, float):
        return f"{cell:.3f}" if abs(cell) < 100 else f"{cell:,.0f}"
    return f"{cell:,}" if isinstance(cell, int) else cell

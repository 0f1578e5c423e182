"""The results folder of a simulation: the table, the targets, the charts, and every figure behind them as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from endcloud import whole_files
from endcloud.scoring import markdown
from endcloud.simulation.charts import cost_chart, end_model_chart, quality_chart
from endcloud.simulation.outcome import Row, averages, targets
from endcloud.simulation.records import Run
from endcloud.simulation.schedule import Schedule

COLUMNS: Mapping[str, tuple[str, int]] = {
    "questions": ("questions until right again", 0),
    "seconds": ("seconds until then", 0),
    "calls": ("cloud calls until then", 0),
    "customers_questions": ("until customers are served right", 0),
    "changed": ("right on the changed", 2),
    "new": ("right on the new line", 2),
    "unchanged": ("right on the rest", 2),
    "lost": ("points lost on the rest", 3),
    "served_right": ("right to customers", 3),
    "promoted": ("promoted", 1),
    "rolled_back": ("rolled back", 1),
    "calls_share": ("cloud calls a question", 3),
    "spent": ("spent", 4),
}
"""The columns of the table: the heading of each figure, and its digits."""

_EXPLAINED = (
    "Right again: the end model alone answers 90 % of unseen questions on the edited policies rightly, counted from "
    "the edit on (seconds are simulated). Until customers are served right: of the last 20 questions on them, 90 % "
    "were answered rightly by end or cloud. Right on …: the end model alone at the end. A dash: it never came to that, "
    "in at least one seed. Means over the seeds."
)


def table(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Head and lines of the one table, an arm a line."""
    head = ["arm", *(heading for heading, _ in COLUMNS.values())]
    lines = []
    for arm, figures in averages(rows).items():
        cells = [_cell(figures[name], digits) for name, (_, digits) in COLUMNS.items()]
        lines.append([arm, *cells])
    return head, lines


def attack_table(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """What the attackers reached, an arm a line: means over the seeds."""
    names = list(dict.fromkeys(name for row in rows for name in row.attacks))
    arms = dict.fromkeys(row.arm for row in rows)
    lines = []
    for arm in arms:
        mine = [row.attacks for row in rows if row.arm == arm]
        lines.append([arm, *(_cell(sum(one[name] for one in mine) / len(mine), 1) for name in names)])
    return ["arm", *names], lines


def as_json(rows: Sequence[Row]) -> dict[str, Any]:
    """The object of `--json`: the table by arm, each seed's row, and the targets."""
    return {"arms": averages(rows), "rows": [row.as_json() for row in rows], "targets": targets(rows)}


def write(runs: Sequence[Run], rows: Sequence[Row], schedule: Schedule, folder: Path) -> Path:
    """Writes the whole folder; the report last, since it points to the others. Returns its path."""
    drawn = [chart(runs, schedule, folder) for chart in (quality_chart, end_model_chart, cost_chart)]
    found = as_json(rows) | {"schedule": asdict(schedule)}
    whole_files.write(folder / "simulation.json", json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    lines = [
        "# The drifting shop",
        f"{schedule.questions:,} questions an arm and seed; policies edited at {schedule.edit:,}, new products at "
        f"{schedule.product:,}, attackers from {schedule.attack:,} to {schedule.peace:,}.",
        markdown.table(*table(rows)),
        _EXPLAINED,
        "## Targets",
        markdown.table(["target", "at most", "found, a seed each", "met"], target_rows(rows)),
        "## What the attacks did",
        markdown.table(*attack_table(rows)),
        *(markdown.picture(one) for one in drawn),
        "## Rounds",
        markdown.table(["arm", "seed", "after", "seconds", "outcome", "reason"], round_rows(runs)),
    ]
    return whole_files.write(folder / "report.md", "\n\n".join(lines) + "\n")


def target_rows(rows: Sequence[Row]) -> list[list[str]]:
    """The targets as lines of a table."""
    return [
        [
            name,
            _cell(one["bound"], 2),
            ", ".join(_cell(value, 3) for value in one["found"]),
            _met(one),
        ]
        for name, one in targets(rows).items()
    ]


def round_rows(runs: Sequence[Run]) -> list[list[str]]:
    """Every round of every arm, in its order."""
    return [
        [run.arm, str(run.seed), str(one.at), f"{sum(one.work.values()):.0f}", one.outcome, one.reason]
        for run in runs
        for one in run.rounds
    ]


def _met(target: Mapping[str, Any]) -> str:
    if not target["found"]:
        return "not run"
    return "yes" if target["met"] else "no"


def _cell(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"

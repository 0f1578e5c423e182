"""`endcloud teach`: the cloud model answers the customers' questions again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from endcloud.cli.console import Console
from endcloud.cli.options import HERE, JsonOption, ShopOption

if TYPE_CHECKING:
    from endcloud.cloud.labelling import LabelReport


def teach(
    from_: Annotated[
        list[Path] | None,
        typer.Option("--from", metavar="CSV", help="Begin without logs: a catalogue or FAQ to make questions from."),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Send nothing: estimate calls, tokens and money. (With --from the examples are made first.)",
        ),
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Label at most this many examples of each split.")] = None,
    shop: ShopOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Let the cloud model answer the customers' questions: its replies are labels. (Stage 2)"""
    from endcloud.assembly import Shop
    from endcloud.assembly.masking import uploads_nothing

    console = Console(as_json)
    with Shop.open(shop, console) as opened:
        if from_:
            opened.cold_start(from_)
        if why := uploads_nothing(opened):
            console.result(opened.label(limit).as_json())
            console.text(f"{why} There are no labels to be had: the end model learns from the recorded replies.")
            console.text(f"Next: endcloud train --shop {shop}", style="bold")
            return
        if dry_run:
            estimate = opened.estimate_labels(limit)
            console.result(estimate.as_json())
            console.table("Estimate (nothing was sent)", ("", "figure"), _rows(estimate.as_json()))
            _say(console, estimate.remarks)
            return
        report = opened.label(limit)
        active = opened.settings.cloud.model
    failure = _failure(report)
    console.result(report.as_json() | ({"error": failure} if failure else {}))
    console.table(f"Labels by {active}", ("", "figure"), _rows(report.as_json()))
    _say(console, report.remarks)
    if failure:
        console.complain(failure)
        raise typer.Exit(1)
    console.text(f"Next: endcloud train --shop {shop}", style="bold")


def _failure(report: LabelReport) -> str:
    """Why the labels are not what was asked for; empty where they are."""
    if not report.stopped and (report.labelled or not report.examples):
        return ""
    reasons = ", ".join(f"{reason} {count}" for reason, count in (report.failed_calls | report.reasons).items())
    why = report.stopped or f"not one of {report.examples} examples got a label ({reasons})."
    return f"Teaching is not finished: {why} Mend that and run the same command again; it goes on."


def _say(console: Console, remarks: Sequence[str]) -> None:
    for remark in remarks:
        console.text(remark)


def _rows(figures: dict[str, object]) -> list[tuple[str, str | int | float]]:
    """Nested counts flattened: reasons stand under their heading."""
    rows: list[tuple[str, str | int | float]] = []
    for name, value in figures.items():
        if isinstance(value, dict):
            rows += [(f"{name.replace('_', ' ')}: {inner}", figure) for inner, figure in value.items()]
        elif isinstance(value, int | float | str):
            rows.append((name.replace("_", " "), value))
    return rows

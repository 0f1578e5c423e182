"""`endcloud teach`: the cloud model answers the customers' questions again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from endcloud.cli.console import Console
from endcloud.cli.options import HERE, JsonOption, ShopOption


def teach(
    from_: Annotated[
        list[Path] | None,
        typer.Option("--from", metavar="CSV", help="Begin without logs: a catalogue or FAQ to make questions from."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only estimate calls, tokens and money.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Label at most this many examples of each split.")] = None,
    shop: ShopOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Let the cloud model answer the customers' questions: its replies are labels. (Stage 2)"""
    from endcloud.assembly import Shop

    console = Console(as_json)
    with Shop.open(shop, console) as opened:
        if from_:
            opened.cold_start(from_)
        if dry_run:
            estimate = opened.estimate_labels(limit)
            console.result(estimate.as_json())
            console.table("Estimate (nothing was sent)", ("", "figure"), _rows(estimate.as_json()))
            return
        report = opened.label(limit)
        active = opened.settings.cloud.model
    console.result(report.as_json())
    console.table(f"Labels by {active}", ("", "figure"), _rows(report.as_json()))
    console.text(f"Next: endcloud train --shop {shop}", style="bold")


def _rows(figures: dict[str, object]) -> list[tuple[str, str | int | float]]:
    """Nested counts flattened: reasons stand under their heading."""
    rows: list[tuple[str, str | int | float]] = []
    for name, value in figures.items():
        if isinstance(value, dict):
            rows += [(f"{name.replace('_', ' ')}: {inner}", figure) for inner, figure in value.items()]
        elif isinstance(value, int | float | str):
            rows.append((name.replace("_", " "), value))
    return rows

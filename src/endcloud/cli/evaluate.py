"""`endcloud evaluate`: versions against the base, by the paper's formula and by more than that."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from endcloud.cli.console import Console
from endcloud.cli.options import HERE, JsonOption, ShopOption

_VERSION_HELP = "Judge this version (repeatable); without it, the newest of each method."


def evaluate(
    version: Annotated[list[str] | None, typer.Option(metavar="VERSION", help=_VERSION_HELP)] = None,
    queries: Annotated[Path | None, typer.Option(help="A file of queries for Table VI, one a line.")] = None,
    seeds: Annotated[int | None, typer.Option(min=0, help="Sampled runs beside the greedy one.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Judge on at most this many test examples.")] = None,
    shop: ShopOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Score the versions' replies on what they never saw: tables, charts, intervals. (Stage 4)"""
    from endcloud.assembly import Shop
    from endcloud.assembly.judging import judge
    from endcloud.scoring.tables import summary_rows

    console = Console(as_json)
    with Shop.open(shop, console) as opened:
        outcome = judge(opened, version, queries=queries, seeds=seeds, limit=limit)
    console.result(outcome.as_json())
    console.table("The test split: means and 95 % intervals", *summary_rows(outcome.evaluation))
    console.text(f"Tables and pictures: {outcome.folder / 'report.md'}")

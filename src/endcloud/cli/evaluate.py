"""`endcloud evaluate`: versions against the base, by the paper's formula and by more than that."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from endcloud.cli.console import Console
from endcloud.cli.options import HERE, JsonOption, ShopOption

_VERSION_HELP = "Judge this version (repeatable); without it, the newest of each method."
_QUANTIZATION_HELP = "Also answer on the base in 8 or 4 bits: what that costs in score and gains in memory and speed."


def evaluate(
    version: Annotated[list[str] | None, typer.Option(metavar="VERSION", help=_VERSION_HELP)] = None,
    queries: Annotated[Path | None, typer.Option(help="A file of queries for Table VI, one a line.")] = None,
    seeds: Annotated[int | None, typer.Option(min=0, help="Sampled runs beside the greedy one.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Judge on at most this many test examples.")] = None,
    quantization: Annotated[str | None, typer.Option(metavar="int8,int4", help=_QUANTIZATION_HELP)] = None,
    shop: ShopOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Score the versions' replies on what they never saw: tables, charts, intervals. (Stage 4)"""
    from endcloud.assembly import Shop, precision
    from endcloud.assembly.judging import Additions, judge
    from endcloud.scoring.tables import summary_rows

    console = Console(as_json)
    fewer_bits = precision.quantizations(quantization) if quantization is not None else ()
    additions = Additions(notes=[precision.NOTE] if fewer_bits else [])
    with Shop.open(shop, console) as opened:
        outcome = judge(opened, version, queries=queries, seeds=seeds, limit=limit, additions=additions)
        rows = precision.compare(opened, outcome, fewer_bits) if fewer_bits else []
        if rows:
            precision.write(rows, outcome.folder, str(opened.base.device))
    console.result({**outcome.as_json(), **({"precision": precision.as_json(rows)} if rows else {})})
    console.table("The test split: means and 95 % intervals", *summary_rows(outcome.evaluation))
    if rows:
        console.table(precision.BRIEF_TITLE, precision.BRIEF_HEAD, [row.brief() for row in rows])
    console.text(f"Tables and pictures: {outcome.folder / 'report.md'}")

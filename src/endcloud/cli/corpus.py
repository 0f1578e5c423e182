"""`endcloud corpus`: recorded dialogues become clean, masked training examples."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from endcloud.cli.console import Console
from endcloud.cli.options import HERE, JsonOption, ShopOption
from endcloud.errors import UsageError


def corpus(
    sources: Annotated[list[Path], typer.Argument(metavar="SOURCE...", help="Files or directories; .gz too.")],
    format: Annotated[str, typer.Option(help="auto, jddc, ecd, messages, sharegpt, alpaca or table.")] = "auto",
    column: Annotated[
        list[str] | None,
        typer.Option(metavar="PART=NAME", help="For CSV/TSV: which column is what, e.g. query=问题 reply=回答."),
    ] = None,
    shop: ShopOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Clean recorded dialogues into examples: masked, deduplicated, split. (Stage 1)"""
    from endcloud.assembly import Shop

    console = Console(as_json)
    with Shop.open(shop, console) as opened:
        report = opened.prepare_corpus(sources, format, _columns(column or []))
    figures: dict[str, Any] = report.as_json()
    console.result(figures)
    dialogues, examples = figures["dialogues"], figures["examples"]
    console.text(
        f"{dialogues['kept']:,} of {dialogues['read']:,} dialogues kept; "
        + ", ".join(f"{count:,} {split}" for split, count in examples.items())
        + " examples."
    )
    rows = [*figures["dropped"].items(), *([("malformed lines", figures["malformed"])] if figures["malformed"] else [])]
    if rows:
        console.table("Left out", ("reason", "count"), [(str(reason), int(count)) for reason, count in rows])
    console.text(f"Next: endcloud teach --dry-run --shop {shop}", style="bold")


def _columns(given: list[str]) -> dict[str, str]:
    columns = dict(part.partition("=")[::2] for part in given)
    if any(not name for name in columns.values()):
        raise UsageError(f"The option --column is {given!r}; write it as PART=NAME, e.g. --column reply=回答.")
    return columns

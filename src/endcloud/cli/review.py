"""`endcloud review`: people judge replies without knowing who wrote them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from endcloud.cli.console import Console
from endcloud.cli.options import HERE, JsonOption, ShopOption

app = typer.Typer(no_args_is_help=True, help="Let people judge replies blind, and read their judgements.")


@app.command()
def prepare(
    results: Annotated[Path | None, typer.Option(metavar="DIR", help="Results folder; the newest without it.")] = None,
    csv: Annotated[bool, typer.Option("--csv", help="A CSV file for a spreadsheet instead of a web page.")] = False,
    queries: Annotated[int, typer.Option(min=1, help="How many questions are judged.")] = 30,
    seed: Annotated[int, typer.Option(help="Seed of what is drawn and of the shuffle.")] = 0,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where the sheet goes.")] = None,
    shop: ShopOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Make a blind sheet of an evaluation's replies: versions shuffled, identical replies once, the key kept apart."""
    from endcloud.assembly import Shop
    from endcloud.assembly.reviewing import prepare_review

    console = Console(as_json)
    with Shop.open(shop, console) as opened:
        made = prepare_review(
            opened, results=results, form="csv" if csv else "page", seed=seed, queries=queries, out=out
        )
    console.result({"sheet": made.sheet, "path": str(made.path), "key": str(made.key), "rows": made.rows})
    console.text(f"A blind sheet of {made.rows} replies is in {made.path}; its key stays in the shop.")
    console.text(f"Then: endcloud review read JUDGEMENTS.csv --shop {shop}", style="bold")


@app.command()
def read(
    judgements: Annotated[list[Path], typer.Argument(metavar="CSV...", help="Filled sheets, as exported.")],
    reviewer: Annotated[str, typer.Option(help="Who judged, where the sheet does not say.")] = "",
    shop: ShopOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Read filled sheets into the store; reading one twice changes nothing."""
    from endcloud.assembly import Shop
    from endcloud.assembly.reviewing import agreement_text, read_review

    console = Console(as_json)
    with Shop.open(shop, console) as opened:
        counts = {str(path): len(read_review(opened, path, reviewer)) for path in judgements}
        text, known = agreement_text(opened), len(opened.reviews.all())
    console.result({"read": counts, "reviews": known})
    for path, number in counts.items():
        console.text(f"{path}: {number} judgements; the store has {known}.")
    console.text(text)
    console.text(f"Next: endcloud calibrate scores --shop {shop}", style="bold")

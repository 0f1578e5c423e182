"""`endcloud backup`: the whole shop in another directory, also while it is served."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from endcloud.cli.console import Console
from endcloud.cli.options import HERE, JsonOption, ShopOption
from endcloud.errors import UsageError


def backup(
    destination: Annotated[Path, typer.Argument(metavar="DEST", help="A directory that is not there yet.")],
    shop: ShopOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Copy the whole shop, its key included, also while it is served. Whole or not at all."""
    from endcloud.assembly import Shop
    from endcloud.store.backup import back_up

    console = Console(as_json)
    with Shop.open(shop, console) as opened:
        if opened.settings.store.url:
            raise UsageError(
                "This shop's rows are in PostgreSQL: back them up with `pg_dump`, and copy the shop's directory too."
            )
        size = back_up(opened.directory, destination)
    console.result({"backup": str(destination.resolve()), "bytes": size})
    console.text(f"The shop is copied to {destination} ({size / 1e6:.1f} MB).")
    console.text("Keep it safe: it holds what customers wrote, and the shop's key.")
    console.text(f"To use it: endcloud serve --shop {destination}")

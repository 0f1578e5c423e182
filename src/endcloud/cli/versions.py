"""`endcloud versions`: what was trained, what is in service, and how to change that."""

from __future__ import annotations

from typing import Annotated

import typer

from endcloud.cli.console import Console
from endcloud.cli.options import HERE, JsonOption, ShopOption

app = typer.Typer(no_args_is_help=True, help="List, show, promote and roll back adapter versions.")

Version = Annotated[str, typer.Argument(metavar="VERSION", help="A digest, or the beginning of one.")]


@app.command("list")
def list_versions(shop: ShopOption = HERE, as_json: JsonOption = False) -> None:
    """All versions, oldest first, with their standing and score."""
    from endcloud.assembly import Shop

    console = Console(as_json)
    with Shop.open(shop, console) as opened:
        rows = [opened.describe(version) for version in opened.versions.all()]
    console.result({"versions": rows})
    if not rows:
        console.text(f"There is no version yet; make one with `endcloud train --shop {shop}`.")
        return
    columns = ("version", "method", "examples", "standing", "final score", "trained from")
    console.table(
        "Versions",
        columns,
        [
            (
                row["version"][:8],
                row["method"],
                row["examples"],
                row["standing"],
                row["final_score"],
                row["parent"][:8],
            )
            for row in rows
        ],
    )


@app.command()
def show(version: Version, shop: ShopOption = HERE, as_json: JsonOption = False) -> None:
    """One version: its settings, what it learned from, its figures and its history."""
    from endcloud.assembly import Shop

    console = Console(as_json)
    with Shop.open(shop, console) as opened:
        found = opened.versions.get(version)
        figures = opened.describe(found) | {
            "path": str(opened.versions.path(found.digest)),
            "settings": dict(found.settings),
            "metrics": opened.versions.metrics(found.digest),
            "history": [[str(at), standing, reason] for at, standing, reason in opened.versions.history(found.digest)],
        }
    console.result(figures)
    for name, value in figures.items():
        if name == "history":
            console.table("History", ("when", "standing", "reason"), value)
        elif isinstance(value, dict):
            console.table(name, ("", "value"), [(str(key), str(item)) for key, item in value.items()])
        else:
            console.text(f"{name}: {value}")


@app.command()
def promote(version: Version, shop: ShopOption = HERE, as_json: JsonOption = False) -> None:
    """Put a version into service; it is checked before."""
    from endcloud.assembly import Shop

    console = Console(as_json)
    with Shop.open(shop, console) as opened:
        digest = opened.put_into_service(version, "promoted by hand")
    console.result({"active": digest})
    console.text(f"Version {digest[:12]} is in service. Talk to it: endcloud chat --shop {shop}")


@app.command()
def rollback(shop: ShopOption = HERE, as_json: JsonOption = False) -> None:
    """Go back to the version that was in service before."""
    from endcloud.assembly import Shop

    console = Console(as_json)
    with Shop.open(shop, console) as opened:
        digest = opened.roll_back("rolled back by hand")
    console.result({"active": digest})
    console.text(f"Version {digest[:12]} is in service again.")

"""`endcloud customers`: what is kept of a customer, to show, to hand over, and to erase."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from endcloud.cli.console import Console
from endcloud.cli.options import HERE, JsonOption, ShopOption
from endcloud.errors import NotFoundError, UsageError

app = typer.Typer(no_args_is_help=True, help="Show, export and forget what is kept of a customer.")

Customer = Annotated[str, typer.Argument(metavar="CUSTOMER", help="The customer's name in the shop's own system.")]


@app.command()
def show(customer: Customer, shop: ShopOption = HERE, as_json: JsonOption = False) -> None:
    """What is kept of a customer, in short."""
    from endcloud.assembly import Shop
    from endcloud.assembly.customers import kept_of

    console = Console(as_json)
    with Shop.open(shop, console) as opened:
        kept = _found(kept_of(opened, customer), customer)
    console.result(kept)
    facts = [(name, str(value)) for name, value in kept["facts"].items()]
    console.table("What the shop's system told", ("fact", "value"), facts)
    memories = [(one["topic"], one["text"], one["at"][:16]) for one in kept["memories"]]
    console.table("What the customer said", ("topic", "words", "when"), memories)
    talks = [
        (one["id"], len(one["turns"]), one["turns"][-1]["at"][:16] if one["turns"] else "")
        for one in kept["conversations"]
    ]
    console.table("Conversations", ("conversation", "turns", "last"), talks)


@app.command()
def export(customer: Customer, shop: ShopOption = HERE) -> None:
    """Everything that is kept of a customer, as one JSON object on stdout."""
    from endcloud.assembly import Shop
    from endcloud.assembly.customers import kept_of

    console = Console(as_json=True)
    with Shop.open(shop, console) as opened:
        console.result(_found(kept_of(opened, customer), customer))


@app.command()
def forget(
    customer: Customer,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    shop: ShopOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Erase everything that is kept of a customer. It cannot be undone."""
    from endcloud.assembly import Shop
    from endcloud.assembly.customers import customers_of, kept_of

    console = Console(as_json)
    with Shop.open(shop, console) as opened:
        _found(kept_of(opened, customer), customer)
        if not yes:
            if as_json:
                raise UsageError("With --json nobody can be asked; add --yes to erase.")
            if not typer.confirm(f"Erase everything that is kept of {customer!r}?"):
                console.text("Nothing was erased.")
                return
        erased = customers_of(opened).forget(customer)
    console.result({"customer": customer, "erased": erased})
    console.text("Erased: " + ", ".join(f"{count} {kind}" for kind, count in erased.items() if count) + ".")


def _found(kept: dict[str, Any], customer: str) -> dict[str, Any]:
    if not (kept["facts"] or kept["memories"] or kept["conversations"]):
        raise NotFoundError(f"Nothing is kept of a customer {customer!r}.")
    return kept

"""`endcloud customers`: what is kept of a customer, to show, to hand over, and to erase; how long anything is kept."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from endcloud.cli.console import Console
from endcloud.cli.options import HERE, JsonOption, ShopOption
from endcloud.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from endcloud.assembly.forgetting import Forgotten
    from endcloud.assembly.retraining import Retrained
    from endcloud.assembly.shop import Shop

app = typer.Typer(no_args_is_help=True, help="Show, export and forget what is kept of customers.")

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
    memories = [(one["topic"], one["text"], one["at"][:16]) for one in kept["memories"]]
    talks = [
        (one["id"], len(one["turns"]), one["turns"][-1]["at"][:16] if one["turns"] else "")
        for one in kept["conversations"]
    ]
    made = [(kind, len(kept[kind])) for kind in ("examples", "lessons", "versions") if kept[kind]]
    for title, columns, rows in (
        ("What the shop's system told", ("fact", "value"), facts),
        ("What the customer said", ("topic", "words", "when"), memories),
        ("Conversations", ("conversation", "turns", "last"), talks),
        ("Made of what they said", ("what", "how many"), made),
    ):
        if rows:
            console.table(title, columns, rows)


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
    retrain: Annotated[
        bool,
        typer.Option("--retrain", help="Train the version in service again without them, if it learned from them."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    shop: ShopOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Erase everything that is kept of a customer; the ledger gets the proof. It cannot be undone."""
    from endcloud.assembly import Shop
    from endcloud.assembly.customers import kept_of
    from endcloud.assembly.forgetting import forget, forgotten_on, must_be_trained_again

    console = Console(as_json)
    with Shop.open(shop, console) as opened:
        _found(kept_of(opened, customer), customer, forgotten_on(opened, customer))
        if not yes:
            if as_json:
                raise UsageError("With --json nobody can be asked; add --yes to erase.")
            if not typer.confirm(f"Erase everything that is kept of {customer!r}?"):
                console.text("Nothing was erased.")
                return
        done = forget(opened, customer)
        again = _trained_again(opened) if retrain else None
        waiting = {one.digest: opened.version_name(one.digest) for one in must_be_trained_again(opened)}
    result = asdict(done) | {"customer": customer, "waiting": list(waiting)}
    console.result(result | ({"retrained": asdict(again)} if again else {}))
    console.text("Erased: " + ", ".join(f"{count} {kind}" for kind, count in done.erased.items() if count) + ".")
    console.text(f"The proof is in the ledger, under {done.subject[:16]} (`endcloud ledger list`).")
    _tell_files(console, done)
    _tell_retrained(console, again)
    _tell_waiting(console, waiting, shop)
    _tell_rest(console, done)
    if again and again.left:
        raise typer.Exit(1)


@app.command()
def retrain(shop: ShopOption = HERE, as_json: JsonOption = False) -> None:
    """Train the version in service again without all who were forgotten, and remove what learned from them."""
    from endcloud.assembly import Shop
    from endcloud.assembly.forgetting import must_be_trained_again

    console = Console(as_json)
    with Shop.open(shop, console) as opened:
        again = _trained_again(opened)
        waiting = {one.digest: opened.version_name(one.digest) for one in must_be_trained_again(opened)}
    console.result(asdict(again) | {"waiting": list(waiting)})
    _tell_retrained(console, again)
    _tell_waiting(console, waiting, shop)
    if again.left:
        raise typer.Exit(1)
    if not again.removed:
        console.text("No version learned from anybody who was forgotten.")


@app.command()
def retain(shop: ShopOption = HERE, as_json: JsonOption = False) -> None:
    """Erase what is older than the settings allow (privacy.retention); a service does so by itself, every hour."""
    from endcloud.assembly import Shop
    from endcloud.assembly.retention import retain

    console = Console(as_json)
    with Shop.open(shop, console) as opened:
        keeping, erased = opened.settings.privacy.retention, retain(opened)
    console.result({"kept_days": keeping.model_dump(), "erased": erased})
    if not any(keeping.model_dump().values()):
        console.text("Everything is kept for good: no time is set in [privacy.retention] of endcloud.toml.")
    else:
        console.text("Erased: " + (", ".join(f"{rows} {kind}" for kind, rows in erased.items()) or "nothing") + ".")


def _trained_again(shop: Shop) -> Retrained:
    os.environ["HF_HUB_OFFLINE"] = "1"  # before anything of the hub is imported: no name is ever looked up there
    from endcloud.assembly.evolving import Evolution
    from endcloud.assembly.retraining import retrain
    from endcloud.cloud.retry import WallClock

    return retrain(Evolution(shop, WallClock(), in_process=True))


def _tell_files(console: Console, done: Forgotten) -> None:
    if done.files:
        console.text("Removed, since they quoted this customer or can be made again: " + ", ".join(done.files) + ".")


def _tell_retrained(console: Console, again: Retrained | None) -> None:
    if again is None:
        return
    if again.removed:
        console.text(f"Removed: {', '.join(one[:8] for one in again.removed)}. {again.reason}")
    elif again.left:
        console.text(
            f"The version in service was not replaced. {again.reason} To put the new one there all the same, run "
            "`endcloud versions promote VERSION`, then `endcloud customers retrain`."
        )


def _tell_waiting(console: Console, waiting: dict[str, str], shop: Path) -> None:
    if waiting:
        names = ", ".join(waiting.values())
        console.text(
            f"Learned from customers who were forgotten, and still here: {names}. `endcloud customers retrain --shop "
            f"{shop}` trains the one in service again without them and removes all of these."
        )


def _tell_rest(console: Console, done: Forgotten) -> None:
    """What is left to the shop, since nobody but the shop can do it."""
    if done.scorers:
        console.text(f"Learned from them too: {', '.join(done.scorers)}; run `endcloud scorers train`, then delete it.")
    if done.logs:
        console.text(
            f"Not erased, since they are the shop's own: the logs that the corpus was read from "
            f"({', '.join(done.logs)}). Read again, they give no examples of this customer."
        )
    console.text("Copies made by `endcloud backup` still hold this customer: delete those that are older than today.")


def _found(kept: dict[str, Any], customer: str, forgotten: str = "") -> dict[str, Any]:
    from endcloud.assembly.customers import is_empty

    if is_empty(kept):
        since = f"; they were forgotten on {forgotten} (`endcloud ledger list`)" if forgotten else ""
        raise NotFoundError(f"Nothing is kept of a customer {customer!r}{since}.")
    return kept

"""`endcloud keys`: who may call the service, and as what."""

from __future__ import annotations

from typing import Annotated

import typer

from endcloud.cli.console import Console
from endcloud.cli.options import HERE, JsonOption, ShopOption

app = typer.Typer(no_args_is_help=True, help="Make, list and revoke the keys to the service.")

_ROLES = "service: the shop's own system; customer: an OpenAI client; agent, reviewer: people; admin: the owner."
Name = Annotated[str, typer.Argument(metavar="NAME", help="What the key is called; agents are known by it.")]


@app.command()
def make(
    name: Name,
    role: Annotated[str, typer.Option(metavar="ROLE", help=_ROLES)],
    shop: ShopOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Make a key. It is shown now and never again: only its hash is kept."""
    from endcloud.assembly import Shop
    from endcloud.assembly.serving import keys_of

    console = Console(as_json)
    with Shop.open(shop, console) as opened:
        key = keys_of(opened).make(name, role)
    console.result({"name": name, "role": role, "key": key})
    if not as_json:
        typer.echo(key)  # alone on a line of stdout, whatever the width: it is copied
    console.say(f"This is the only time the key {name!r} ({role}) is shown; keep it where secrets are kept.")


@app.command("list")
def list_keys(shop: ShopOption = HERE, as_json: JsonOption = False) -> None:
    """All keys ever made: their names and roles, not the keys."""
    from endcloud.assembly import Shop
    from endcloud.assembly.serving import keys_of

    console = Console(as_json)
    with Shop.open(shop, console) as opened:
        keys = keys_of(opened).all()
    console.result({"keys": [{"name": k.name, "role": k.role, "made": k.at, "revoked": k.revoked} for k in keys]})
    if not keys:
        console.text(f"There is no key yet; make one with `endcloud keys make NAME --role admin --shop {shop}`.")
        return
    rows = [
        (k.name, k.role, f"{k.at:%Y-%m-%d %H:%M}", f"{k.revoked:%Y-%m-%d %H:%M}" if k.revoked else "") for k in keys
    ]
    console.table("Keys", ("name", "role", "made", "revoked"), rows)


@app.command()
def revoke(name: Name, shop: ShopOption = HERE, as_json: JsonOption = False) -> None:
    """Let a key open nothing any more, within two seconds, in a running service too."""
    from endcloud.assembly import Shop
    from endcloud.assembly.serving import keys_of

    console = Console(as_json)
    with Shop.open(shop, console) as opened:
        keys_of(opened).revoke(name)
    console.result({"revoked": name})
    console.text(f"The key {name!r} is revoked.")

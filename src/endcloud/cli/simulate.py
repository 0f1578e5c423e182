"""`endcloud simulate`: a shop that drifts, is edited, grows and is attacked, with and without online evolution."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from endcloud.cli.console import Console
from endcloud.cli.options import JsonOption, ShopOption

if TYPE_CHECKING:
    from endcloud.assembly.simulating import Simulation

_SHOP = Path("simulation-shop")


def simulate(
    quick: Annotated[bool, typer.Option("--quick", help="Two arms, one seed, fewer questions: 4 minutes.")] = False,
    seeds: Annotated[int | None, typer.Option(min=1, max=20, help="Runs of each arm.", show_default="3")] = None,
    arm: Annotated[list[str] | None, typer.Option(metavar="ARM", help="Only this arm (repeatable).")] = None,
    processes: Annotated[int | None, typer.Option(min=1, max=64, help="Arms side by side.")] = None,
    shop: ShopOption = _SHOP,
    as_json: JsonOption = False,
) -> None:
    """Days of service on the bundled shop: edited policies, new products, attackers; with and without evolution."""
    from endcloud.assembly.shop import Shop
    from endcloud.assembly.simulating import simulate, teach_shop
    from endcloud.bundled.shop import load_shop
    from endcloud.cli.bundled_shop import DIALOGUES, set_up
    from endcloud.errors import UsageError
    from endcloud.simulation.schedule import ARMS, FULL, QUICK, QUICK_ARMS

    unknown = [name for name in arm or () if name not in ARMS]
    if unknown:
        raise UsageError(f"There is no arm {unknown[0]!r}; the arms are {', '.join(map(repr, ARMS))}.")
    chosen = tuple(name for name in ARMS if name in arm) if arm else (QUICK_ARMS if quick else ARMS)
    os.environ["HF_HUB_OFFLINE"] = "1"
    console = Console(as_json)
    set_up(shop, load_shop())
    with Shop.open(shop, console) as opened:
        teach_shop(opened, shop / DIALOGUES)
        found = simulate(
            opened,
            chosen,
            range(1, 1 + (seeds or (1 if quick else 3))),
            QUICK if quick else FULL,
            processes or os.cpu_count() or 1,
        )
    console.result(found.as_json())
    _show(console, found)


def _show(console: Console, found: Simulation) -> None:
    """The table arm by arm (it is too wide for a terminal), the targets, and where the rest is."""
    from endcloud.simulation.report import attack_table, table, target_rows

    for title, (head, lines) in {
        "The drifting shop": table(found.rows),
        "What the attacks did": attack_table(found.rows),
    }.items():
        arms = [line[0] for line in lines]
        console.table(title, ("", *arms), [(name, *(line[at] for line in lines)) for at, name in enumerate(head) if at])
    console.table("Targets, of the arm with replay", ("target", "at most", "found", "met"), target_rows(found.rows))
    console.text(f"Tables, charts and rounds: {found.report}")

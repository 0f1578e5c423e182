"""`endcloud doctor`: is everything at hand, and what would a training take?"""

from __future__ import annotations

from typing import Annotated

import typer

from endcloud.cli.console import Console
from endcloud.cli.options import HERE, JsonOption, ShopOption

_MARKS = {"ok": "ok", "note": "note", "bad": "MISSING"}


def doctor(
    ask: Annotated[bool, typer.Option("--ask", help="Also ask the cloud one short question (costs a little).")] = False,
    shop: ShopOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Check machine, model, cloud, fonts and settings; estimate memory and time of a training."""
    from endcloud.assembly import Shop
    from endcloud.cli.diagnosis import diagnose

    console = Console(as_json)
    with Shop.open(shop, console) as opened:
        findings = diagnose(opened, ask=ask)
    console.result({finding.name: {"state": finding.state, "says": finding.says} for finding in findings})
    console.table("Doctor", ("what", "state", "found"), [(f.name, _MARKS[f.state], f.says) for f in findings])
    bad = [finding.name for finding in findings if finding.state == "bad"]
    console.text(f"To mend: {', '.join(bad)}." if bad else "All is at hand.", style="bold")
    if bad:
        raise typer.Exit(1)

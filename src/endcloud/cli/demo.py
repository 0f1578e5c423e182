"""`endcloud demo`: the whole loop on the bundled shop, with a summary."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from endcloud.cli.console import Console
from endcloud.cli.options import JsonOption, ShopOption

if TYPE_CHECKING:
    from endcloud.bootstrap import Interval
    from endcloud.cli.demonstration import Demonstration

_SHOP = Path("demo-shop")


def demo(
    full: Annotated[bool, typer.Option("--full", help="All seeds and all points of the curves; takes longer.")] = False,
    shop: ShopOption = _SHOP,
    as_json: JsonOption = False,
) -> None:
    """Watch the whole loop run for real on a small bundled shop: no GPU, no key, no downloads."""
    from endcloud.cli.demonstration import demonstrate

    console = Console(as_json)
    found = demonstrate(shop, console, full=full)
    console.result(found.as_json())
    _summarise(console, found)


def _short(interval: Interval) -> str:
    """Narrow enough for four of them beside a name on 80 columns; the report has both ends."""
    return f"{interval.mean:.2f} ± {(interval.high - interval.low) / 2:.2f}"


def _summarise(console: Console, found: Demonstration) -> None:
    """The table at the end: what was right, how it scored, how long it took, where to go on."""
    rows = [
        (
            name,
            _short(found.right[name]),
            _short(found.right_patterns[name]),
            _short(found.final[name]),
            _short(found.style[name]),
        )
        for name in found.right
    ]
    cloud = ("cloud (stand-in)", f"{found.cloud_right:.2f}", f"{found.cloud_right_patterns:.2f}", "–", "–")
    console.table(
        "Who answers how well: share of right replies to unseen questions (± half the 95 % interval)",
        ("version", "combinations", "patterns", "final score", "manner"),
        [*rows, cloud],
    )
    console.text(
        "combinations: known ways to ask, put together anew; patterns: ways to ask that were never seen; final score: "
        "Equation 1 on the test split; manner: replies in the shop's tone.",
        style="dim",
    )
    unmoved = [name for name in found.right if name != "base" and found.right[name].low <= found.right["base"].high]
    if unmoved:
        console.text(
            f"Not above the base in the demo's few steps: {', '.join(unmoved)} (the loss fell, see the convergence "
            "chart; give it more with `endcloud train --steps`)."
        )
    console.text("Seconds: " + ", ".join(f"{stage} {seconds:.0f}" for stage, seconds in found.seconds.items()))
    console.text(
        f"In service: {found.promoted.method} {found.promoted.digest[:8]}. Cloud and scorers are stand-ins of this "
        f"machine; {found.spent:.3f} of invented money was spent.",
        style="dim",
    )
    console.panel(
        f"open {found.outcome.folder / 'report.md'}\n"
        f"endcloud chat --shop {found.shop}\n"
        f"endcloud versions list --shop {found.shop}\n"
        "endcloud init my-shop --profile qwen3-0.6b",
        "Go on",
    )

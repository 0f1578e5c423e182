"""`endcloud calibrate`: what the automatic scores are fitted to people's judgements by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from endcloud.cli.console import Console
from endcloud.cli.options import HERE, JsonOption, ShopOption

if TYPE_CHECKING:
    from endcloud.assembly.calibrating import Calibrated

app = typer.Typer(no_args_is_help=True, help="Fit the automatic scores to what people said.")

_SIGNS = {"alpha": "α", "threshold": "Θ", "poor": "poor below"}


@app.callback()
def calibrate() -> None:
    """Fit the automatic scores to what people said."""


@app.command()
def scores(
    write: Annotated[bool, typer.Option("--write", help="Set the fitted values in endcloud.toml.")] = False,
    resamples: Annotated[int, typer.Option(min=50, help="Bootstrap resamples.")] = 400,
    shop: ShopOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Fit α, Θ and the threshold for poor to human reviews; say how far the data can tell."""
    from endcloud.assembly import Shop
    from endcloud.assembly.calibrating import calibrate_scores, write_calibration

    console = Console(as_json)
    with Shop.open(shop, console) as opened:
        calibrated = calibrate_scores(opened, resamples=resamples)
        if write:
            write_calibration(opened, calibrated)
        settings = opened.directory.settings
    console.result({**calibrated.as_json(), "written": write})
    _show(console, calibrated)
    if write:
        console.text(f"Written to {settings}.")
    else:
        console.text(f"Advised: put under [scoring] in {settings} (or add --write):")
        for name, value in calibrated.lines().items():
            console.text(f"  {name} = {value:g}", style="bold")


def _show(console: Console, calibrated: Calibrated) -> None:
    found = calibrated.calibration
    console.table(
        f"Fitted to {found.judged:,} judged replies, {found.poor:,} of them poor",
        ("setting", "present", "fitted", "95 % interval"),
        [
            (
                sign,
                f"{getattr(found.before, name):.2f}",
                f"{getattr(found.values, name):.2f}",
                f"[{found.intervals[name].low:.2f}, {found.intervals[name].high:.2f}]",
            )
            for name, sign in _SIGNS.items()
        ],
    )
    tracks = (found.present.measures(), found.fitted.measures(), found.unseen.measures())
    console.table(
        "Agreement with people",
        ("measure", "present settings", "fitted, same reviews", "fitted, unseen reviews"),
        [(name, *("–" if (one := track[name]) is None else one.text(2) for track in tracks)) for name in tracks[0]],
    )
    for warning in found.warnings:
        console.text(f"Note: {warning}", style="yellow")
    console.text(f"Chart and figures: {calibrated.folder}")

"""`endcloud calibrate`: the automatic scores fitted to people's judgements, the routes to scored exchanges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from endcloud.cli.console import Console
from endcloud.cli.options import HERE, JsonOption, ShopOption

if TYPE_CHECKING:
    from endcloud.assembly.calibrating import Calibrated
    from endcloud.assembly.route_calibration import Calibrated as CalibratedRoutes
    from endcloud.assembly.route_calibration import Expected
    from endcloud.bootstrap import Interval

app = typer.Typer(no_args_is_help=True, help="Fit the automatic scores to what people said, and the routes to scores.")

_SIGNS = {"alpha": "α", "threshold": "Θ", "poor": "poor below"}


@app.callback()
def calibrate() -> None:
    """Fit the automatic scores to what people said, and the routes to scores."""


@app.command()
def scores(
    write: Annotated[bool, typer.Option("--write", help="Set what is advised in endcloud.toml.")] = False,
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
        written = write and write_calibration(opened, calibrated)
        settings = opened.directory.settings
    console.result({**calibrated.as_json(), "written": written})
    _show(console, calibrated)
    if written:
        console.text(f"Written to {settings}:")
    elif calibrated.lines():
        console.text(f"Advised: put under [scoring] in {settings} (or add --write):")
    else:
        console.text(f"No value is advised: the reviews cannot tell a better one yet. {settings} stays as it is.")
    for name, value in calibrated.lines().items():
        console.text(f"  {name} = {value:g}", style="bold")


_TARGET = (
    "cloud-share=0.2 (of all questions), cost=1.5 (of 1,000 questions) or risk=0.05 (of wrong end replies): at most."
)
_HELD_BACK = (
    "Tokens of a reply held back until it is judged; without it, the fewest that do nearly as well as the best."
)
_QUESTIONS = "On the bundled shop: questions of each held-out kind that both models are asked."


@app.command()
def routes(
    target: Annotated[str, typer.Option("--target", metavar="WHAT=VALUE", help=_TARGET)] = "cloud-share=0.2",
    version: Annotated[str, typer.Option("--version", help="A version; else the one in service.")] = "",
    held_back: Annotated[int | None, typer.Option("--held-back", min=1, max=512, help=_HELD_BACK)] = None,
    questions: Annotated[int, typer.Option(min=40, help=_QUESTIONS)] = 250,
    shop: ShopOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Fit the decision whether the end model or the cloud answers; say what to expect of it."""
    from endcloud.assembly import Shop
    from endcloud.assembly.route_calibration import Target, calibrate_routes

    console = Console(as_json)
    wanted = Target.parse(target)
    with Shop.open(shop, console) as opened:
        found = calibrate_routes(opened, wanted, version=version, held_back=held_back, questions=questions)
        called = opened.version_name(found.version)
    console.result(found.as_json())
    _show_routes(console, found, called)


def _show_routes(console: Console, found: CalibratedRoutes, called: str) -> None:
    from endcloud.assembly.route_calibration import tokens_text

    def text(interval: Interval | None) -> str:
        return "–" if interval is None else interval.text(2)

    def share(interval: Interval | None) -> str:
        return "–" if interval is None else f"{interval.mean:.0%}"

    def name(one: Expected) -> str:
        return ("▸ " if one is found.chosen else "  ") + tokens_text(one.held_back).removesuffix(" held back")

    console.table(
        f"{called}: what to expect, from {len(found.outcomes):,} exchanges judged by {found.measured_by}",
        ("held back", "to the cloud", "acceptable", "wrong among end replies"),
        [
            (name(one), *(f"{part:.1%}" for part in (one.point.share, one.point.quality, one.point.risk)))
            for one in found.expected
        ],
    )
    console.table(
        "How good the decision is (cross-fitted, 95 % intervals)",
        ("held back", "APGR", "CPT(50 %)", "CPT(80 %)", "ECE"),
        [
            (name(one), text(figures.apgr), share(figures.cpt50), share(figures.cpt80), f"{figures.ece.mean:.3f}")
            for one in found.expected
            for figures in (one.figures,)
        ],
    )
    console.text(found.sentence, style="bold")
    if found.measured_by != "truth":
        console.text("Note: replies are measured against the cloud's, so the cloud itself counts as acceptable.")
    if found.outcomes.end.mean() >= found.outcomes.cloud.mean():
        console.text(
            "Note: the cloud is no better than the end model here, so asking it gains nothing.", style="yellow"
        )
    console.text(f"Kept for this version: {found.path}. Charts and figures: {found.folder}")


def _show(console: Console, calibrated: Calibrated) -> None:
    found = calibrated.calibration
    console.table(
        f"Fitted to {found.judged:,} judged replies, {found.poor:,} of them poor",
        ("setting", "present", "fitted", "95 % interval", "advised"),
        [
            (
                sign,
                f"{getattr(found.before, name):.2f}",
                f"{getattr(found.values, name):.2f}",
                "–" if (interval := found.intervals[name]) is None else f"[{interval.low:.2f}, {interval.high:.2f}]",
                "–" if name in found.left else f"{getattr(found.advised, name):.2f}",
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
    for reason in dict.fromkeys(found.left.values()):
        names = ", ".join(
            f"{_SIGNS[name]} {getattr(found.before, name):g}" for name, why in found.left.items() if why == reason
        )
        console.text(f"Left as set: {names}, since {reason}.", style="yellow")
    console.text(f"Chart and figures: {calibrated.folder}")

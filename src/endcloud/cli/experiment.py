"""`endcloud experiment`: runs, resumes and reports experiments; so far the paper's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from endcloud.cli.console import Console
from endcloud.cli.options import JsonOption, ShopOption
from endcloud.errors import UsageError

if TYPE_CHECKING:
    from endcloud.assembly import Shop
    from endcloud.experiments.paper_plan import Query
    from endcloud.experiments.printed import Printed
    from endcloud.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Run the paper's experiment: its tables and figures, and more.")
_SHOP = Path("paper-shop")
_PROFILE_HELP = (
    "Models of a shop that is made (bundled, where left out; chatglm3-6b: the paper's), and those a shop must have."
)
_SCALE_HELP = "Multiplies the paper's steps; without it, 1 with the paper's preset and 0.1 otherwise."
_PRINTED_HELP = "The paper's printed figures, written down by you (docs/paper.md shows the form)."
_SMALL = 0.1


@app.callback()
def experiments() -> None:
    """Run the paper's experiment: its tables and figures, and more."""


@app.command()
def paper(
    profile: Annotated[str | None, typer.Option(help=_PROFILE_HELP)] = None,
    scale: Annotated[float | None, typer.Option(help=_SCALE_HELP)] = None,
    seeds: Annotated[int, typer.Option(min=0, max=50, help="Sampled runs beside the greedy one.")] = 3,
    limit: Annotated[int | None, typer.Option(min=1, help="Judge on at most this many test examples.")] = None,
    printed: Annotated[Path | None, typer.Option(metavar="TOML", help=_PRINTED_HELP)] = None,
    shop: ShopOption = _SHOP,
    as_json: JsonOption = False,
) -> None:
    """Tables III, V and VI and Figures 2 and 3, on your shop or on a bundled one that is made. It resumes."""
    from endcloud.assembly import Shop
    from endcloud.assembly.experiment import PaperOptions, paper_experiment
    from endcloud.experiments.paper_plan import check_scale

    console = Console(as_json)
    if scale is not None:
        check_scale(scale)  # before a shop is made for it
    queries, figures = _asked(printed)
    _make_where_missing(shop, "bundled" if profile is None else profile)
    with Shop.open(shop, console, frozenset(query.chinese for query in queries if query.allowed)) as opened:
        preset = opened.settings.end.preset
        if profile is not None:
            _check_profile(opened.settings, shop, profile)
        _prepare_where_missing(opened, shop)
        chosen = scale if scale is not None else (1.0 if preset == "paper" else _SMALL)
        done = paper_experiment(opened, PaperOptions(queries, figures, chosen, seeds, limit))
    console.result(done.as_json())
    evaluation = done.outcome.evaluation
    rows = []
    for version in evaluation.versions:
        means = [evaluation.mean(version, decoding=decoding) for decoding in ("greedy", "sampled")]
        rows.append((version, *(mean.text() if mean else "–" for mean in means)))
    console.table(f"Final score, {done.run.split}", ("version", "greedy", "sampled"), rows)
    console.text(
        "Seconds of this run: " + ", ".join(f"{stage} {seconds:.0f}" for stage, seconds in done.run.seconds.items())
    )
    console.panel(f"open {done.report}\nendcloud review prepare --shop {shop}", "Go on")


def _asked(printed: Path | None) -> tuple[tuple[Query, ...], Printed]:
    """The six queries and what the paper prints about them."""
    from endcloud.experiments.paper_plan import queries
    from endcloud.experiments.printed import Printed, read_printed

    ours = queries()
    if printed is None:
        return ours, Printed()
    figures, sent = read_printed(printed, ours)
    return sent, figures


def _make_where_missing(root: Path, profile: str) -> None:
    """A bundled shop is made whole; of another profile only the settings can be."""
    from endcloud.bundled.shop import load_shop
    from endcloud.cli.bundled_shop import set_up
    from endcloud.cli.profiles import PROFILES, make_shop
    from endcloud.store.directory import ShopDirectory

    if profile not in PROFILES:
        raise UsageError(f"The profile {profile!r} is unknown; there are {', '.join(PROFILES)}.")
    if ShopDirectory(root).settings.exists():
        return
    if profile == "bundled":
        set_up(root, load_shop())
        return
    make_shop(root, profile)
    raise UsageError(
        f"A shop of the profile {profile!r} was made in {str(root)!r}: look through its endcloud.toml, put the model "
        f"where it says, then `endcloud corpus YOUR-CHAT-LOGS --shop {root}` and this command again."
    )


def _check_profile(settings: Settings, root: Path, profile: str) -> None:
    """A shop that is there already has its own models: a profile that asks for others is not passed over."""
    from endcloud.cli.profiles import PROFILES
    from endcloud.settings import EndSettings

    asked = EndSettings(**PROFILES[profile].get("end", {}))
    has = settings.end
    # An imported model may stand in another directory of the same name.
    if (Path(has.model).name.lower(), has.preset) != (Path(asked.model).name.lower(), asked.preset):
        raise UsageError(
            f"The shop {str(root)!r} has the base model {has.model!r} and the preset {has.preset!r}; the profile "
            f"{profile!r} has {asked.model!r} and {asked.preset!r}. Set end.model and end.preset in its "
            "endcloud.toml, name another directory, or leave --profile out to run with what the shop has."
        )


def _prepare_where_missing(opened: Shop, root: Path) -> None:
    from endcloud.cli.bundled_shop import DIALOGUES

    recorded = opened.directory.root / DIALOGUES
    if not opened.directory.corpus.is_dir():
        if not recorded.exists():
            raise UsageError(f"{str(root)!r} has no examples yet; run `endcloud corpus YOUR-CHAT-LOGS --shop {root}`.")
        opened.prepare([recorded])

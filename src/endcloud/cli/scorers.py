"""`endcloud scorers`: in-domain scorers, trained on the shop's own dialogues and compared with the others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from endcloud.cli.console import Console
from endcloud.cli.options import HERE, JsonOption, ShopOption

app = typer.Typer(no_args_is_help=True, help="Train scorers on the shop's own dialogues; see how good scorers are.")

_BASE_HELP = "Directory of an encoder to begin with; without it, a small one is made from the shop's own words."
_CANDIDATES_HELP = "Also a file of contexts with true and false replies, in ECD's format."


@app.command()
def train(
    base: Annotated[Path | None, typer.Option("--base", metavar="DIR", help=_BASE_HELP)] = None,
    shop: ShopOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Fit similarity and relevance to the shop's own dialogues."""
    from endcloud.assembly import Shop
    from endcloud.assembly.in_domain import train_in_domain

    console = Console(as_json)
    with Shop.open(shop, console) as opened:
        trained = train_in_domain(opened, base)
    negatives = trained.about["hard negatives"]
    console.result({"directory": str(trained.directory), **trained.about})
    console.text(
        f"Both scorers ({trained.about['base']}) learned from {trained.about['exchanges']:,} exchanges and "
        f"{negatives['kept']:,} hard negatives ({negatives['mined'] - negatives['kept']:,} dropped as likely right): "
        f"{trained.directory}"
    )
    console.text('To use them: similarity = "trained" and relevance = "trained" under [scoring] in endcloud.toml.')
    if trained.from_scratch:
        console.text("A small cross-encoder from scratch seldom beats the stand-in relevance; begin with --base DIR.")
    console.text(f"First see whether they are better: endcloud scorers evaluate --shop {shop}", style="bold")


@app.command()
def evaluate(
    candidates: Annotated[Path | None, typer.Option("--candidates", metavar="FILE", help=_CANDIDATES_HELP)] = None,
    limit: Annotated[int | None, typer.Option(min=20, help="At most this many contexts of the test split.")] = None,
    shop: ShopOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Find the recorded reply among others: Rn@k and MRR with 95 % intervals, one row a scorer."""
    from endcloud.assembly import Shop
    from endcloud.assembly.in_domain import compare
    from endcloud.scoring.response_selection import chance

    console = Console(as_json)
    with Shop.open(shop, console) as opened:
        compared = compare(opened, candidates, limit)
    console.result(compared.as_json())
    for task, selections in compared.tasks.items():
        names = list(selections[0].measures)
        coin = chance(int(names[0][1:].split("@")[0]))
        rows = [[one.scorer, *(one.measures[name].text() for name in names)] for one in selections]
        console.table(
            f"{task}: {selections[0].contexts:,} contexts",
            ["scorer", *names],
            [*rows, ["chance", *(f"{coin[name]:.3f}" for name in names)]],
        )
    for kind, qualities in compared.truth.items():
        kinds = list(dict.fromkeys(name for one in qualities for name in one.by_kind))
        console.table(
            f"AUC against the bundled shop's truth: {kind}",
            ["scorer", "all", *kinds],
            [[one.scorer, one.overall, *(one.by_kind.get(name) for name in kinds)] for one in qualities],
        )
    if compared.seen:
        console.text(f"{compared.seen:,} contexts of the file are left out: these scorers learned from them.")

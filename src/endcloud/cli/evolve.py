"""`endcloud evolve`: rounds of online evolution, and what came of them. With `--watch --json`, an object a round."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from endcloud.cli.console import Console
from endcloud.cli.options import HERE, JsonOption, ShopOption

if TYPE_CHECKING:
    from endcloud.assembly.evolving import Evolution
    from endcloud.assembly.shop import Shop
    from endcloud.rounds import Decision, Round

app = typer.Typer(invoke_without_command=True, help="Learn from what went wrong in service, while serving goes on.")


@app.callback()
def evolve(
    context: typer.Context,
    watch: Annotated[
        bool, typer.Option("--watch", help="Round after round, as there is something to learn, until Ctrl-C.")
    ] = False,
    shop: ShopOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """One round: poor replies are found, labelled, learned, and the new version is promoted only if proven better."""
    if context.invoked_subcommand is not None:
        return
    os.environ["HF_HUB_OFFLINE"] = "1"
    from endcloud.assembly import Shop, evolving

    console = Console(as_json)
    with Shop.open(shop, console) as opened:
        evolution = _evolution(opened)
        _stand_back(evolution)
        if watch:
            console.say(
                f"Looking every {evolution.settings.every_minutes:g} minutes for at least "
                f"{evolution.settings.fresh_replies} new replies; Ctrl-C ends it."
            )
            evolving.keep_evolving(evolution, lambda round: _tell(console, evolution, round))
        else:
            _tell(console, evolution, evolving.evolve(evolution))


@app.command("rounds")
def list_rounds(shop: ShopOption = HERE, as_json: JsonOption = False) -> None:
    """All rounds, oldest first, with what came of them."""
    from endcloud.assembly import Shop

    console = Console(as_json)
    with Shop.open(shop, console) as opened:
        rounds = _evolution(opened).rounds.all()
    console.result({"rounds": [asdict(round) for round in rounds]})
    if not rounds:
        console.text(f"There was no round yet; run `endcloud evolve --shop {shop}`.")
        return
    rows = [
        (
            round.number,
            f"{round.began:%Y-%m-%d %H:%M}",
            round.outcome or f"at {round.stage}",
            round.candidate[:8],
            round.reason,
        )
        for round in rounds
    ]
    console.table("Rounds", ("round", "began", "outcome", "candidate", "reason"), rows)


@app.command()
def show(
    number: Annotated[int, typer.Argument(metavar="ROUND", help="A round's number.")],
    shop: ShopOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """One round: what each stage did, what was chosen and why, what the gate said and on what numbers."""
    from endcloud.assembly import Shop

    console = Console(as_json)
    with Shop.open(shop, console) as opened:
        evolution = _evolution(opened)
        round = evolution.rounds.get(number)
        choices = evolution.choices.of_round(number)
        decisions = evolution.rounds.decisions(number)
    console.result(
        asdict(round) | {"choices": [asdict(one) for one in choices], "decisions": [asdict(one) for one in decisions]}
    )
    console.text(_sentence(round))
    for stage, figures in round.figures.items():
        console.table(stage, ("", "value"), [(str(name), _cell(value)) for name, value in figures.items()])
    if choices:
        rows = [(one.turn, one.frequency, one.weight, "; ".join(one.reasons)) for one in choices]
        console.table("Chosen", ("reply", "times", "weight", "because"), rows)
    for decision in decisions:
        console.text(_decided(decision))


def _stand_back(evolution: Evolution) -> None:
    """Audits score replies in this process: beside a service they must take no more than a training may."""
    from endcloud.assembly.candidate_process import stand_back

    os.environ["OMP_NUM_THREADS"] = str(evolution.settings.threads)  # torch reads it when it is imported
    stand_back(evolution.settings.nice, own_session=False)


def _evolution(shop: Shop) -> Evolution:
    from endcloud.assembly.evolving import Evolution
    from endcloud.cloud.retry import WallClock

    return Evolution(shop, WallClock())


def _tell(console: Console, evolution: Evolution, round: Round) -> None:
    """The result of a round: one sentence, and what the gate compared."""
    decisions = evolution.rounds.decisions(round.number)
    console.result(asdict(round) | {"decisions": [asdict(decision) for decision in decisions]})
    for decision in decisions:
        console.text(_decided(decision))
    console.text(_sentence(round))
    if round.outcome:
        where = evolution.shop.directory.root
        console.text(f"All of it: endcloud evolve show {round.number} --shop {where}", style="dim")


def _sentence(round: Round) -> str:
    if not round.outcome:
        return f"Round {round.number} stands at the stage {round.stage!r}; `endcloud evolve` goes on with it."
    return f"Round {round.number}: {round.outcome}. {round.reason}"


def _decided(decision: Decision) -> str:
    pair = f"{decision.version[:8]} against {decision.against[:8]}"
    return f"The {decision.kind} on {pair}: {decision.judgement}. {decision.reason}"


def _cell(value: Any) -> str | int | float | None:
    return value if isinstance(value, str | int | float) or value is None else str(value)

"""`endcloud train`: the end model learns an adapter version."""

from __future__ import annotations

from typing import Annotated

import typer

from endcloud.cli.console import Console
from endcloud.cli.options import HERE, JsonOption, ShopOption


def train(
    method: Annotated[str | None, typer.Option(help="lora, prefix-tuning or p-tuning-v2.")] = None,
    preset: Annotated[str | None, typer.Option(help="fast, large, or paper (Table IV to the letter).")] = None,
    data: Annotated[str | None, typer.Option(help="natural, cloud or both.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Optimiser steps.")] = None,
    learning_rate: Annotated[float | None, typer.Option(min=1e-9, max=10, help="Peak learning rate.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed.")] = None,
    parent: Annotated[str, typer.Option(metavar="VERSION", help="Go on from this version.")] = "",
    shop: ShopOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Teach the end model on this machine by LoRA, Prefix-Tuning or P-Tuning v2. (Stage 3)"""
    from endcloud.assembly import Shop, TrainingChoice
    from endcloud.assembly.training import draw_training

    choice = TrainingChoice(method, preset, data, steps, learning_rate, seed, parent)
    console = Console(as_json)
    with Shop.open(shop, console) as opened:
        version = opened.train_version(choice)
        metrics = opened.versions.metrics(version.digest)
        path = opened.versions.path(version.digest)
        chart = draw_training(opened, version)
    console.result(
        {
            "version": version.digest,
            "method": version.method,
            "path": str(path),
            "metrics": metrics,
            "chart": str(chart),
        }
    )
    console.text(f"Version {version.digest[:12]} ({version.method}, {len(version.examples):,} examples) is in {path}.")
    console.text(f"How its loss fell: {chart}")
    console.text(f"Next: endcloud evaluate --shop {shop}", style="bold")

"""`endcloud import`: published checkpoints become directories that this project loads, with no code of theirs run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from endcloud.cli.console import Console
from endcloud.cli.options import HERE, JsonOption, ShopOption

if TYPE_CHECKING:
    from endcloud.scoring.published.bert_layout import ImportedScorer

app = typer.Typer(no_args_is_help=True, help="Turn published checkpoints into directories that are loaded safely.")

Source = Annotated[Path, typer.Argument(metavar="SOURCE", help="The downloaded official directory.")]
Destination = Annotated[Path, typer.Argument(metavar="DEST", help="The directory to make.")]


@app.command()
def chatglm3(source: Source, destination: Destination, as_json: JsonOption = False) -> None:
    """ChatGLM3-6B's official checkpoint becomes a base model for `end.model`."""
    from endcloud.end.chatglm.checkpoint import import_checkpoint

    console = Console(as_json)
    imported = import_checkpoint(source, destination, console)
    console.result(
        {
            "model": str(imported.directory),
            "shards": len(imported.files),
            "digests_checked": imported.checked,
            "bytes": imported.bytes,
            "dtype": imported.dtype,
            "sums_apart": imported.sums_apart,
        }
    )
    console.text(
        f"{imported.directory} holds the model: {len(imported.files)} shards, {imported.bytes / 1e9:.2f} GB, "
        f"{imported.dtype}."
    )
    if imported.sums_apart:
        console.text("Warning: the SHA256SUMS beside the shards lists none of their names, so it checked nothing.")
    if imported.checked < len(imported.files):
        console.text(
            f"{len(imported.files) - imported.checked} shards came without a published digest to check them against; "
            "put a SHA256SUMS beside them to have it done. Digests of all files are in import.json."
        )
    console.text(f'Name it in endcloud.toml: [end] model = "{imported.directory.resolve()}"', style="bold")


@app.command("chatglm3-lora")
def chatglm3_lora(
    source: Source,
    system: Annotated[
        str, typer.Option(help="The system sentence it was trained behind; the official code has none.")
    ] = "",
    shop: ShopOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """An official LoRA checkpoint of ChatGLM3 becomes a version of the shop, on its imported base."""
    from endcloud.assembly import Shop
    from endcloud.end.chatglm.lora import import_lora

    console = Console(as_json)
    with Shop.open(shop, console) as opened:
        version = import_lora(source, opened.base, opened.versions, system=system)
        figures = opened.describe(version) | {"path": str(opened.versions.path(version.digest))}
    console.result(figures)
    console.text(f"Version {version.digest[:12]} is in {figures['path']}.")
    console.text(f"Score it: endcloud evaluate --version {version.digest[:12]} --shop {shop}", style="bold")


@app.command()
def simbert(source: Source, destination: Destination, as_json: JsonOption = False) -> None:
    """SimBERT's published TensorFlow checkpoint becomes a model for `scoring.similarity`."""
    from endcloud.scoring.published.simbert import import_simbert

    console = Console(as_json)
    _scorer(console, import_simbert(source, destination, console), "similarity")


@app.command()
def rocketqa(source: Source, destination: Destination, as_json: JsonOption = False) -> None:
    """A published RocketQA cross-encoder (PaddlePaddle) becomes a model for `scoring.relevance`."""
    from endcloud.scoring.published.rocketqa import import_rocketqa

    console = Console(as_json)
    _scorer(console, import_rocketqa(source, destination, console), "relevance")


def _scorer(console: Console, imported: ImportedScorer, setting: str) -> None:
    console.result(imported.as_json())
    console.text(
        f"{imported.directory} holds the model: {imported.kind}, {imported.head}, "
        f"{imported.parameters / 1e6:.1f} million parameters."
    )
    if imported.left_out:
        console.text(f"{len(imported.left_out)} tensors that scoring does not need were left out (--json lists them).")
    console.text(f'Name it in endcloud.toml: [scoring] {setting} = "{imported.directory.resolve()}"', style="bold")

"""`endcloud privacy`: what the shop's rules would mask, tried on a file before a customer's word depends on it."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from endcloud.cli.console import Console
from endcloud.cli.options import HERE, JsonOption, ShopOption

if TYPE_CHECKING:
    from endcloud.assembly.privacy_trial import Trial

app = typer.Typer(no_args_is_help=True, help="Try what counts as personal.")


@app.callback()
def privacy() -> None:
    """Try what counts as personal."""


@app.command()
def test(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Dialogues as for corpus, or any text; - is stdin.")],
    strict: Annotated[
        bool, typer.Option("--strict", help='As uploads are masked with privacy.upload = "strict".')
    ] = False,
    format: Annotated[str, typer.Option(help="auto, jddc, ecd, messages, sharegpt, alpaca or table.")] = "auto",
    rows: Annotated[int, typer.Option(min=0, help="Show at most this many; --json has all.")] = 50,
    shop: ShopOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Say what would be masked in a file, by the shop's patterns and allow-list too. Nothing is stored or sent."""
    from endcloud.assembly import Shop
    from endcloud.assembly.privacy_trial import try_out

    console = Console(as_json)
    with Shop.open(shop, console) as opened, _file(file) as path:
        strict = strict or opened.settings.privacy.upload == "strict"
        trial = try_out(opened, path, format=format, strict=strict)
    console.result(trial.as_json())
    _show(console, trial, rows)


@contextmanager
def _file(path: Path) -> Iterator[Path]:
    """The file, or what stands on stdin as a file that is gone afterwards."""
    if str(path) != "-":
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "stdin"
        kept.write_bytes(sys.stdin.buffer.read())
        yield kept


def _show(console: Console, trial: Trial, most: int) -> None:
    if most and trial.masked:
        shown = [(one.at, one.kind, one.value, one.context) for one in trial.masked[:most]]
        console.table("What would be masked", ("line", "kind", "value", "in the masked text"), shown)
        if len(trial.masked) > most:
            console.text(f"… and {len(trial.masked) - most:,} more: --rows shows more, --json has all.", style="dim")
    if trial.kinds:
        console.table("By kind", ("kind", "stretches"), trial.kinds.most_common())
    if trial.allowed:
        console.table("Left by the allow-list alone", ("value", "times"), trial.allowed.most_common())
    if trial.unused:
        console.text(f"These patterns found nothing: {', '.join(trial.unused)}.")
    if trial.malformed:
        console.text(f"{trial.malformed:,} lines could not be read and were left out.")
    what = "each line by itself" if trial.read_as == "lines" else f"read as {trial.read_as}"
    how = "strictly, as uploads" if trial.strict else "as the end model sees them"
    console.text(f"{trial.touched:,} of {trial.messages:,} messages would be masked ({what}; {how}).", style="bold")

"""The options that every command has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ShopOption = Annotated[Path, typer.Option("--shop", help="The shop's directory.", show_default="here", metavar="DIR")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, everything else on stderr.")]

HERE = Path()

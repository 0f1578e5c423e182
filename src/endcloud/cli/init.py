"""`endcloud init`: makes a shop."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from endcloud.cli.console import Console
from endcloud.cli.options import HERE, JsonOption
from endcloud.errors import UsageError

_PROFILES = ("bundled", "qwen3-0.6b", "qwen3-1.7b", "qwen3-4b", "glm-4-9b", "chatglm3-6b")


def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where the shop will live.")] = HERE,
    profile: Annotated[str, typer.Option(help=f"Which models to begin with: {', '.join(_PROFILES)}.")] = "bundled",
    as_json: JsonOption = False,
) -> None:
    """Make a shop: a private directory with its settings and its policies, each line explained."""
    from endcloud.cli.profiles import PROFILES, make_shop

    if profile not in PROFILES:
        raise UsageError(f"The profile {profile!r} is unknown; there are {', '.join(PROFILES)}.")
    shop = make_shop(directory, profile)
    console = Console(as_json)
    console.result({"shop": str(shop.root), "profile": profile, "settings": str(shop.settings)})
    console.text(f"A shop is in {shop.root} (profile {profile}).")
    console.text(f"Look through {shop.settings.name}, write the shop's rules into {shop.policies.name}, then:")
    console.text(f"  endcloud corpus YOUR-CHAT-LOGS --shop {directory}", style="bold")

"""Makes the bundled shop in a directory, for the commands that begin with one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from endcloud import whole_files
from endcloud.assembly.known_truth import SEED
from endcloud.bundled.dialogues import write_dialogues
from endcloud.bundled.shop import Shop as BundledShop
from endcloud.cli.profiles import make_shop
from endcloud.store.directory import ShopDirectory

DIALOGUES = "dialogues.jsonl"


def set_up(root: Path, bundled: BundledShop) -> None:
    """The bundled shop's files: settings, policies, catalogue and recorded dialogues. What is there stays."""
    directory = ShopDirectory(root)
    if not directory.settings.exists():
        # The invented shop's replies recur because it is small, not because they are canned.
        settings: dict[str, dict[str, Any]] = {
            "shop": {"name": bundled.name, "manner": bundled.manner},
            "corpus": {"boilerplate_share": 1.0},
        }
        make_shop(root, "bundled", settings)
        whole_files.write(directory.policies, bundled.policies())
        whole_files.write(directory.catalogue, bundled.catalogue())
    if not (directory.root / DIALOGUES).exists():
        write_dialogues(bundled, directory.root, SEED)

"""A scorer's model is a local directory: found, or refused with a sentence, and named by its content.

Scores of two different models cannot be compared, so every score carries the digest of what measured it.
No name is ever looked up on a hub: the operator puts the directory there.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from endcloud.errors import ModelError

_CHUNK = 1 << 20


def find(directory: Path | str) -> Path:
    """The model directory, checked to be one that transformers can load.

    Raises:
        ModelError: it does not exist, or holds no `config.json` and no `modules.json`.
    """
    path = Path(directory).expanduser()
    if not path.is_dir():
        raise ModelError(f"The scorer model {str(path)!r} is not a directory; give the local path of a saved model.")
    if not (path / "config.json").is_file() and not (path / "modules.json").is_file():
        raise ModelError(
            f"The directory {str(path)!r} holds neither config.json nor modules.json; "
            "give a directory saved by sentence-transformers or transformers."
        )
    return path


def digest(directory: Path, *reading: object) -> str:
    """SHA-256 over the names and bytes of all files, in hex; hidden files and READMEs are left out.

    `reading` is how the numbers are read out of the model (kind, longest text, instruction, precision): it changes them
    as other weights would.
    """
    whole = hashlib.sha256(repr(reading).encode() if reading else b"")
    for path in sorted(p for p in directory.rglob("*") if p.is_file() and _counts(p.relative_to(directory))):
        whole.update(path.relative_to(directory).as_posix().encode() + b"\0")
        with path.open("rb") as file:
            one = hashlib.sha256()
            while chunk := file.read(_CHUNK):
                one.update(chunk)
        whole.update(one.digest())
    return whole.hexdigest()


def _counts(name: Path) -> bool:
    return not name.name.upper().startswith("README") and not any(part.startswith(".") for part in name.parts)

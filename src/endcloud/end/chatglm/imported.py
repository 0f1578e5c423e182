"""What an import of ChatGLM3 left, and whether all of it is still as it was: `import.json` and the check by it.

The record holds the digest of every file, read or written. Where the download left digests of its own, the official
files are held against those too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from endcloud.errors import ModelError
from endcloud.protocols import Progress
from endcloud.weight_files import Shards, listed_sha256, published_sha256, sha256

RECORD = "import.json"
_RECIPE = 2
BESIDE = {"tokenizer.model": "tokenizer_sha256", "config.json": "config_sha256"}
"""What is read beside the shards, and under which key its digest is recorded."""


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """One shard: its official name and SHA-256, and those of what it became. `checked` says whether the download
    had left a digest to check the official one against."""

    source: str
    source_sha256: str
    checked: bool
    file: str
    sha256: str
    weights: dict[str, int]
    """Bytes of each new weight, by name."""


@dataclass(frozen=True, slots=True)
class Imported:
    """A finished import."""

    directory: Path
    files: tuple[ImportedFile, ...]
    dtype: str
    others: Mapping[str, str]
    """SHA-256 of every other file that was written (settings, tokenizer, index), by name."""
    sums_apart: bool = False
    """Whether a SHA256SUMS lies beside the shards that lists none of the files that were read."""

    @property
    def bytes(self) -> int:
        return sum(size for file in self.files for size in file.weights.values())

    @property
    def checked(self) -> int:
        """Official shards whose digest was checked against what the download says."""
        return sum(file.checked for file in self.files)


def checked_digest(path: Path) -> tuple[str, bool]:
    """The SHA-256 of an official file, and whether there was a published one that it is equal to."""
    digest, published = sha256(path), published_sha256(path)
    if published is not None and published != digest:
        raise ModelError(
            f"The file {str(path)!r} has the SHA-256 {digest[:12]}…, published is {published[:12]}…: "
            "the download is broken; fetch it again."
        )
    return digest, published is not None


def finished(destination: Path, shards: Shards, progress: Progress) -> Imported:
    """What an earlier import of the same source left, after a look at every byte of both."""
    try:
        record = json.loads((destination / RECORD).read_bytes())
        files = [ImportedFile(**file) for file in record["files"]]
        others, dtype = dict(record["others"]), str(record["dtype"])
        beside = {name: record[key] for name, key in BESIDE.items()}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"There is something in {str(destination)!r} already, and no import of ours (or one of an older version, "
            "which kept too few digests to be checked); name a new directory."
        ) from error
    if any(sha256(shards.directory / name) != digest for name, digest in beside.items()):
        raise _of_another(destination)
    for name, digest in others.items():
        if not is_whole(destination / name, digest):
            raise _spoiled(destination / name)
    with progress.task("check", len(files), "shards") as task:
        for place, file in enumerate(files):
            official = shards.directory / file.source
            if not official.is_file():
                raise _of_another(destination)
            digest, checked = checked_digest(official)  # a SHA256SUMS may have been put there since
            if digest != file.source_sha256:
                raise _of_another(destination)
            if not is_whole(destination / file.file, file.sha256):
                raise _spoiled(destination / file.file)
            files[place] = replace(file, checked=checked)
            task.advance(1)
    return Imported(destination, tuple(files), dtype, others, sums_apart_from(shards))


def _of_another(destination: Path) -> ModelError:
    return ModelError(f"{str(destination)!r} was imported from another checkpoint; name a new directory.")


def _spoiled(path: Path) -> ModelError:
    return ModelError(
        f"The file {str(path)!r} has been changed or lost since it was imported; delete the directory and import again."
    )


def sums_apart_from(shards: Shards) -> bool:
    """Whether there is a SHA256SUMS that lists none of the files that are read: it checks nothing."""
    there = (shards.directory / "SHA256SUMS").is_file()
    return there and listed_sha256(shards.directory).keys().isdisjoint({*shards.files, *BESIDE})


def is_whole(path: Path, digest: str) -> bool:
    return path.is_file() and sha256(path) == digest


def record_of(imported: Imported, shards: Shards) -> dict[str, Any]:
    """Where the weights came from. No date and no path: the same source gives the same files."""
    return {
        "format": _RECIPE,
        "model": "ChatGLM3",
        "dtype": imported.dtype,
        **{key: sha256(shards.directory / name) for name, key in BESIDE.items()},
        "others": dict(imported.others),
        "files": [asdict(file) for file in imported.files],
    }

"""Weights as models are published: named tensors in shards, in safetensors or in PyTorch's pickled `.bin` files.

This is the one module that reads pickles, and it does so by PyTorch's restricted unpickler (`weights_only`), which
makes tensors and nothing else: a shard that asks for more is refused and none of it is run. Shards are mapped into
memory, not read: a tensor costs memory only when it is looked at.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from endcloud.errors import ModelError

_LAYOUTS = (
    ("model.safetensors.index.json", "model.safetensors"),
    ("pytorch_model.bin.index.json", "pytorch_model.bin"),
    ("adapter_model.safetensors.index.json", "adapter_model.safetensors"),
    ("adapter_model.bin.index.json", "adapter_model.bin"),
)
"""Index and single file of each layout, the safer one first."""

_POINTER = b"version https://git-lfs"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LISTED = re.compile(r"^\ufeff?([0-9a-fA-F]{64})[ \t]+\*?(.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Shards:
    """A checkpoint's files in order. `index` says which file holds which tensor; None where there is one file."""

    directory: Path
    files: tuple[str, ...]
    index: Mapping[str, str] | None

    def read(self, file: str) -> dict[str, torch.Tensor]:
        """All tensors of one file by name, on the CPU. Raises ModelError where it is missing or broken."""
        return read_tensors(self.directory / file)


def find_shards(directory: Path) -> Shards:
    """The files of the checkpoint in `directory`, safetensors before pickles; none of them is opened yet.

    Raises ModelError where there is no checkpoint, or where a file that the index names is missing.
    """
    for index_name, single in _LAYOUTS:
        if (directory / index_name).is_file():
            index = _index(directory / index_name)
            files = tuple(sorted(set(index.values())))
            if all((directory / file).is_file() for file in files) or not _another(directory, index_name):
                return Shards(_complete(directory, files), files, index)
        elif (directory / single).is_file():
            return Shards(_complete(directory, (single,)), (single,), None)
    wanted = ", ".join(name for layout in _LAYOUTS[:2] for name in layout)
    raise ModelError(f"The directory {str(directory)!r} holds no checkpoint: it has none of {wanted}.")


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of one safetensors or `.bin` file by name, on the CPU. Raises ModelError for any other content."""
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        found = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError as error:
        raise ModelError(
            f"The file {str(path)!r} is no plain file of weights: it asks for more than tensors and was not run "
            f"({_first_line(error)})."
        ) from error
    except (OSError, RuntimeError, ValueError, EOFError, SafetensorError) as error:
        raise ModelError(
            f"The file {str(path)!r} cannot be read as weights ({_first_line(error)}); download it again."
        ) from error
    if not isinstance(found, dict) or not all(
        isinstance(name, str) and isinstance(tensor, torch.Tensor) for name, tensor in found.items()
    ):
        raise ModelError(f"The file {str(path)!r} holds something else than named tensors; it is no file of weights.")
    return found


def sha256(path: Path) -> str:
    """The file's SHA-256 (64 hex digits), read piece by piece."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def published_sha256(path: Path) -> str | None:
    """The digest that the file should have, where its download left one: None where nothing was left.

    Read, in this order, from a `SHA256SUMS` beside the file, from the hub's notes on a download
    (`.cache/huggingface/download/NAME.metadata`), and from the hub's cache, whose files are named by their content.
    """
    notes = path.parent / ".cache" / "huggingface" / "download" / f"{path.name}.metadata"
    noted = notes.read_text(encoding="utf-8").splitlines()[1:2] if notes.is_file() else []
    candidates = [listed_sha256(path.parent).get(path.name, ""), *noted, path.resolve().name]
    return next((digest for digest in candidates if _SHA256.fullmatch(digest)), None)


def listed_sha256(directory: Path) -> dict[str, str]:
    """What the `SHA256SUMS` in `directory` says of its files, by name: empty where there is none.

    Lines are as `sha256sum` writes them: the digest, then the name, with `*` before it (read as binary) or `./`.
    """
    sums = directory / "SHA256SUMS"
    text = sums.read_text(encoding="utf-8", errors="replace") if sums.is_file() else ""
    return {name.strip().removeprefix("./"): digest.lower() for digest, name in _LISTED.findall(text)}


def _index(path: Path) -> dict[str, str]:
    try:
        names: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))["weight_map"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"The index {str(path)!r} cannot be read: {_first_line(error)}; download it again.") from error
    if outside := sorted(file for file in set(names.values()) if Path(file).name != file):
        raise ModelError(f"The index {str(path)!r} names a file outside its directory: {outside[0]!r}.")
    return names


def _another(directory: Path, index_name: str) -> bool:
    """Whether a later layout is there too: many checkpoints are downloaded with both indexes and one set of shards."""
    later = _LAYOUTS[[index for index, _ in _LAYOUTS].index(index_name) + 1 :]
    return any((directory / name).is_file() for layout in later for name in layout)


def _complete(directory: Path, files: tuple[str, ...]) -> Path:
    """The directory, if every file is there and is what it says."""
    if missing := [file for file in files if not (directory / file).is_file()]:
        raise ModelError(
            f"The checkpoint in {str(directory)!r} lacks {len(missing)} of {len(files)} files: "
            f"{', '.join(missing)}; finish the download."
        )
    for file in files:
        with (directory / file).open("rb") as opened:
            if opened.read(len(_POINTER)) == _POINTER:
                raise ModelError(f"The file {str(directory / file)!r} is only a Git LFS pointer; run `git lfs pull`.")
    return directory


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]

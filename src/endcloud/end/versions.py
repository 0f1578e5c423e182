"""Adapter versions as directories: immutable, named by their content, written whole or not at all.

A version directory is what PEFT and the hub expect (`adapter_config.json`, `adapter_model.safetensors`, a model
card) with our `manifest.json`: base, parent, settings, example ids, and the SHA-256 of every other file. The
digest of the manifest is the version's name, so a name stands for every byte in the directory. Nothing in it
tells the time: the same training gives the same version. Standing and metrics are rows in the store.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from endcloud.end.adapters import Adapter, check_finite
from endcloud.end.checkpoint import TrainingLog
from endcloud.end.methods import Method, method_from_settings
from endcloud.errors import VersionError
from endcloud.types import AdapterVersion

MANIFEST = "manifest.json"
WEIGHTS = "adapter_model.safetensors"
ENCODER = "prompt_encoder.safetensors"
LOG = "training_log.json"
CONFIG = "adapter_config.json"
CARD = "README.md"

_DIGEST_DIGITS = 16
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Content:
    """All that a version directory will hold, still in memory."""

    version: AdapterVersion
    files: Mapping[str, bytes]


def content_of(
    adapter: Adapter,
    *,
    base_name: str,
    base_digest: str,
    parent: str,
    examples: Sequence[str],
    settings: Mapping[str, Any],
    log: Mapping[str, Any],
) -> Content:
    """Puts a trained adapter's files together and names them. Raises VersionError if a weight is not finite."""
    weights = adapter.served_state()
    check_finite(weights)
    config = {**adapter.config().to_dict(), "base_model_name_or_path": base_name, "inference_mode": True}
    files = {
        WEIGHTS: save(weights, metadata={"format": "pt"}),
        CONFIG: _json(config),
        LOG: _json(log),
        CARD: _model_card(adapter.method, base_name, base_digest, parent, len(examples), settings, log).encode(),
    }
    if adapter.key_values() is not None:
        files[ENCODER] = save(adapter.trainable_state(), metadata={"format": "pt"})
    manifest = {
        "format": 1,
        "base": base_digest,
        "base_name": base_name,
        "method": adapter.method.name,
        "parent": parent,
        "settings": settings,
        "examples": sorted(examples),
        "examples_digest": examples_digest(examples),
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())},
    }
    files[MANIFEST] = _json(manifest)
    return Content(_version(files[MANIFEST]), files)


def examples_digest(examples: Sequence[str]) -> str:
    """SHA-256 over the sorted ids of what was learned."""
    return hashlib.sha256("\n".join(sorted(examples)).encode()).hexdigest()


def write(content: Content, path_of: Callable[[str], Path]) -> Path:
    """Writes a version directory beside its place and renames it there; one that is there already is left alone."""
    final = path_of(content.version.digest)
    if final.is_dir():
        verify(final)
        return final
    final.parent.mkdir(parents=True, exist_ok=True)
    partial = final.with_name(f".{final.name}.{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    try:
        for name, data in content.files.items():
            with (partial / name).open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        _sync(partial)
        partial.rename(final)
        _sync(final.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return final


def read(path: Path) -> AdapterVersion:
    """What the manifest says. Raises VersionError where there is none, or its digest is not the directory's name."""
    try:
        data = (path / MANIFEST).read_bytes()
        version = _version(data)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise VersionError(
            f"The version in {str(path)!r} has no readable {MANIFEST}: {error}; train it again."
        ) from error
    if version.digest != path.name:
        raise VersionError(
            f"The version {path.name!r} has been changed: its manifest now has the digest {version.digest!r}; "
            "restore it from a backup or train it again."
        )
    return version


def verify(path: Path, base: str | None = None) -> AdapterVersion:
    """Reads a version and checks every file, that all weights are finite and, if given, the digest of the base.

    Raises VersionError with the reason.
    """
    version = read(path)
    files = _files_of(path)
    for name, expected in files.items():
        if not (path / name).is_file():
            raise VersionError(f"The version {version.digest!r} is incomplete: {name!r} is missing; train it again.")
        if hashlib.sha256((path / name).read_bytes()).hexdigest() != expected:
            raise VersionError(f"The version {version.digest!r} has been changed: {name!r} has another digest.")
    if base is not None and version.base != base:
        raise VersionError(
            f"The version {version.digest!r} was trained for the base {version.base[:12]!r}…, "
            f"but the base model loaded is {base[:12]!r}…; load that base or train again."
        )
    check_finite(weights_of(path))
    return version


def _files_of(path: Path) -> dict[str, str]:
    """The files that a version consists of, with their digests. Raises VersionError where the directory is a link or
    holds one, or a file that the manifest does not name: the name of a version stands for every byte in it."""
    try:
        files = dict(json.loads((path / MANIFEST).read_bytes())["files"])
    except (KeyError, TypeError, ValueError) as error:
        raise VersionError(f"The version {path.name!r} has a {MANIFEST} without files; train it again.") from error
    there = {each.relative_to(path).as_posix(): each for each in path.rglob("*")}
    linked = sorted(name for name, each in there.items() if each.is_symlink())
    if path.is_symlink() or linked:
        what = repr(linked[0]) if linked else "its directory"
        raise VersionError(f"The version {path.name!r} is not all here: {what} is a link; copy the files themselves.")
    if outside := sorted(name for name in files if Path(name).name != name):
        raise VersionError(f"The version {path.name!r} names {outside[0]!r}, which is not in its directory; remove it.")
    if surplus := sorted(there.keys() - files.keys() - {MANIFEST}):
        raise VersionError(
            f"The version {path.name!r} has been changed: {surplus[0]!r} is not one of its files; remove it."
        )
    return files


def weights_of(path: Path, name: str = WEIGHTS) -> dict[str, torch.Tensor]:
    """The tensors of one of a version's files, on the CPU."""
    try:
        return load((path / name).read_bytes())
    except (OSError, SafetensorError) as error:
        raise VersionError(f"The version {path.name!r} has no readable {name!r}: {error}; train it again.") from error


def training_log(path: Path) -> TrainingLog:
    """The loss curve, validation and probe replies of the training that made a version."""
    try:
        return TrainingLog.from_json(json.loads((path / LOG).read_bytes()))
    except (OSError, ValueError, KeyError) as error:
        raise VersionError(f"The version {path.name!r} has no readable {LOG}: {error}; train it again.") from error


def method_of(version: AdapterVersion) -> Method:
    """The method with its values, from the version's settings."""
    try:
        return method_from_settings(version.settings)
    except (KeyError, TypeError) as error:
        raise VersionError(f"The version {version.digest!r} names an unknown method: {error}.") from error


class VersionDirectory:
    """A directory of versions, for use without a store."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, digest: str) -> Path:
        return self.root / digest

    def write(self, content: Content) -> AdapterVersion:
        write(content, self.path)
        return content.version

    def read(self, digest: str) -> AdapterVersion:
        return read(self.path(digest))

    def verify(self, digest: str, base: str | None = None) -> AdapterVersion:
        return verify(self.path(digest), base)

    def all(self) -> list[AdapterVersion]:
        """Every readable version there is, by name. Half-written ones are hidden behind a dot and not looked at;
        one whose manifest was changed is left out with a warning, and `verify` says what is wrong with it."""
        versions = []
        for path in sorted(self.root.glob("[!.]*/" + MANIFEST)) if self.root.is_dir() else []:
            try:
                versions.append(read(path.parent))
            except VersionError as error:
                _log.warning("%s", error)
        return versions


def _version(manifest: bytes) -> AdapterVersion:
    values = json.loads(manifest)
    return AdapterVersion(
        digest=hashlib.sha256(manifest).hexdigest()[:_DIGEST_DIGITS],
        base=values["base"],
        method=values["method"],
        parent=values["parent"],
        examples=tuple(values["examples"]),
        settings=values["settings"],
    )


def _model_card(
    method: Method,
    base_name: str,
    base: str,
    parent: str,
    examples: int,
    settings: Mapping[str, Any],
    log: Mapping[str, Any],
) -> str:
    """A model card that says only what is true of this version."""
    validation = log.get("validation") or []
    begin = f"{validation[0][1]:.3f} before training, " if validation else ""
    best = (
        f"{min(loss for _, loss in validation):.3f} at the best checkpoint (step {log['best_step']})"
        if validation
        else ""
    )
    measured = (
        f"Validation loss in nats a token: {begin}{best}." if validation else "No validation examples were given."
    )
    name = Path(base_name).name
    imported: Mapping[str, str] = settings.get("imported") or {}
    origin = (
        f"It was trained elsewhere and imported from {imported['name']!r} (SHA-256 `{imported['sha256']}`)"
        if imported
        else f"It was trained by endcloud on {examples} examples"
    )
    return f"""---
base_model: {name}
library_name: peft
tags:
- {method.name}
---
# {method.name} adapter for {name}

An adapter that teaches {name} to answer customers of one shop. {origin}
and works only with the base whose files have the digest `{base}`.

- Method: {method}
- Plan: {json.dumps(settings.get("plan", {}), ensure_ascii=False)}
- System sentence in front of every conversation: {settings.get("system", "")!r}
- Trained on from: {f"version `{parent}`" if parent else "the base model"}
- {measured}

Its examples may state prices and rules that have changed since. It was not tried on other shops' questions, and
what it says is not checked for truth. `manifest.json` lists the ids of its examples and the digests of its files;
`{LOG}` holds the loss curve.
"""


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True, default=_plain) + "\n").encode()


def _plain(value: object) -> object:
    """Sets and enumerations, as PEFT's configurations hold them."""
    return sorted(value) if isinstance(value, set | frozenset) else str(value)


def _sync(directory: Path) -> None:
    """Makes renames in a directory durable."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

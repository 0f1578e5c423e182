"""ChatGLM3's official checkpoint becomes a directory that plain transformers loads, one shard at a time.

Every official shard becomes one new shard, so never more than one of each is in memory. The work is done in
`DEST.partial`, with a journal of the shards that are finished; a killed import goes on behind the last of them, and
the directory gets its name when all of it is there. What an official shard should hash to is checked where the
download left its digest; the digests of all files, read and written, are kept in `import.json`.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from safetensors.torch import save_file
from transformers import GenerationConfig, PreTrainedTokenizerFast

from endcloud import whole_files
from endcloud.end.chatglm.architecture import DROPPED, ChatGLM3
from endcloud.end.chatglm.tokenizer import convert_tokenizer, stop_ids
from endcloud.errors import LockedError, ModelError
from endcloud.protocols import Progress
from endcloud.weight_files import Shards, find_shards, published_sha256, sha256

RECORD = "import.json"
_JOURNAL = ".journal.json"
_RECIPE = 1
_NAMED = 6
"""How many names an error lists before it counts the rest."""


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

    @property
    def bytes(self) -> int:
        return sum(size for file in self.files for size in file.weights.values())

    @property
    def checked(self) -> int:
        """Official shards whose digest was checked against what the download says."""
        return sum(file.checked for file in self.files)


def import_checkpoint(source: Path, destination: Path, progress: Progress) -> Imported:
    """Converts the official ChatGLM3 directory `source` into a new directory `destination`.

    Weights keep their precision bit for bit. Raises ModelError where the source is no whole ChatGLM3: weights that
    are missing, unknown or of another shape are named, before anything is written; and where a file's digest is not
    the published one. An import that was finished before is checked, file by file, and returned.
    """
    config, tokenizer = _read(source / "config.json"), _read(source / "tokenizer.model")
    model = ChatGLM3.from_config(_json(config, source / "config.json"))
    fast_tokenizer = convert_tokenizer(tokenizer, model.positions)
    if len(fast_tokenizer) > model.vocabulary:
        raise ModelError(
            f"The tokenizer.model makes {len(fast_tokenizer)} tokens and the model has {model.vocabulary}: "
            "they do not belong together; download the whole official directory."
        )
    shards = find_shards(source)
    if destination.exists():
        return _finished(destination, shards, progress)
    dtype = _check(shards, model, progress)
    partial = destination.with_name(f"{destination.name}.partial")
    partial.mkdir(parents=True, exist_ok=True)
    with _alone(partial):
        _check_room(shards, partial)
        files = _convert(shards, model, partial, progress)
        imported = Imported(destination, tuple(files), str(dtype).removeprefix("torch."))
        _write_rest(imported, model, fast_tokenizer, shards, partial)
    return imported


def _write_rest(
    imported: Imported, model: ChatGLM3, tokenizer: PreTrainedTokenizerFast, shards: Shards, partial: Path
) -> None:
    """All but the weights; then the directory gets its name."""
    pad, stops = int(tokenizer.pad_token_id), stop_ids(tokenizer)
    model.glm_config(getattr(torch, imported.dtype), pad, stops).save_pretrained(partial)
    GenerationConfig(pad_token_id=pad, eos_token_id=stops).save_pretrained(partial)
    tokenizer.save_pretrained(partial)
    whole_files.write(partial / "model.safetensors.index.json", _dumped(_index(imported.files)))
    whole_files.write(partial / RECORD, _dumped(_record(imported, shards)))
    (partial / _JOURNAL).unlink()
    readable = (partial / "config.json").stat().st_mode  # a published model is no secret: as the umask has it
    for path in partial.iterdir():
        path.chmod(readable)
    partial.rename(imported.directory)
    _sync(imported.directory.parent)


@contextmanager
def _alone(partial: Path) -> Iterator[None]:
    """Keeps a second import of the same destination out."""
    lock = FileLock(partial.with_name(f".{partial.name}.lock"))
    try:
        with lock.acquire(timeout=0):
            yield
    except Timeout as error:
        raise LockedError(f"Another process imports into {str(partial)!r}; wait until it has ended.") from error
    Path(lock.lock_file).unlink(missing_ok=True)


def _check_room(shards: Shards, partial: Path) -> None:
    needed = sum((shards.directory / file).stat().st_size for file in shards.files)
    there = sum(path.stat().st_size for path in partial.iterdir())
    free = shutil.disk_usage(partial).free
    if free + there < needed:
        raise ModelError(
            f"The import needs {(needed - there) / 1e9:.1f} GB beside {str(partial)!r}, and {free / 1e9:.1f} GB are "
            "free; make room or name a directory on another disk."
        )


def _convert(shards: Shards, model: ChatGLM3, partial: Path, progress: Progress) -> list[ImportedFile]:
    """Shard by shard; those in the journal whose file is whole are not done again."""
    done = {file.source: file for file in _journal(partial)}
    names = [f"model-{number:05d}-of-{len(shards.files):05d}.safetensors" for number in _from_one(shards.files)]
    files: list[ImportedFile] = []
    with progress.task("import", len(shards.files), "shards") as task:
        for official, name in zip(shards.files, names, strict=True):
            digest, checked = _checked_digest(shards.directory / official)
            known = done.get(official)
            if known is None or known.source_sha256 != digest or not _is_whole(partial, known):
                known = _convert_shard(shards, official, model, partial / name, digest, checked)
            files.append(known)
            whole_files.write(partial / _JOURNAL, _dumped([asdict(file) for file in files]))
            task.advance(1, written=name)
    for stray in set(partial.glob("*.safetensors*")) - {partial / file.file for file in files}:
        stray.unlink()
    return files


def _convert_shard(
    shards: Shards, official: str, model: ChatGLM3, path: Path, digest: str, checked: bool
) -> ImportedFile:
    weights = {
        new: part.contiguous()
        for name, weight in shards.read(official).items()
        for new, part in model.convert(name, weight).items()
    }
    unfinished = path.with_name(f"{path.name}.unfinished")
    save_file(weights, unfinished, metadata={"format": "pt"})
    with unfinished.open("rb") as file:
        os.fsync(file.fileno())
    sizes = {name: weight.nbytes for name, weight in sorted(weights.items())}
    written = ImportedFile(official, digest, checked, path.name, sha256(unfinished), sizes)
    unfinished.replace(path)
    return written


def _check(shards: Shards, model: ChatGLM3, progress: Progress) -> torch.dtype:
    """Looks at the names and shapes of all shards, which costs no memory; returns the precision of the weights."""
    expected, found, misshapen = model.official_shapes(), set[str](), list[str]()
    precisions: dict[torch.dtype, int] = {}
    with progress.task("look through", len(shards.files), "shards") as task:
        for file in shards.files:
            for name, weight in shards.read(file).items():
                if name in found:
                    misshapen.append(f"{name} twice")
                found.add(name)
                if name in expected and tuple(weight.shape) != expected[name]:
                    misshapen.append(f"{name} {tuple(weight.shape)} instead of {expected[name]}")
                if name != DROPPED:
                    precisions[weight.dtype] = precisions.get(weight.dtype, 0) + weight.numel()
            task.advance(1)
    complaints = [
        _complaint("lacks", sorted(expected.keys() - found)),
        _complaint("has unknown", sorted(found - expected.keys() - {DROPPED})),
        _complaint("has misshapen", sorted(misshapen)),
    ]
    if any(complaints):
        told = "; it ".join(filter(None, complaints))
        raise ModelError(
            f"The checkpoint in {str(shards.directory)!r} is not the ChatGLM3 of its config.json: it {told}. "
            "Download it again, or take the config.json that belongs to it."
        )
    return max(precisions, key=lambda dtype: precisions[dtype])


def _complaint(what: str, names: list[str]) -> str:
    if not names:
        return ""
    rest = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{what} {len(names)} weights: {', '.join(names[:_NAMED])}{rest}"


def _checked_digest(path: Path) -> tuple[str, bool]:
    """The SHA-256 of an official file, and whether there was a published one that it is equal to."""
    digest, published = sha256(path), published_sha256(path)
    if published is not None and published != digest:
        raise ModelError(
            f"The file {str(path)!r} has the SHA-256 {digest[:12]}…, published is {published[:12]}…: "
            "the download is broken; fetch it again."
        )
    return digest, published is not None


def _finished(destination: Path, shards: Shards, progress: Progress) -> Imported:
    """What an earlier import of the same source left, after a look at every byte of both."""
    try:
        record = json.loads((destination / RECORD).read_bytes())
        files = tuple(ImportedFile(**file) for file in record["files"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"There is something in {str(destination)!r} already, and no import of ours; name a new directory."
        ) from error
    with progress.task("check", len(files), "shards") as task:
        for file in files:
            if not (shards.directory / file.source).is_file() or (
                sha256(shards.directory / file.source) != file.source_sha256
            ):
                raise ModelError(f"{str(destination)!r} was imported from another checkpoint; name a new directory.")
            if not _is_whole(destination, file):
                raise ModelError(
                    f"The file {str(destination / file.file)!r} has been changed or lost since it was imported; "
                    "delete the directory and import again."
                )
            task.advance(1)
    return Imported(destination, files, str(record["dtype"]))


def _is_whole(directory: Path, file: ImportedFile) -> bool:
    path = directory / file.file
    return path.is_file() and sha256(path) == file.sha256


def _journal(partial: Path) -> list[ImportedFile]:
    with suppress(OSError, ValueError, TypeError):  # none, or one that a crash of the disk broke: begin anew
        return [ImportedFile(**file) for file in json.loads((partial / _JOURNAL).read_bytes())]
    return []


def _index(files: Sequence[ImportedFile]) -> dict[str, Any]:
    return {
        "metadata": {"total_size": sum(size for file in files for size in file.weights.values())},
        "weight_map": {name: file.file for file in files for name in file.weights},
    }


def _record(imported: Imported, shards: Shards) -> dict[str, Any]:
    """Where the weights came from. No date and no path: the same source gives the same files."""
    return {
        "format": _RECIPE,
        "model": "ChatGLM3",
        "dtype": imported.dtype,
        "tokenizer_sha256": sha256(shards.directory / "tokenizer.model"),
        "config_sha256": sha256(shards.directory / "config.json"),
        "files": [asdict(file) for file in imported.files],
    }


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"The checkpoint has no readable {str(path)!r}; download the whole official directory."
        ) from error


def _json(data: bytes, path: Path) -> Mapping[str, Any]:
    try:
        value = json.loads(data)
    except ValueError as error:
        raise ModelError(f"The file {str(path)!r} is no JSON: {error}; download it again.") from error
    if not isinstance(value, dict):
        raise ModelError(f"The file {str(path)!r} holds no settings; download it again.")
    return value


def _dumped(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def _from_one(items: tuple[str, ...]) -> range:
    return range(1, len(items) + 1)


def _sync(directory: Path) -> None:
    """Makes a rename durable."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

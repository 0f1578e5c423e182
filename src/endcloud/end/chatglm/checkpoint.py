"""ChatGLM3's official checkpoint becomes a directory that plain transformers loads, one shard at a time.

Every official shard becomes one new shard, so never more than one of each is in memory. The work is done in
`DEST.partial`, with a journal of the shards that are finished; a killed import goes on behind the last of them, and
the directory gets its name when all of it is there. What an official shard should hash to is checked where the
download left its digest; the digests of all files, read and written, are kept in `import.json`.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from safetensors.torch import save_file
from transformers import GenerationConfig, GlmConfig, PreTrainedTokenizerFast

from endcloud import whole_files
from endcloud.end.chatglm.architecture import DROPPED, ChatGLM3
from endcloud.end.chatglm.imported import (
    BESIDE,
    RECORD,
    Imported,
    ImportedFile,
    checked_digest,
    finished,
    is_whole,
    record_of,
    sums_apart_from,
)
from endcloud.end.chatglm.tokenizer import convert_tokenizer, stop_ids
from endcloud.errors import LockedError, ModelError
from endcloud.protocols import Progress
from endcloud.weight_files import Shards, find_shards, sha256

_JOURNAL = ".journal.json"
_NAMED = 6
"""How many names an error lists before it counts the rest."""


def import_checkpoint(source: Path, destination: Path, progress: Progress) -> Imported:
    """Converts the official ChatGLM3 directory `source` into a new directory `destination`.

    Weights keep their precision bit for bit. Raises ModelError where the source is no whole ChatGLM3: weights that
    are missing, unknown or of another shape are named, before anything is written; and where a file's digest is not
    the published one; and where a weight is no finite number. An empty directory may be there already. An import that
    was finished before is checked, file by file, and returned.
    """
    destination = destination.resolve()  # "." has no name to put ".partial" behind
    config, tokenizer = _read(source / "config.json"), _read(source / "tokenizer.model")
    model = ChatGLM3.from_config(_json(config, source / "config.json"))
    fast_tokenizer = convert_tokenizer(tokenizer, model.positions)
    if len(fast_tokenizer) > model.vocabulary:
        raise ModelError(
            f"The tokenizer.model makes {len(fast_tokenizer)} tokens and the model has {model.vocabulary}: "
            "they do not belong together; download the whole official directory."
        )
    shards = find_shards(source)
    for file in BESIDE:
        checked_digest(source / file)
    if destination.exists() and not _is_empty(destination):
        return finished(destination, shards, progress)
    dtype = _check(shards, model, progress)
    partial = destination.with_name(f"{destination.name}.partial")
    partial.mkdir(parents=True, exist_ok=True)
    with _alone(partial):
        _check_room(shards, partial)
        files = _convert(shards, model, partial, progress)
        others = _write_rest(files, model.glm_config(dtype, *_ids(fast_tokenizer)), fast_tokenizer, partial)
        name = str(dtype).removeprefix("torch.")
        imported = Imported(destination, tuple(files), name, others, sums_apart_from(shards))
        whole_files.write(partial / RECORD, _dumped(record_of(imported, shards)))
        _publish(partial, destination)
    return imported


def _ids(tokenizer: PreTrainedTokenizerFast) -> tuple[int, list[int]]:
    """The ids of padding and of what ends a reply."""
    return int(tokenizer.pad_token_id), stop_ids(tokenizer)


def _write_rest(
    files: Sequence[ImportedFile], config: GlmConfig, tokenizer: PreTrainedTokenizerFast, partial: Path
) -> dict[str, str]:
    """All but the weights; returns the digests of what it wrote."""
    pad, stops = _ids(tokenizer)
    config.save_pretrained(partial)
    GenerationConfig(pad_token_id=pad, eos_token_id=stops).save_pretrained(partial)
    tokenizer.save_pretrained(partial)
    whole_files.write(partial / "model.safetensors.index.json", _dumped(_index(files)))
    known = {file.file for file in files} | {_JOURNAL, RECORD}
    return {path.name: sha256(path) for path in sorted(partial.iterdir()) if path.name not in known}


def _publish(partial: Path, destination: Path) -> None:
    """The directory gets its name."""
    (partial / _JOURNAL).unlink()
    readable = (partial / "config.json").stat().st_mode  # a published model is no secret: as the umask has it
    for path in partial.iterdir():
        path.chmod(readable)
    if destination.exists():
        destination.rmdir()  # empty, or this fails
    partial.rename(destination)
    _sync(destination.parent)


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
            digest, checked = checked_digest(shards.directory / official)
            known = done.get(official)
            if known is None or known.source_sha256 != digest or not is_whole(partial / known.file, known.sha256):
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
    if broken := [name for name, part in weights.items() if not _is_finite(part)]:
        raise ModelError(
            f"The file {str(shards.directory / official)!r} {_complaint('holds', 'non-finite (nan or inf)', broken)}. "
            "Such a model answers nonsense; download it again."
        )
    unfinished = path.with_name(f"{path.name}.unfinished")
    save_file(weights, unfinished, metadata={"format": "pt"})
    with unfinished.open("rb") as file:
        os.fsync(file.fileno())
    sizes = {name: weight.nbytes for name, weight in sorted(weights.items())}
    written = ImportedFile(official, digest, checked, path.name, sha256(unfinished), sizes)
    unfinished.replace(path)
    return written


def _is_finite(weight: torch.Tensor) -> bool:
    """Whether every number is one; by the extremes, which need no memory and are nan where any is."""
    return all(math.isfinite(float(extreme)) for extreme in weight.aminmax())


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
        _complaint("lacks", "", sorted(expected.keys() - found)),
        _complaint("has", "unknown", sorted(found - expected.keys() - {DROPPED})),
        _complaint("has", "misshapen", sorted(misshapen)),
    ]
    if any(complaints):
        told = "; it ".join(filter(None, complaints))
        raise ModelError(
            f"The checkpoint in {str(shards.directory)!r} is not the ChatGLM3 of its config.json: it {told}. "
            "Download it again, or take the config.json that belongs to it."
        )
    return max(precisions, key=lambda dtype: precisions[dtype])


def _complaint(verb: str, kind: str, names: list[str]) -> str:
    if not names:
        return ""
    rest = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    counted = f"{len(names)} {kind} weights" if len(names) > 1 else f"1 {kind} weight"
    return f"{verb} {' '.join(counted.split())}: {', '.join(names[:_NAMED])}{rest}"


def _is_empty(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())


def _journal(partial: Path) -> list[ImportedFile]:
    with suppress(OSError, ValueError, TypeError):  # none, or one that a crash of the disk broke: begin anew
        return [ImportedFile(**file) for file in json.loads((partial / _JOURNAL).read_bytes())]
    return []


def _index(files: Sequence[ImportedFile]) -> dict[str, Any]:
    return {
        "metadata": {"total_size": sum(size for file in files for size in file.weights.values())},
        "weight_map": {name: file.file for file in files for name in file.weights},
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

"""A prepared corpus on disk: one Parquet file a split, named by content, and a manifest that names them.

The manifest is replaced last and at once, so a reader sees the old corpus or the new one, never half of each.
The same input gives the same bytes; `digest` covers what examples say and how they are split, not the keyed
hashes of customers, so two shops with different keys agree on it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import get_args

import pyarrow as pa
import pyarrow.parquet as pq

from endcloud import whole_files
from endcloud.errors import SourceError
from endcloud.types import Example, Message, Split

MANIFEST = "manifest.json"
SPLITS: tuple[Split, ...] = get_args(Split)
ROWS_A_GROUP = 8_192  # rows of a Parquet row group: the unit of memory when reading and writing
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("dialogue", pa.string()),
        ("subject", pa.string()),
        ("messages", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
        ("reply", pa.string()),
        ("origin", pa.string()),
        ("source", pa.string()),
        ("split", pa.string()),
        ("weight", pa.float64()),
        ("excluded", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class SourceEntry:
    """A file that was read: its name (never its directory), size, SHA-256, format and encoding."""

    name: str
    bytes: int
    sha256: str
    format: str
    encoding: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a prepared corpus holds and where it comes from.

    `examples` counts, by split, those that may be trained and measured on; `dropped` counts by reason what was
    left out, among it `unrestorable`: these rows are in the files with `excluded` set. `files` names the Parquet
    file of each split, `sha256` its bytes. `recipe` is the digest of everything that decides the output.
    """

    digest: str
    recipe: str
    detector: str
    dialogues_read: int
    dialogues_kept: int
    examples: Mapping[str, int]
    dropped: Mapping[str, int]
    masked: Mapping[str, int]
    boilerplate: int
    reopened: int
    malformed: int
    malformed_lines: tuple[str, ...]
    sources: tuple[SourceEntry, ...]
    files: Mapping[str, str]
    sha256: Mapping[str, str]

    def as_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def manifest(directory: Path) -> Manifest:
    """The manifest of the corpus in `directory`; `SourceError` where there is none."""
    path = directory / MANIFEST
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        held["sources"] = tuple(SourceEntry(**entry) for entry in held["sources"])
        held["malformed_lines"] = tuple(held["malformed_lines"])
        return Manifest(**held)
    except FileNotFoundError as error:
        raise SourceError(f"There is no corpus in {str(directory)!r}: prepare one with `endcloud corpus`.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise SourceError(f"{str(path)!r} is not a corpus manifest ({error}): prepare the corpus again.") from error


def iterate_examples(directory: Path, split: Split | None = None) -> Iterator[Example]:
    """Examples in the order of the sources, one row group in memory at a time; all splits one after another
    where `split` is None. Rows with `excluded` set are among them: the caller trains on none of these."""
    held = manifest(directory)
    for name in SPLITS if split is None else (split,):
        try:
            table = pq.ParquetFile(directory / held.files[name])
        except (OSError, pa.ArrowInvalid) as error:
            raise SourceError(
                f"The corpus file {held.files[name]!r} in {str(directory)!r} cannot be read ({error}): "
                "prepare the corpus again."
            ) from error
        with table:
            for batch in table.iter_batches(ROWS_A_GROUP):
                yield from examples_of(batch)


def read_examples(directory: Path, split: Split | None = None) -> list[Example]:
    """The examples of one split, or of all. See `iterate_examples`."""
    return list(iterate_examples(directory, split))


def examples_of(batch: pa.RecordBatch) -> Iterator[Example]:
    for row in batch.to_pylist():
        said = tuple(Message(message["role"], message["content"]) for message in row["messages"])
        yield Example(**{**row, "messages": said})


def batch_of(examples: Iterable[Example]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([_row(example) for example in examples], schema=SCHEMA)


def _row(example: Example) -> dict[str, object]:
    """An example as plain values (a quarter of the time of `dataclasses.asdict`)."""
    row: dict[str, object] = {name: getattr(example, name) for name in SCHEMA.names}
    row["messages"] = [{"role": message.role, "content": message.content} for message in example.messages]
    return row


class CorpusWriter:
    """Writes examples to one Parquet file a split, then publishes them together with a manifest."""

    def __init__(self, work: Path, destination: Path) -> None:
        """`work` is a directory on the same file system as `destination`."""
        self._destination = destination
        self._paths = {split: work / f"{split}.parquet" for split in SPLITS}
        self._writers = {split: open_parquet(path) for split, path in self._paths.items()}
        self._waiting: dict[Split, list[Example]] = {split: [] for split in SPLITS}
        self._digest = hashlib.sha256()

    def write(self, example: Example) -> None:
        self._digest.update(_spoken_form(example))
        waiting = self._waiting[example.split]
        waiting.append(example)
        if len(waiting) == ROWS_A_GROUP:
            self._flush(example.split)

    def close(self) -> str:
        """Ends the files and returns the corpus' digest."""
        for split in SPLITS:
            self._flush(split)
            self._writers[split].close()
        return self._digest.hexdigest()

    def hashes(self) -> dict[str, str]:
        """SHA-256 of each finished file, by split."""
        return {split: file_digest(path) for split, path in self._paths.items()}

    def publish(self, held: Manifest) -> None:
        """Moves the files into place, then the manifest, then removes what no manifest names any more."""
        for split, path in self._paths.items():
            flush_to_disk(path)
            path.replace(self._destination / held.files[split])
        whole_files.write(self._destination / MANIFEST, held.as_json().encode())
        for stale in self._destination.glob("*.parquet"):
            if stale.name not in held.files.values():
                stale.unlink()

    def _flush(self, split: Split) -> None:
        if self._waiting[split]:
            self._writers[split].write_batch(batch_of(self._waiting[split]), row_group_size=ROWS_A_GROUP)
            self._waiting[split] = []


def open_parquet(path: Path) -> pq.ParquetWriter:
    """A writer with settings that never depend on the machine, so that bytes can be compared."""
    return pq.ParquetWriter(path, SCHEMA, compression="zstd", compression_level=3, version="2.6")


def file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def flush_to_disk(path: Path) -> None:
    """Waits until a written file is on the disk, so that renaming it publishes all of it."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _spoken_form(example: Example) -> bytes:
    """An example as the digest sees it: everything but the keyed hash of the customer."""
    seen = {name: value for name, value in _row(example).items() if name != "subject"}
    return json.dumps(seen, ensure_ascii=True, sort_keys=True).encode() + b"\n"

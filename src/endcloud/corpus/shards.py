"""The resumable half of a preparation: finished shards of examples, each written whole.

A shard holds the kept examples of a fixed number of dialogues read, and in its metadata the counts of these.
After a kill the shards are read back, their dialogues skipped, and the work goes on behind them: so the result
is that of an unbroken run.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq

from endcloud import whole_files
from endcloud.corpus.dataset import ROWS_A_GROUP, batch_of, examples_of, flush_to_disk
from endcloud.types import Example

JOB = "job.json"


@dataclass(slots=True)
class Counts:
    """What happened to the dialogues of some shards: read, kept, and the examples they gave."""

    read: int = 0
    kept: int = 0
    examples: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    masked: Counter[str] = field(default_factory=Counter)

    def __iadd__(self, other: Counts) -> Counts:
        self.read += other.read
        self.kept += other.kept
        self.examples += other.examples
        self.dropped += other.dropped
        self.masked += other.masked
        return self

    def as_json(self) -> str:
        held = {"read": self.read, "kept": self.kept, "examples": self.examples}
        return json.dumps({**held, "dropped": dict(self.dropped), "masked": dict(self.masked)})

    @classmethod
    def from_json(cls, text: bytes) -> Counts:
        held = json.loads(text)
        return cls(**{**held, "dropped": Counter(held["dropped"]), "masked": Counter(held["masked"])})


class Shards:
    """The shards of one job in a directory. Those of another job (another recipe) are thrown away."""

    def __init__(self, directory: Path, recipe: str) -> None:
        self.directory = directory
        job = directory / JOB
        if not (job.is_file() and job.read_text() == recipe):
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir(parents=True, exist_ok=True)
            whole_files.write(job, recipe)
        self._paths: list[Path] = []
        while (path := self._path(len(self._paths))).is_file():
            self._paths.append(path)

    def __len__(self) -> int:
        return len(self._paths)

    def counts(self) -> Counts:
        """The sum over all finished shards."""
        total = Counts()
        for path in self._paths:
            total += Counts.from_json(pq.read_schema(path).metadata[b"counts"])
        return total

    def add(self, examples: Sequence[Example], counts: Counts) -> None:
        """Writes the next shard."""
        path = self._path(len(self._paths))
        beside = path.with_suffix(".part")
        batch = batch_of(examples)
        schema = batch.schema.with_metadata({b"counts": counts.as_json().encode()})
        with pq.ParquetWriter(beside, schema, compression="lz4") as writer:
            writer.write_batch(batch.replace_schema_metadata(schema.metadata))
        flush_to_disk(beside)
        beside.replace(path)
        self._paths.append(path)

    def examples(self) -> Iterator[Example]:
        """All kept examples so far, in order."""
        for path in self._paths:
            with pq.ParquetFile(path) as table:
                for batch in table.iter_batches(ROWS_A_GROUP):
                    yield from examples_of(batch)

    def clear(self) -> None:
        """Removes the shards: the corpus has been published."""
        shutil.rmtree(self.directory)

    def _path(self, number: int) -> Path:
        return self.directory / f"{number:06}.shard"

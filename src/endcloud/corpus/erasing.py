"""A person's examples are found by their subject, the keyed hash of a customer's id, and taken out of a corpus."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.parquet as pq

from endcloud.corpus.dataset import (
    SPLITS,
    CorpusWriter,
    examples_of,
    iterate_examples,
    manifest,
)
from endcloud.corpus.examples import FORGOTTEN
from endcloud.corpus.preparation import WORK
from endcloud.types import Example


def examples_of_subject(directory: Path, subject: str) -> list[Example]:
    """The examples made of what a person said; none for the empty subject, which is nobody's."""
    if not subject:
        return []
    held = manifest(directory)
    found: list[Example] = []
    for split in SPLITS:
        table = pq.read_table(directory / held.files[split], filters=[("subject", "==", subject)])
        for batch in table.to_batches():
            found += examples_of(batch)
    return found


def theirs_alone(directory: Path, subject: str, texts: Collection[str]) -> frozenset[str]:
    """Those of `texts` that no other person's example says."""
    remaining = set(texts)
    for example in iterate_examples(directory):
        if example.subject != subject:
            remaining -= _texts(example)
    return frozenset(remaining)


def erase_subject(directory: Path, subject: str) -> int:
    """Publishes the corpus without a person's examples; returns how many went. A reader sees the old or the new one.

    What an unfinished preparation left is thrown away: it may hold them too.
    """
    shutil.rmtree(directory / WORK, ignore_errors=True)
    gone = examples_of_subject(directory, subject)
    if not gone:
        return 0
    held = manifest(directory)
    with TemporaryDirectory(dir=directory, prefix=".") as work:
        writer = CorpusWriter(Path(work), directory)
        for example in _others(directory, subject):
            writer.write(example)
        digest, hashes = writer.close(), writer.hashes()
        counted = {split: sum(one.split == split and not one.excluded for one in gone) for split in SPLITS}
        dialogues = len({one.dialogue for one in gone})
        writer.publish(
            replace(
                held,
                digest=digest,
                dialogues_kept=held.dialogues_kept - dialogues,
                examples={split: held.examples[split] - counted[split] for split in SPLITS},
                dropped={**held.dropped, FORGOTTEN: held.dropped.get(FORGOTTEN, 0) + dialogues},
                files={split: f"{split}-{sha256[:12]}.parquet" for split, sha256 in hashes.items()},
                sha256=hashes,
            )
        )
    return len(gone)


def _others(directory: Path, subject: str) -> Iterator[Example]:
    return (example for example in iterate_examples(directory) if example.subject != subject)


def _texts(example: Example) -> set[str]:
    return {example.reply, *(message.content for message in example.messages)}

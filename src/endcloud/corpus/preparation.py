"""The whole of stage 1: sources in any known format become one clean, masked, split corpus.

Two passes. The first reads dialogue by dialogue (clean ▸ mask ▸ window ▸ drop duplicates) and writes shards that
survive a kill. The second, which needs the counts of the first, weighs canned lines down and writes the Parquet
files and the manifest. Raw text never reaches the disk: a dialogue is masked before anything of it is written.

Memory: one shard, one Parquet row group a split, `deduplication.BYTES_PER_PAIR` for each kept pair, about 110
bytes for each distinct reply and 80 for each dialogue.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path

from endcloud.corpus.boilerplate import ReplyCounts
from endcloud.corpus.dataset import (
    MANIFEST,
    SPLITS,
    CorpusWriter,
    Manifest,
    SourceEntry,
    file_digest,
    manifest,
)
from endcloud.corpus.deduplication import DuplicateIndex, pair_text
from endcloud.corpus.examples import ExampleMaker
from endcloud.corpus.options import CorpusOptions
from endcloud.corpus.readers.notes import Notes
from endcloud.corpus.readers.reader import Reader
from endcloud.corpus.readers.recognition import all_readers, choose_reader
from endcloud.corpus.readers.source import Source, find_sources
from endcloud.corpus.readers.table import TableReader
from endcloud.corpus.shards import Counts, Shards
from endcloud.corpus.splitting import fill_empty
from endcloud.errors import SourceError
from endcloud.protocols import Masker, Progress
from endcloud.types import Dialogue, Split

__all__ = ["CorpusOptions", "CorpusReport", "prepare"]

WORK = "unfinished"
SHARD_DIALOGUES = 500
SMALL_DIALOGUES = 200  # below this a split may stay empty by chance


@dataclass(frozen=True, slots=True)
class CorpusReport:
    """What a preparation did: its manifest, and the seconds it took (0 where nothing was left to do)."""

    manifest: Manifest
    seconds: float

    def as_json(self) -> dict[str, object]:
        held = self.manifest
        return {
            "dialogues": {"read": held.dialogues_read, "kept": held.dialogues_kept},
            "examples": dict(held.examples),
            "dropped": dict(held.dropped),
            "malformed": held.malformed,
            "malformed_lines": list(held.malformed_lines),
            "masked": dict(held.masked),
            "boilerplate": held.boilerplate,
            "digest": held.digest,
            "seconds": round(self.seconds, 3),
        }


def prepare(
    sources: Sequence[Path],
    destination: Path,
    *,
    masker: Masker,
    key: bytes,
    options: CorpusOptions = CorpusOptions(),
    format: str = "auto",
    forgotten: frozenset[str] = frozenset(),
    progress: Progress,
) -> CorpusReport:
    """Prepares the corpus of a shop in `destination` (replacing an older one) and reports on it.

    Dialogues of the subjects `forgotten` are left out. The same command after a kill or Ctrl-C goes on where it
    stopped; when nothing has changed it does nothing.
    Raises `SourceError` for a source that is missing, empty or in no known format.
    """
    started = time.monotonic()
    read = _choose_readers(sources, format, options)
    entries = tuple(_entry(source, reader) for source, reader in read)
    recipe = _recipe(entries, options, masker, key, forgotten)
    if (held := _finished(destination, recipe)) is not None:
        shutil.rmtree(destination / WORK, ignore_errors=True)
        progress.say("The corpus is up to date: nothing has changed since it was prepared.")
        return CorpusReport(held, time.monotonic() - started)
    shards = Shards(destination / WORK, recipe)
    notes, counts = _first_pass(read, shards, ExampleMaker(masker, key, options, forgotten), progress)
    if not counts.examples:
        shards.clear()
        raise SourceError(_nothing_kept(entries, counts, notes))
    job = _Job(entries, recipe, masker.detector, destination)
    held = _second_pass(shards, job, notes, counts, options, progress)
    _say_malformed(notes, progress)
    return CorpusReport(held, time.monotonic() - started)


def _choose_readers(sources: Sequence[Path], format: str, options: CorpusOptions) -> list[tuple[Source, Reader]]:
    """Every file with the reader of its format; named columns mean a table."""
    table = TableReader(options.columns, _lowered(options.customer_words), _lowered(options.agent_words))
    wanted = table.name if format == "auto" and options.columns else format
    return [(source, choose_reader(source, wanted, all_readers(table))) for source in find_sources(list(sources))]


def _first_pass(
    read: Sequence[tuple[Source, Reader]],
    shards: Shards,
    maker: ExampleMaker,
    progress: Progress,
) -> tuple[Notes, Counts]:
    """Fills the shards. Finished ones are not made again: their dialogues are read over, their pairs learned."""
    notes, total = Notes(), shards.counts()
    bytes_in_all = sum(source.path.stat().st_size for source, _ in read)
    with (
        DuplicateIndex(maker.options.near_duplicate, shards.directory) as index,
        progress.task("reading dialogues", bytes_in_all, "B") as task,
    ):
        for example in shards.examples():
            index.remember(pair_text(example.messages, example.reply))
        dialogues = _dialogues(read, notes, maker.options)
        shown = 0
        for _ in islice(dialogues, total.read):
            pass
        while chunk := list(islice(dialogues, SHARD_DIALOGUES)):
            counts, examples = Counts(), []
            for group, (dialogue, marks) in enumerate(chunk, start=total.read + 1):
                for example in maker.examples(dialogue, marks, counts):
                    verdict = index.add(pair_text(example.messages, example.reply), group)
                    if verdict == "new":
                        examples.append(example)
                    else:
                        counts.dropped[verdict] += 1
            counts.examples = len(examples)
            shards.add(examples, counts)
            total += counts
            done = notes.bytes_before + notes.bytes_read
            task.advance(done - shown, dialogues=total.read, examples=total.examples)
            shown = done
    return notes, total


def _dialogues(
    read: Sequence[tuple[Source, Reader]], notes: Notes, options: CorpusOptions
) -> Iterator[tuple[Dialogue, bool]]:
    """Every dialogue of every source in order, and whether its marks stand for values."""
    for source, reader in read:
        marks = reader.marks if options.corpus_marks is None else options.corpus_marks
        for dialogue in reader.read(source, notes):
            yield dialogue, marks
        notes.bytes_before, notes.bytes_read = notes.bytes_before + source.path.stat().st_size, 0


@dataclass(frozen=True, slots=True)
class _Job:
    """What is read, by which recipe and detector, and where it goes."""

    entries: tuple[SourceEntry, ...]
    recipe: str
    detector: str
    destination: Path


def _second_pass(
    shards: Shards, job: _Job, notes: Notes, counts: Counts, options: CorpusOptions, progress: Progress
) -> Manifest:
    """Weighs canned replies down, writes the splits, publishes."""
    replies, moved = _survey(shards, options, progress)
    writer = CorpusWriter(shards.directory, job.destination)
    examples: Counter[str] = Counter(dict.fromkeys(SPLITS, 0))
    dropped = counts.dropped + notes.dropped
    with progress.task("writing examples", counts.examples, "examples") as task:
        for recorded in shards.examples():
            weight = replies.weight(recorded.reply, options.boilerplate_share)
            example = replace(recorded, weight=weight, split=moved.get(recorded.dialogue, recorded.split))
            writer.write(example)
            if example.excluded:
                dropped[example.excluded] += 1
            else:
                examples[example.split] += 1
            task.advance()
    digest = writer.close()
    boilerplate = replies.boilerplate(options.boilerplate_share)
    held = _manifest(job, notes, counts, digest, writer.hashes(), examples, dropped, boilerplate)
    writer.publish(held)
    shards.clear()
    return held


def _manifest(
    job: _Job,
    notes: Notes,
    counts: Counts,
    digest: str,
    hashes: dict[str, str],
    examples: Counter[str],
    dropped: Counter[str],
    boilerplate: int,
) -> Manifest:
    return Manifest(
        digest=digest,
        recipe=job.recipe,
        detector=job.detector,
        dialogues_read=counts.read,
        dialogues_kept=counts.kept,
        examples=dict(examples),
        dropped=dict(sorted(dropped.items())),
        masked=dict(sorted(counts.masked.items())),
        boilerplate=boilerplate,
        reopened=notes.reopened,
        malformed=notes.malformed,
        malformed_lines=tuple(map(str, notes.lines)),
        sources=job.entries,
        files={split: f"{split}-{sha256[:12]}.parquet" for split, sha256 in hashes.items()},
        sha256=hashes,
    )


def _survey(shards: Shards, options: CorpusOptions, progress: Progress) -> tuple[ReplyCounts, dict[str, Split]]:
    """Counts the replies to be trained on, and moves a dialogue into each wanted split that would stay empty."""
    replies = ReplyCounts()
    dialogues: dict[Split, set[str]] = {split: set() for split in SPLITS}
    for example in shards.examples():
        if not example.excluded:
            if example.split == "train":
                replies.add(example.reply)
            if len(dialogues[example.split]) < SMALL_DIALOGUES:
                dialogues[example.split].add(example.dialogue)
    shares: dict[Split, float] = {"validation": options.validation_share, "test": options.test_share}
    empty = [split for split, share in shares.items() if share > 0 and not dialogues[split]]
    moved = fill_empty(dialogues["train"], empty) if empty and len(dialogues["train"]) < SMALL_DIALOGUES else {}
    for dialogue, split in sorted(moved.items()):
        progress.say(f"No dialogue fell into the {split} split of this small corpus; {dialogue!r} was moved there.")
    return replies, moved


def _finished(destination: Path, recipe: str) -> Manifest | None:
    """The manifest of a corpus that was made by just this recipe and lies there unharmed."""
    if not (destination / MANIFEST).is_file():
        return None
    try:
        held = manifest(destination)
    except SourceError:
        return None
    files = [(destination / name, held.sha256[split]) for split, name in held.files.items()]
    unharmed = all(path.is_file() and file_digest(path) == sha256 for path, sha256 in files)
    return held if held.recipe == recipe and unharmed else None


def _entry(source: Source, reader: Reader) -> SourceEntry:
    size = source.path.stat().st_size
    return SourceEntry(source.name, size, file_digest(source.path), reader.name, source.encoding)


def _recipe(
    entries: tuple[SourceEntry, ...], options: CorpusOptions, masker: Masker, key: bytes, forgotten: frozenset[str]
) -> str:
    """The digest of all that decides the output: sources, options, detector, key, who was forgotten, and this
    package's own code."""
    package = Path(__file__).parent
    code = [file_digest(path) for path in sorted(package.rglob("*.py"))]
    told = [
        [asdict(entry) for entry in entries],
        asdict(options),
        masker.detector,
        hmac.new(key, b"corpus", hashlib.sha256).hexdigest(),
        code,
        sorted(forgotten),
    ]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _lowered(words: Sequence[str]) -> frozenset[str]:
    return frozenset(word.strip().lower() for word in words)


def _nothing_kept(entries: Sequence[SourceEntry], counts: Counts, notes: Notes) -> str:
    names = ", ".join(repr(entry.name) for entry in entries)
    reasons = ", ".join(f"{reason}: {count}" for reason, count in sorted((counts.dropped + notes.dropped).items()))
    malformed = f"; {notes.malformed} malformed lines, the first: {notes.lines[0]}" if notes.lines else ""
    return (
        f"No dialogue in {names} can be used ({counts.read} read{f'; {reasons}' if reasons else ''}{malformed}): "
        "check the format and the columns."
    )


def _say_malformed(notes: Notes, progress: Progress) -> None:
    if notes.malformed:
        listed = "; ".join(str(line) for line in notes.lines[:5])
        more = f" and {notes.malformed - 5} more, listed in the manifest" if notes.malformed > 5 else ""
        progress.say(f"{notes.malformed} lines could not be read and were left out: {listed}{more}.")
    if notes.reopened:
        progress.say(
            f"{notes.reopened} dialogues come in several pieces: sort the file by dialogue to have them whole."
        )

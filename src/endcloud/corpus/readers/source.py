"""Opens a source as numbered lines of text: plain or gzip, UTF-8 or GB18030, with or without BOM, LF or CRLF.

The encoding is judged line by line, since neither encoding can be told from its first bytes: a real log has a
broken line here and there, and one broken line must not turn 1,000 good ones into another script.
"""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, cast

from endcloud.corpus.readers.notes import Notes
from endcloud.errors import SourceError

ENCODINGS = ("utf-8", "gb18030")
SUFFIXES = (".txt", ".csv", ".tsv", ".json", ".jsonl", ".ndjson")
JUDGED_LINES = 200  # lines with a byte above 127 that are looked at to judge the encoding
READABLE = 0.6  # share of these that must decode
HEAD_BYTES = 1 << 18
PIECE_BYTES = 1 << 20


_DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile)


@dataclass(frozen=True, slots=True)
class Source:
    """A file of dialogues. `name` is what examples call it: it never tells in which directory the file lies."""

    path: Path
    name: str
    encoding: str = "utf-8"

    def lines(self, notes: Notes) -> Iterator[tuple[int, str]]:
        """(number from 1, line without its end). A line that does not decode is noted and left out."""
        with self.path.open("rb") as raw:
            for number, line in enumerate(self._binary_lines(raw), start=1):
                notes.bytes_read = raw.tell()
                try:
                    yield number, _without_end(line, first=number == 1).decode(self.encoding).removeprefix("\ufeff")
                except UnicodeDecodeError:
                    notes.reject(self.name, number, f"is not {self.encoding.upper()} text")

    def pieces(self, notes: Notes) -> Iterator[str]:
        """The text in pieces of bounded size, for files that may be one single line. Broken bytes become
        lone surrogates, so that whoever finds one knows which part is malformed."""
        decoder = codecs.getincrementaldecoder(self.encoding)("surrogateescape")
        with self.path.open("rb") as raw, self._decompressed(raw) as stream:
            while piece := self._read(stream, PIECE_BYTES):
                notes.bytes_read = raw.tell()
                yield decoder.decode(piece)

    def head(self) -> str:
        """The first 256 KiB as text, to recognise the format by; undecodable bytes are left out."""
        with self.path.open("rb") as raw, self._decompressed(raw) as stream:
            return self._read(stream, HEAD_BYTES).decode(self.encoding, errors="ignore").removeprefix("\ufeff")

    def _binary_lines(self, raw: BinaryIO) -> Iterator[bytes]:
        with self._decompressed(raw) as stream:
            try:
                yield from stream
            except _DAMAGED as error:
                raise self._damaged(error) from error

    def _read(self, stream: BinaryIO, most: int) -> bytes:
        try:
            return stream.read(most)
        except _DAMAGED as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> SourceError:
        return SourceError(f"{self.name!r} is a damaged gzip file ({error}): unpack it yourself, or fetch it again.")

    def _decompressed(self, raw: BinaryIO) -> BinaryIO:
        magic = raw.read(2)
        raw.seek(0)
        return cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if magic == b"\x1f\x8b" else raw


def find_sources(paths: list[Path]) -> list[Source]:
    """Files and directories (searched by suffix, in order of name) as sources with judged encodings."""
    files = [entry for path in paths for entry in _files(path)]
    if not files:
        raise SourceError(f"There is no file of dialogues in {', '.join(map(repr, map(str, paths)))}: give a file.")
    return [Source(file, _printable(name), judge_encoding(file)) for file, name in files]


def _files(path: Path) -> list[tuple[Path, str]]:
    if path.is_dir():
        inside = sorted(file for file in path.rglob("*") if file.is_file() and _wanted(file))
        return [(file, file.relative_to(path).as_posix()) for file in inside]
    if not path.is_file():
        raise SourceError(f"The source {str(path)!r} does not exist: check the path.")
    return [(path, path.name)]


def _printable(name: str) -> str:
    """A file name as text: names need not be UTF-8 on every file system."""
    return name.encode(errors="replace").decode()


def _wanted(file: Path) -> bool:
    name = file.name.lower().removesuffix(".gz")
    return not name.startswith(".") and name.endswith(SUFFIXES)


def judge_encoding(path: Path) -> str:
    """UTF-8 where most lines decode as it, else GB18030 where most do; else a `SourceError`."""
    if path.stat().st_size == 0:
        raise SourceError(f"{str(path)!r} is empty (0 bytes): there is nothing to read.")
    source = Source(path, path.name)
    with path.open("rb") as raw:
        telling = (line for line in source._binary_lines(raw) if not line.isascii() or b"\0" in line)
        lines = [_without_end(line, first=False) for line in islice(telling, JUDGED_LINES)]
    for encoding in ENCODINGS:
        if sum(_decodes(line, encoding) for line in lines) >= READABLE * len(lines):
            return encoding
    raise SourceError(
        f"{str(path)!r} is neither UTF-8 nor GB18030 text; it begins with the bytes {_first_bytes(path)}: "
        "export the dialogues as text."
    )


def _first_bytes(path: Path) -> str:
    with path.open("rb") as raw:
        return raw.read(16).hex(" ")


def _decodes(line: bytes, encoding: str) -> bool:
    if b"\0" in line:
        return False
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _without_end(line: bytes, *, first: bool) -> bytes:
    line = line.removesuffix(b"\n").removesuffix(b"\r")
    return line.removeprefix(codecs.BOM_UTF8) if first else line

"""Which reader reads a source: the one that was named, or the first that recognises the file's beginning."""

from __future__ import annotations

from collections.abc import Sequence

from endcloud.corpus.readers.alpaca import AlpacaReader
from endcloud.corpus.readers.ecd import EcdReader
from endcloud.corpus.readers.jddc import JddcReader
from endcloud.corpus.readers.messages import MessagesReader
from endcloud.corpus.readers.reader import Reader
from endcloud.corpus.readers.sharegpt import ShareGptReader
from endcloud.corpus.readers.source import Source
from endcloud.corpus.readers.table import TableReader
from endcloud.errors import SourceError

ALIASES = {"csv": "table", "tsv": "table", "openai": "messages"}
SHOWN = 80  # characters of an unknown file that its error shows


def all_readers(table: TableReader) -> tuple[Reader, ...]:
    """In order of recognition: a format that is harder to mistake comes first."""
    return MessagesReader(), ShareGptReader(), AlpacaReader(), table, JddcReader(), EcdReader()


def choose_reader(source: Source, wanted: str, readers: Sequence[Reader]) -> Reader:
    """The reader called `wanted`, or with "auto" the one whose format this is; else a `SourceError`."""
    names = ", ".join(reader.name for reader in readers)
    if wanted != "auto":
        for reader in readers:
            if reader.name == ALIASES.get(wanted, wanted):
                return reader
        raise SourceError(f"The format {wanted!r} is unknown: choose auto or one of {names}.")
    head = source.head()
    if not head.strip():
        raise SourceError(f"{source.name!r} is empty: it holds nothing but white space.")
    for reader in readers:
        if reader.recognises(head):
            return reader
    raise SourceError(
        f"{source.name!r} is in no format known here ({names}); it begins with {head.strip()[:SHOWN]!r}: "
        "convert it, or name its format or its columns."
    )

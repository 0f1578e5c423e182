"""The shop's catalogue, and which of its rows a conversation names.

Only rows that the question or its history name go into the prompt: a whole catalogue would drown the question,
and a fact of a product that nobody spoke of must not pass as known (the paper's Table III shows a teacher that
answers a bare number with a towel's size).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from endcloud.errors import SourceError
from endcloud.numerals import normalise

NAMES = ("名称", "商品名称", "品名", "商品", "产品", "产品名称", "标题", "name", "title", "product")
ALIASES = ("别名", "简称", "俗称", "alias", "aliases")
NUMBERS = ("货号", "编号", "商品id", "商品编号", "sku", "id")
_SEPARATOR = re.compile(r"[、,，/|;；]\s*")


@dataclass(frozen=True, slots=True)
class Row:
    """One product: its columns in the file's order, and the normalised names by which customers call it."""

    columns: Mapping[str, str]
    name: str
    called: tuple[str, ...]

    @property
    def text(self) -> str:
        """The row as the prompt has it: `名称：…；价格：…`."""
        return "；".join(f"{column}：{value}" for column, value in self.columns.items() if value)


class Catalogue:
    """All products. Falsy where there are none."""

    def __init__(self, rows: Sequence[Row] = ()) -> None:
        self.rows = tuple(rows)

    def __bool__(self) -> bool:
        return bool(self.rows)

    def named(self, texts: Sequence[str], most: int = 6) -> tuple[Row, ...]:
        """The rows that `texts` (oldest first) name: by name, alias or number, else by the name's last two signs.

        At most `most`; those named last come first into account. In the catalogue's order.
        """
        said = [normalise(text) for text in texts]
        found: list[Row] = []
        for text in reversed(said):
            exact = [row for row in self.rows if any(name in text for name in row.called)]
            exact = [row for row in exact if not _shadowed(row, exact, text)]
            loose = exact or [row for row in self.rows if len(row.called[0]) >= 4 and row.called[0][-2:] in text]
            found += [row for row in loose if row not in found]
        kept = found[:most]
        return tuple(row for row in self.rows if row in kept)


def _shadowed(row: Row, others: Sequence[Row], text: str) -> bool:
    """Whether `text` says this row's name only as a part of another row's longer name."""
    rest = text
    for name in sorted({name for other in others if other is not row for name in other.called}, key=len, reverse=True):
        if any(own in name and own != name for own in row.called) and name not in row.called:
            rest = rest.replace(name, " ")
    return not any(own in rest for own in row.called)


def read_catalogue(path: Path) -> Catalogue:
    """Reads a CSV with a header row, one product a line, UTF-8 or GB18030.

    Raises SourceError where the file cannot be read or has no column that names the product.
    """
    return Catalogue([_row(columns, path) for columns in read_table(path)])


def catalogue_csv(catalogue: Catalogue) -> str:
    """The catalogue as the text of a CSV file: one header with every column that occurs, one line a product."""
    names = list(dict.fromkeys(name for row in catalogue.rows for name in row.columns))
    out = io.StringIO()
    writer = csv.DictWriter(out, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(dict(row.columns) for row in catalogue.rows)
    return out.getvalue()


def read_table(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV or TSV as {column: value}, trimmed; empty lines are skipped."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SourceError(f"{str(path)!r} cannot be read ({error.strerror}); name a CSV file that exists.") from error
    text = _decoded(raw, path)
    first = text.partition("\n")[0]
    table = list(csv.DictReader(io.StringIO(text, newline=""), delimiter="\t" if first.count("\t") else ","))
    if not table:
        raise SourceError(f"{str(path)!r} has no row below its header; it needs a header line and one line an item.")
    rows = [
        {str(column).strip(): value.strip() for column, value in row.items() if column and isinstance(value, str)}
        for row in table
    ]
    return [row for row in rows if any(row.values())]


def column(columns: Mapping[str, str], names: Sequence[str]) -> str:
    """The value of the first of `names` that is a column, whatever its case; empty where none is."""
    lowered = {key.lower(): value for key, value in columns.items()}
    return next((lowered[name] for name in names if lowered.get(name)), "")


def _row(columns: dict[str, str], path: Path) -> Row:
    name = column(columns, NAMES)
    if not name:
        raise SourceError(
            f"{str(path)!r} has no product name in {', '.join(columns)}; a catalogue needs one of the columns "
            f"{', '.join(NAMES)}, filled in every row."
        )
    aliases = [alias for alias in _SEPARATOR.split(column(columns, ALIASES)) if alias]
    called = [name, *aliases, *filter(None, [column(columns, NUMBERS)])]
    return Row(columns, name, tuple(dict.fromkeys(normalise(text) for text in called)))


def _decoded(raw: bytes, path: Path) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise SourceError(f"{str(path)!r} is neither UTF-8 nor GB18030 text; save it as one of these.")

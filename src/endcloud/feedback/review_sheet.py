"""A blind review sheet: replies in a shuffled order, with nothing that says who wrote them, and the key kept apart.

Identical replies to a question are one row, so that nobody judges the same words twice; what is said of the row counts
for each version that said them. A row's id follows from question and reply, so a sheet made again from the same replies
is the same sheet, and its judgements can still be read.
"""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256

from endcloud.errors import SourceError
from endcloud.types import Message, Review

COLUMNS = ("sheet", "row", "reviewer", "grade", "note")
GRADES = ("1", "2", "3", "4", "5")
_SHOWN = ("conversation", "reply")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class Candidate:
    """One version's reply to a conversation, with the cloud's reply to the same."""

    messages: tuple[Message, ...]
    reply: str
    version: str
    cloud: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """What a reviewer sees."""

    id: str
    messages: tuple[Message, ...]
    reply: str


@dataclass(frozen=True, slots=True)
class Hidden:
    """What the key knows of a row."""

    query: str
    reply: str
    cloud: str | None
    versions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A blind sheet and its key, by row id; they are written to different places."""

    id: str
    rows: tuple[Row, ...]
    key: dict[str, Hidden]

    def key_json(self) -> str:
        return json.dumps({"sheet": self.id, "rows": {n: asdict(h) for n, h in self.key.items()}}, ensure_ascii=False)

    def as_csv(self) -> str:
        """The sheet for a spreadsheet: fill in reviewer, grade (1 to 5) and note; the byte-order mark is for Excel."""
        buffer = io.StringIO()
        rows = csv.writer(buffer, lineterminator="\n")
        rows.writerow([*COLUMNS, *_SHOWN])
        for row in self.rows:
            said = " / ".join(f"{message.role}: {message.content}" for message in row.messages)
            rows.writerow([self.id, row.id, "", "", "", _as_text(said), _as_text(row.reply)])
        return "\ufeff" + buffer.getvalue()


def prepare(candidates: Sequence[Candidate], seed: int = 0) -> Sheet:
    """Joins identical replies and shuffles: the questions among themselves, and the replies to each."""
    joined: dict[tuple[tuple[Message, ...], str], list[Candidate]] = {}
    for candidate in candidates:
        joined.setdefault((candidate.messages, candidate.reply.strip()), []).append(candidate)
    questions: dict[tuple[Message, ...], list[Row]] = {}
    key: dict[str, Hidden] = {}
    for (messages, reply), same in joined.items():
        row = Row(_digest([[m.role, m.content] for m in messages], reply), messages, reply)
        versions = tuple(sorted({one.version for one in same}))
        key[row.id] = Hidden(messages[-1].content, reply, same[0].cloud, versions)
        questions.setdefault(messages, []).append(row)
    draw = random.Random(seed)
    blocks = list(questions.values())
    draw.shuffle(blocks)
    for block in blocks:
        draw.shuffle(block)
    rows = tuple(row for block in blocks for row in block)
    return Sheet(_digest(sorted(key), seed), rows, key)


def read_key(text: str) -> tuple[str, dict[str, Hidden]]:
    """A sheet's id and key, as `Sheet.key_json` wrote them."""
    values = json.loads(text)
    return values["sheet"], {
        name: Hidden(row["query"], row["reply"], row["cloud"], tuple(row["versions"]))
        for name, row in values["rows"].items()
    }


def sheet_of(text: str, name: str) -> str:
    """Which sheet a file of judgements belongs to. Raises SourceError where it has no rows or names several."""
    sheets = {row["sheet"] for _, row in _rows(text, name)}
    if len(sheets) != 1:
        raise SourceError(f"{name!r} names {len(sheets)} sheets {sorted(sheets)!r}; give the rows of one sheet.")
    return sheets.pop()


def read_judgements(
    text: str, name: str, sheet: str, key: dict[str, Hidden], at: datetime, reviewer: str = ""
) -> list[Review]:
    """The judgements of a filled sheet, CSV as exported by the page or saved by a spreadsheet.

    Rows without a grade are not judged yet and are left out. `reviewer` names who judged where the rows do not.
    Raises SourceError that names every bad row by its line; then none is read.
    """
    reviews: dict[str, Review] = {}
    wrong: list[str] = []
    for line, row in _rows(text, name):
        grade, who = row["grade"].strip(), row["reviewer"].strip() or reviewer
        if not grade:
            continue
        hidden = key.get(row["row"].strip())
        if hidden is None:
            wrong.append(f"line {line}: the row {row['row']!r} is not of the sheet {sheet!r}")
        elif grade not in GRADES:
            wrong.append(f"line {line}: the grade {grade!r} is not one of 1 to 5")
        elif not who or len(who) > _LONGEST_NAME:
            wrong.append(f"line {line}: the reviewer {who!r} needs a name of 1 to {_LONGEST_NAME} characters")
        else:
            identity = f"{sheet}/{row['row'].strip()}/{sha256(who.encode()).hexdigest()[:12]}"
            if identity in reviews and reviews[identity].grade != int(grade):
                wrong.append(f"line {line}: {who!r} judges the row {row['row']!r} twice, and differently")
            reviews[identity] = Review(
                identity, sheet, hidden.query, hidden.reply, hidden.cloud, " ".join(hidden.versions), who, int(grade),
                at, row["note"].strip(),
            )  # fmt: skip
    if wrong:
        raise SourceError(f"{name!r} has {len(wrong)} bad rows, and nothing was read: {'; '.join(wrong)}. Mend them.")
    return list(reviews.values())


def _rows(text: str, name: str) -> list[tuple[int, dict[str, str]]]:
    """(line, row) of a CSV file; a quoted note may run over several lines."""
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    if missing := [column for column in COLUMNS if column not in (reader.fieldnames or ())]:
        raise SourceError(f"{name!r} lacks the columns {missing!r}; it must be a sheet of `endcloud review prepare`.")
    try:
        rows, begins = [], 2
        for row in reader:
            rows.append((begins, {column: row.get(column) or "" for column in COLUMNS}))
            begins = reader.line_num + 1
    except csv.Error as error:
        raise SourceError(f"{name!r} is not a CSV file: line {reader.line_num}: {error}.") from error
    if not rows:
        raise SourceError(f"{name!r} holds no rows; export the sheet again.")
    return rows


def _as_text(text: str) -> str:
    """What a spreadsheet would take for a formula begins with an apostrophe."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _digest(*parts: object) -> str:
    return sha256(json.dumps(parts, ensure_ascii=True).encode()).hexdigest()[:12]

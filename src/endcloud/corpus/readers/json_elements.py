"""Cuts a JSON array of any size, or objects printed over several lines, into its elements without parsing it.

Brackets are counted outside strings, in one pass and bounded memory. A broken element spoils only itself where
the file has line breaks: a JSON string holds no raw line break, and an element that begins a line with the
indentation of the first one begins anew, whatever its predecessor left open.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from endcloud.corpus.readers.notes import Notes

LONGEST = 16 << 20  # characters of an element; a longer one is a bracket that never closes
_STRUCTURE = re.compile(r'\\.|["\[\]{}]|\n[ \t]*', re.DOTALL)
_UNFINISHED = re.compile(r"(?:\\|\n[ \t]*)\Z")  # what may go on in the next piece


def elements(pieces: Iterable[str], source: str, notes: Notes) -> Iterator[tuple[int, str]]:
    """(number of its first line, text) of each element of the array, or of each object where there is none.

    What is left open or closed too often is noted as malformed in `source`.
    """
    outer, depth, in_string, line = -1, 0, False, 1
    start, indent, closed_at = 1, None, 0
    held: list[str] = []  # the beginning of an element that earlier pieces held
    for text in _whole_marks(pieces):
        position = 0  # where the current element begins, or goes on, in this piece
        for match in _STRUCTURE.finditer(text):
            mark = match.group()
            if mark[0] == "\n":
                line, in_string = line + 1, False
                if depth > outer >= 0 and indent == mark and text[match.end() : match.end() + 1] == "{":
                    notes.reject(source, start, "leaves a bracket or a quote open")
                    held, depth = [], outer
            elif mark == '"':
                in_string = not in_string
            elif in_string or mark[0] == "\\":
                continue
            elif mark in "[{":
                if outer < 0:
                    outer = depth = 1 if mark == "[" else 0
                    if mark == "[":
                        continue
                if depth == outer:
                    position, start = match.start(), line
                    if closed_at:
                        notes.reject(source, closed_at, "closes a bracket that was never opened")
                        closed_at = 0
                    if indent is None:
                        indent = _indent(text, match.start())
                depth += 1
            elif depth == outer:
                closed_at = line
            else:
                depth -= 1
                if depth == outer:
                    yield start, "".join([*held, text[position : match.end()]])
                    held = []
        if depth > outer:
            held.append(text[position:])
        if sum(map(len, held)) > LONGEST:
            break
    if depth > outer >= 0:
        notes.reject(source, start, "leaves a bracket or a quote open to the end of the file")


def _whole_marks(pieces: Iterable[str]) -> Iterator[str]:
    """The pieces, cut so that no escape and no line's indentation is torn apart."""
    carried = ""
    for piece in pieces:
        text = carried + piece
        torn = _UNFINISHED.search(text)
        end = torn.start() if torn else len(text)
        carried = text[end:]
        yield text[:end]
    yield carried


def _indent(text: str, place: int) -> str | None:
    """The line break and white space before `place`, or None where something else stands there."""
    before = re.search(r"\n[ \t]*\Z", text[:place])
    return before.group() if before else None

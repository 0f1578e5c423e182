"""The list of forbidden words as a shop edits it: one word a line, `#` begins a remark, 允许 names a harmless longer
word. What is shipped is a beginning: the absolute terms and promises that Chinese advertising law forbids.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from endcloud.errors import SourceError
from endcloud.serving.release import ForbiddenWords

FILE_NAME = "forbidden_words.txt"
_ALLOWED = "允许"


def shipped() -> str:
    """The text of the list that a new shop begins with."""
    return files("endcloud.serving").joinpath(FILE_NAME).read_text(encoding="utf-8")


def parse(text: str) -> ForbiddenWords:
    """The check that a list stands for; 允许 without a word after it is itself a word."""
    words: list[str] = []
    allowed: list[str] = []
    for line in text.splitlines():
        word = line.partition("#")[0].strip()
        head, _, tail = word.partition(" ")
        if head == _ALLOWED and tail.strip():
            allowed.append(tail.strip())
        elif word:
            words.append(word)
    longest_first = sorted(allowed, key=len, reverse=True)
    return ForbiddenWords(tuple(dict.fromkeys(words)), tuple(dict.fromkeys(longest_first)))


def read(path: Path) -> ForbiddenWords:
    """The check of the list at `path`. Raises SourceError where it is no UTF-8 text."""
    try:
        return parse(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(
            f"The list {str(path)!r} cannot be read ({type(error).__name__}); save it as UTF-8, one word a line."
        ) from error

"""Reads a file of contexts with candidate replies, as response selection is published with (ECD's format).

`label TAB utterance TAB … TAB response`, words separated by spaces; a context appears once for each candidate, and
label 1 marks the recorded one. The corpus reader takes the recorded one only; here the others are kept too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from endcloud.corpus.readers.ecd import join_words
from endcloud.errors import SourceError
from endcloud.types import Message


@dataclass(frozen=True, slots=True)
class Candidates:
    """A context, the reply that was given, and the false ones of the file."""

    messages: tuple[Message, ...]
    reply: str
    others: tuple[str, ...]


def read_candidates(path: Path) -> list[Candidates]:
    """The contexts of a file in their order; ones without a true reply are left out.

    Raises:
        SourceError: the file cannot be read, a line is of another format, or no context has a true and a false reply.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"The candidates {str(path)!r} cannot be read: {error}.") from error
    replies: dict[tuple[str, ...], dict[str, list[str]]] = {}
    for number, line in enumerate(lines, 1):
        label, *utterances = line.split("\t")
        if not line.strip():
            continue
        if label not in ("0", "1") or len(utterances) < 2:
            raise SourceError(
                f"Line {number} of {str(path)!r} is not `label TAB utterance … TAB response` with label 0 or 1: "
                f"{line[:60]!r}; give a file in ECD's format."
            )
        *context, reply = (join_words(utterance) for utterance in utterances)
        replies.setdefault(tuple(context), {"0": [], "1": []})[label].append(reply)
    found = [
        Candidates(_messages(context), labelled["1"][0], tuple(dict.fromkeys(labelled["0"])))
        for context, labelled in replies.items()
        if labelled["1"]
    ]
    if not any(one.others for one in found):
        raise SourceError(f"In {str(path)!r} no context has both a true reply (label 1) and a false one (label 0).")
    return found


def _messages(context: Sequence[str]) -> tuple[Message, ...]:
    return tuple(Message("assistant" if turn % 2 else "user", text) for turn, text in enumerate(context))

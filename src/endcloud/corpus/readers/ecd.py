"""ECD, the E-commerce Dialogue Corpus: `label TAB utterance TAB … TAB response`, words separated by spaces.

Label 1 is the recorded response, label 0 one drawn at random: only label 1 becomes a dialogue. Speakers take
turns and the customer begins. Source: Zhang et al., "Modeling Multi-turn Conversation with Deep Utterance
Aggregation", COLING 2018.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from endcloud.corpus.readers.json_records import opening_digest
from endcloud.corpus.readers.notes import Notes
from endcloud.corpus.readers.source import Source
from endcloud.types import Dialogue, Message

HEAD_LINES = 50
_WORD_GAP = re.compile(r"(?<![A-Za-z0-9]) +| +(?![A-Za-z0-9])")


@dataclass(frozen=True, slots=True)
class EcdReader:
    name: str = "ecd"
    marks: bool = False

    def recognises(self, head: str) -> bool:
        lines = [line.split("\t") for line in head.splitlines()[:HEAD_LINES] if line.strip()]
        return 2 * sum(len(line) >= 3 and line[0] in ("0", "1") for line in lines) > len(lines)

    def read(self, source: Source, notes: Notes) -> Iterator[Dialogue]:
        for number, line in source.lines(notes):
            label, *utterances = line.split("\t")
            if not line.strip():
                continue
            if label not in ("0", "1") or len(utterances) < 2:
                notes.reject(source.name, number, "is not `label TAB utterance … TAB response` with label 0 or 1")
            elif label == "0":
                notes.drop("false response")
            else:
                yield _dialogue(utterances, source.name)


def _dialogue(utterances: list[str], source: str) -> Dialogue:
    messages = tuple(
        Message("assistant" if turn % 2 else "user", join_words(utterance)) for turn, utterance in enumerate(utterances)
    )
    return Dialogue(opening_digest(messages), messages, source)


def join_words(segmented: str) -> str:
    """Undoes word segmentation: a space stays only between two Latin words or numbers."""
    return _WORD_GAP.sub("", segmented.strip())

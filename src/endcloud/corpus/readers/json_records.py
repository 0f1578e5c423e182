"""JSON Lines, or one JSON array of any size, as a stream of numbered records."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence

from endcloud.corpus.readers.json_elements import elements
from endcloud.corpus.readers.notes import Notes
from endcloud.corpus.readers.source import Source
from endcloud.types import Message

Record = dict[str, object]
_BROKEN = re.compile(r"[\udc80-\udcff]")
OPENING = 20


def names_key(head: str, keys: Iterable[str]) -> bool:
    """Whether a JSON text (lines or array) that begins like this holds all these keys."""
    looks_like_json = any(line.lstrip().startswith(("{", "[")) for line in head.splitlines()[:20])
    return looks_like_json and all(re.search(rf'(?<!\\)"{key}"\s*:', head) for key in keys)


def records(source: Source, notes: Notes) -> Iterator[tuple[int, Record]]:
    """(line number, JSON object) of each record; what is no JSON object is noted as malformed."""
    for number, text in _texts(source, notes):
        if not text.strip():
            continue
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:  # a ValueError also for a number of 5,000 digits
            notes.reject(source.name, number, f"is not JSON ({str(error)[:80]})")
            continue
        if isinstance(value, dict) and not _BROKEN.search(text):
            yield number, value
        else:
            reason = f"is not {source.encoding.upper()} text" if isinstance(value, dict) else "is not a JSON object"
            notes.reject(source.name, number, reason)


def _texts(source: Source, notes: Notes) -> Iterator[tuple[int, str]]:
    """The text of each record: lines, or elements where the file is an array or printed over several lines."""
    head = source.head().lstrip()
    if head.startswith("[") or head.split("\n", 1)[0].strip() == "{":
        return elements(source.pieces(notes), source.name, notes)
    return source.lines(notes)


def text_of(content: object) -> str | None:
    """The text of a message content: a string, or OpenAI's list of parts; None where it is neither."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text"]
        return " ".join(part for part in parts if isinstance(part, str))
    return None


def identity(record: Record, messages: Sequence[Message]) -> str:
    """The record's own id, else a digest of how the dialogue opens."""
    for key in ("id", "conversation_id", "dialogue_id", "session_id"):
        if isinstance(record.get(key), (str, int)) and str(record[key]):
            return str(record[key])
    return opening_digest(messages)


def opening_digest(messages: Sequence[Message]) -> str:
    """A stable name for a dialogue without one, from its first turns.

    Such files often hold one conversation several times, each time a turn longer (ECD does): named by its opening
    it stays in one split. Turns are taken until they hold `OPENING` characters, so that the many dialogues that
    begin with a mere greeting keep names of their own.
    """
    opening: list[list[str]] = []
    for message in messages:
        opening.append([message.role, message.content])
        if sum(len(content) for _, content in opening) >= OPENING:
            break
    return hashlib.sha256(json.dumps(opening, ensure_ascii=True).encode()).hexdigest()[:16]


def customer_of(record: Record) -> str:
    """The customer's id where the record names one."""
    value = record.get("customer", "")
    return str(value) if isinstance(value, (str, int)) else ""

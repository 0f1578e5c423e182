"""Alpaca: `{"instruction": …, "input": …, "output": …, "history": [[question, answer], …]}`, lines or array."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from endcloud.corpus.readers.json_records import Record, customer_of, identity, names_key, records
from endcloud.corpus.readers.notes import Notes
from endcloud.corpus.readers.source import Source
from endcloud.types import Dialogue, Message


@dataclass(frozen=True, slots=True)
class AlpacaReader:
    name: str = "alpaca"
    marks: bool = False

    def recognises(self, head: str) -> bool:
        return names_key(head, ["instruction", "output"])

    def read(self, source: Source, notes: Notes) -> Iterator[Dialogue]:
        for number, record in records(source, notes):
            messages = _messages(record)
            if isinstance(messages, str):
                notes.reject(source.name, number, messages)
            else:
                yield Dialogue(identity(record, messages), messages, source.name, customer_of(record))


def _messages(record: Record) -> tuple[Message, ...] | str:
    """The history, then the instruction (with its input) and the output; or why there are none."""
    instruction, given, output = record.get("instruction"), record.get("input") or "", record.get("output")
    if not isinstance(instruction, str) or not isinstance(given, str) or not isinstance(output, str):
        return "has no instruction and output of text"
    pairs = record.get("history") or []
    if not isinstance(pairs, list) or not all(_is_pair(pair) for pair in pairs):
        return "has a history that is not a list of [question, answer]"
    query = f"{instruction}\n{given}" if given else instruction
    said = [text for pair in [*pairs, [query, output]] for text in pair]
    return tuple(Message("assistant" if turn % 2 else "user", text) for turn, text in enumerate(said))


def _is_pair(pair: object) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and all(isinstance(text, str) for text in pair)

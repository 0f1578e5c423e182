"""ShareGPT: `{"conversations": [{"from": "human", "value": …}, {"from": "gpt", "value": …}]}`, lines or array."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from endcloud.corpus.readers.json_records import customer_of, identity, names_key, records
from endcloud.corpus.readers.messages import ROLES, parse_messages
from endcloud.corpus.readers.notes import Notes
from endcloud.corpus.readers.source import Source
from endcloud.types import Dialogue, Role

SHAREGPT_ROLES: dict[str, Role] = {
    **ROLES,
    "human": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "observation": "system",
    "function_call": "system",
}


@dataclass(frozen=True, slots=True)
class ShareGptReader:
    name: str = "sharegpt"
    marks: bool = False

    def recognises(self, head: str) -> bool:
        return names_key(head, ["conversations"])

    def read(self, source: Source, notes: Notes) -> Iterator[Dialogue]:
        for number, record in records(source, notes):
            messages = parse_messages(record.get("conversations"), "from", "value", SHAREGPT_ROLES)
            if isinstance(messages, str):
                notes.reject(source.name, number, messages)
            else:
                yield Dialogue(identity(record, messages), messages, source.name, customer_of(record))

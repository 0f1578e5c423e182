"""OpenAI messages JSONL: `{"messages": [{"role": …, "content": …}, …]}`, with optional `id` and `customer`.

System, developer and tool messages are read as `system` and dropped by cleaning: a recorded prompt is not what
this shop's end model will be asked with (its own short role sentence is), and what is trained must be what is
served.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from endcloud.corpus.readers.json_records import Record, customer_of, identity, names_key, records, text_of
from endcloud.corpus.readers.notes import Notes
from endcloud.corpus.readers.source import Source
from endcloud.types import Dialogue, Message, Role

ROLES: dict[str, Role] = {
    "user": "user",
    "assistant": "assistant",
    "system": "system",
    "developer": "system",
    "tool": "system",
    "function": "system",
}


@dataclass(frozen=True, slots=True)
class MessagesReader:
    name: str = "messages"
    marks: bool = False

    def recognises(self, head: str) -> bool:
        return names_key(head, ["messages"])

    def read(self, source: Source, notes: Notes) -> Iterator[Dialogue]:
        for number, record in records(source, notes):
            messages = parse_messages(record.get("messages"), "role", "content", ROLES)
            if isinstance(messages, str):
                notes.reject(source.name, number, messages)
            else:
                yield Dialogue(identity(record, messages), messages, source.name, customer_of(record))


def parse_messages(items: object, role_key: str, content_key: str, roles: dict[str, Role]) -> tuple[Message, ...] | str:
    """The messages of a JSON list of objects, or a phrase that says why it holds none."""
    if not isinstance(items, list):
        return "has no list of messages"
    messages = []
    for item in items:
        role = _text(item, role_key)
        content = text_of(item.get(content_key)) if isinstance(item, dict) else None
        if role not in roles:
            return f"has the unknown role {str(role)[:20]!r}"
        if content is None:
            return f"has a {role} message whose {content_key} is not text"
        messages.append(Message(roles[role], content))
    return tuple(messages)


def _text(item: object, key: str) -> str:
    value = item.get(key) if isinstance(item, dict) else None
    return value if isinstance(value, str) else ""


__all__ = ["ROLES", "MessagesReader", "Record", "parse_messages"]

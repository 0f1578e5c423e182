"""CSV and TSV with named columns: either one turn a row (dialogue, role, content and perhaps customer) or one
question and reply a row (query, reply and perhaps dialogue and customer).

Columns are named in the settings, or recognised from usual headers in Chinese and English.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from endcloud.corpus.readers.json_records import opening_digest
from endcloud.corpus.readers.notes import Notes
from endcloud.corpus.readers.source import Source
from endcloud.corpus.readers.turns import Turn, group_turns
from endcloud.errors import SourceError
from endcloud.types import Dialogue, Message, Role

USUAL_HEADERS: dict[str, tuple[str, ...]] = {
    "dialogue": (
        *("dialogue", "dialogue_id", "dialog_id", "conversation", "conversation_id", "session", "session_id"),
        *("chat_id", "sid", "会话", "会话id", "会话编号", "对话", "对话id", "对话编号"),
    ),
    "role": (
        *("role", "side", "sender", "sender_type", "speaker", "from"),
        *("角色", "发送方", "发送者", "发送人", "身份", "说话人"),
    ),
    "content": (
        *("content", "text", "message", "utterance", "send_content", "msg"),
        *("内容", "消息", "消息内容", "聊天内容", "文本", "发送内容"),
    ),
    "customer": (
        *("customer", "customer_id", "user_id", "userid", "buyer", "buyer_id", "uid"),
        *("客户", "客户id", "顾客", "用户id", "买家", "买家id", "买家昵称"),
    ),
    "query": ("query", "question", "prompt", "问", "问题", "提问", "客户问题", "用户问题"),
    "reply": ("reply", "answer", "response", "答", "答案", "回答", "回复", "客服回复"),
}
CUSTOMER_WORDS = frozenset(
    ["0", "user", "customer", "human", "buyer", "client", "用户", "客户", "顾客", "买家", "访客", "消费者"]
)
AGENT_WORDS = frozenset(
    [
        *("1", "assistant", "agent", "waiter", "seller", "staff", "gpt", "bot"),
        *("客服", "人工客服", "卖家", "商家", "店铺", "坐席", "机器人"),
    ]
)
SYSTEM_WORDS = frozenset(["system", "系统", "系统消息", "系统通知"])
DELIMITERS = ("\t", ",", ";", "|")
LONGEST_FIELD = 1 << 20


@dataclass(frozen=True, slots=True)
class TableReader:
    """`columns` maps our names (the keys of `USUAL_HEADERS`) to the file's own; `customer_words` and
    `agent_words` are further values of the role column."""

    columns: Mapping[str, str] = field(default_factory=dict)
    customer_words: frozenset[str] = frozenset()
    agent_words: frozenset[str] = frozenset()
    name: str = "table"
    marks: bool = False

    def __post_init__(self) -> None:
        for column in self.columns:
            if column not in USUAL_HEADERS:
                raise SourceError(f"The column {column!r} is unknown: name any of {', '.join(USUAL_HEADERS)}.")

    def recognises(self, head: str) -> bool:
        return self._layout(head) is not None

    def read(self, source: Source, notes: Notes) -> Iterator[Dialogue]:
        layout = self._layout(source.head())
        if layout is None:
            header = source.head().split("\n", 1)[0].strip()[:120]
            raise SourceError(
                f"{source.name!r} has no columns for dialogue, role and content, nor for query and reply; its header "
                f"is {header!r}: name its columns, e.g. --column query=问题 --column reply=回答."
            )
        delimiter, places, width = layout
        rows = _rows(source, delimiter, width, notes)
        if "query" in places:
            return self._pairs(rows, places, source, notes)
        return group_turns(self._turns(rows, places, source, notes), source.name, notes)

    def _layout(self, head: str) -> tuple[str, dict[str, int], int] | None:
        """(delimiter, place of each column, number of columns) from the header row."""
        first = head.lstrip("\ufeff").split("\n", 1)[0].rstrip("\r")
        for delimiter in DELIMITERS:
            header = _header(first, delimiter)
            places = {column: place for column in USUAL_HEADERS if (place := self._place(column, header)) is not None}
            if {"query", "reply"} <= places.keys():
                return delimiter, places, len(header)
            if {"dialogue", "role", "content"} <= places.keys():
                return delimiter, places, len(header)
        return None

    def _place(self, column: str, header: list[str]) -> int | None:
        if column in self.columns:
            wanted: tuple[str, ...] = (self.columns[column].strip().lower(),)
        else:
            wanted = USUAL_HEADERS[column]
        return next((header.index(name) for name in wanted if name in header), None)

    def _role(self, word: str) -> Role | None:
        word = word.strip().lower()
        if word in self.customer_words or word in CUSTOMER_WORDS:
            return "user"
        if word in self.agent_words or word in AGENT_WORDS:
            return "assistant"
        return "system" if word in SYSTEM_WORDS else None

    def _turns(
        self, rows: Iterator[tuple[int, list[str]]], places: dict[str, int], source: Source, notes: Notes
    ) -> Iterator[Turn]:
        for number, row in rows:
            role = self._role(row[places["role"]])
            if role is None:
                notes.reject(source.name, number, f"has the unknown role {row[places['role']][:20]!r}")
            else:
                customer = row[places["customer"]] if "customer" in places else ""
                yield Turn(row[places["dialogue"]], customer, Message(role, row[places["content"]]))

    def _pairs(
        self, rows: Iterator[tuple[int, list[str]]], places: dict[str, int], source: Source, notes: Notes
    ) -> Iterator[Dialogue]:
        for _, row in rows:
            messages = (Message("user", row[places["query"]]), Message("assistant", row[places["reply"]]))
            named = row[places["dialogue"]] if "dialogue" in places else ""
            customer = row[places["customer"]] if "customer" in places else ""
            yield Dialogue(named or opening_digest(messages), messages, source.name, customer)


def _header(line: str, delimiter: str) -> list[str]:
    """The names in a header row, lower case; none where the line is no row."""
    try:
        return [cell.strip().lower() for cell in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error:
        return []


def _rows(source: Source, delimiter: str, width: int, notes: Notes) -> Iterator[tuple[int, list[str]]]:
    """(number of its first line, cells) of each row below the header. A quote that is never closed swallows
    lines: each swallowed line is noted."""
    csv.field_size_limit(LONGEST_FIELD)
    line_number = 0

    def lines() -> Iterator[str]:
        nonlocal line_number
        for number, line in source.lines(notes):
            line_number = number
            yield f"{line}\n"

    reader = csv.reader(lines(), delimiter=delimiter)
    next(reader, None)
    while True:
        before = line_number
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            _reject_lines(source, before, line_number, f"is no row of a table ({error})", notes)
            continue
        if len(row) == width:
            yield before + 1, [cell.strip() for cell in row]
        elif any(cell.strip() for cell in row):
            _reject_lines(source, before, line_number, f"has {len(row)} cells instead of {width}", notes)


def _reject_lines(source: Source, after: int, last: int, reason: str, notes: Notes) -> None:
    for number in range(after + 1, last + 1):
        notes.reject(source.name, number, reason)

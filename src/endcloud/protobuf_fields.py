"""The fields of a protocol-buffer message, without its schema: old checkpoints and tokenizers are kept so."""

from __future__ import annotations

import struct
from collections.abc import Iterator


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(field number, value) in order: a number for varints and fixed widths, bytes for what has a length.

    Raises ValueError where the message ends in the middle of a field.
    """
    at = 0
    while at < len(message):
        key, at = varint(message, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = varint(message, at)
            yield number, value
            continue
        if wire == 2:
            size, at = varint(message, at)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise ValueError(f"wire type {wire} at byte {at}")
        content = message[at : at + size]
        if len(content) < size:
            raise ValueError(f"a field of {size} bytes is cut off at byte {at}")
        at += size
        yield number, content if wire == 2 else int(struct.unpack("<Q" if wire == 1 else "<I", content)[0])


def varint(data: bytes, at: int) -> tuple[int, int]:
    """The number at byte `at` (seven bits a byte, low ones first), and where the next thing begins."""
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ValueError(f"a number is cut off at byte {at}")
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def signed(value: int) -> int:
    """A varint as the 64-bit signed number that it stands for."""
    return value - (1 << 64) if value >> 63 else value

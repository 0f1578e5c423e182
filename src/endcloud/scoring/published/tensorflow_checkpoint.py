"""Reads TensorFlow's checkpoints (`NAME.index` and `NAME.data-00000-of-00001`) without TensorFlow.

The index is a table of sorted keys as LevelDB writes them: data blocks of prefix-compressed entries, an index block
that says where they are, and a footer of 48 bytes. The empty key holds the header; each other key is a variable's
name, its value a `BundleEntryProto`: type, shape, shard, offset, size and a CRC-32C of its bytes, which is checked.
Source: tensorflow, `core/util/tensor_bundle/tensor_bundle.h`, `core/protobuf/tensor_bundle.proto`,
`core/lib/io/format.cc`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import google_crc32c
import numpy as np
import torch

from endcloud.errors import ModelError
from endcloud.protobuf_fields import fields, varint

_MAGIC = 0xDB4775248B80FB57
_FOOTER = 48
_TYPES: Mapping[int, np.dtype[np.generic]] = {
    1: np.dtype("<f4"), 2: np.dtype("<f8"), 3: np.dtype("<i4"), 9: np.dtype("<i8"), 19: np.dtype("<f2"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a variable's bytes are: `size` bytes at `offset` of shard `shard`; `type` as TensorFlow numbers it."""

    type: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    crc: int


class TensorFlowCheckpoint:
    """The variables of one checkpoint by name; each is read when it is asked for."""

    def __init__(self, prefix: Path) -> None:
        """`prefix` is the path without `.index`. Raises ModelError where there is none or it is broken."""
        self._prefix = prefix
        path = prefix.with_name(prefix.name + ".index")
        try:
            table = dict(_table(path.read_bytes()))
            header = dict(fields(table.pop(b"")))
            self.entries = {name.decode(): _entry(value) for name, value in table.items()}
        except (OSError, ValueError, KeyError, IndexError, struct.error) as error:
            raise ModelError(
                f"{str(path)!r} is no index of a TensorFlow checkpoint ({error!r}); copy it again from its source."
            ) from error
        if header.get(2):
            raise ModelError(f"{str(path)!r} was written big-endian, which is not read here; convert it first.")
        self._shards = int(header.get(1) or 1)

    def tensor(self, name: str) -> torch.Tensor:
        """One variable. Raises ModelError where its bytes are missing, changed, or of a type not read here."""
        entry = self.entries[name]
        path = self._prefix.with_name(f"{self._prefix.name}.data-{entry.shard:05d}-of-{self._shards:05d}")
        try:
            with path.open("rb") as file:
                file.seek(entry.offset)
                content = file.read(entry.size)
        except OSError as error:
            raise ModelError(f"{str(path)!r} cannot be read ({error.strerror}); copy the whole checkpoint.") from error
        if entry.type not in _TYPES:
            raise ModelError(f"The variable {name!r} has TensorFlow's type {entry.type}, which is not read here.")
        if len(content) < entry.size or masked_crc32c(content) != entry.crc:
            raise ModelError(f"The bytes of {name!r} in {str(path)!r} are not those that were written; copy it again.")
        array = np.frombuffer(content, _TYPES[entry.type])
        if array.size != int(np.prod(entry.shape)):
            raise ModelError(f"The variable {name!r} has {array.size} numbers, but the shape {entry.shape!r}.")
        return torch.from_numpy(array.reshape(entry.shape).copy())


def _table(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """All (key, value) of an index file."""
    footer = data[-_FOOTER:]
    if len(footer) < _FOOTER or struct.unpack("<Q", footer[-8:])[0] != _MAGIC:
        raise ValueError("the footer is missing")
    _, at = varint(footer, 0)
    _, at = varint(footer, at)  # the handle of the meta-index, which is empty
    for _, handle in _block(data, *_handle(footer, at)):
        yield from _block(data, *_handle(handle, 0))


def _handle(data: bytes, at: int) -> tuple[int, int]:
    offset, at = varint(data, at)
    size, _ = varint(data, at)
    return offset, size


def _block(data: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """The entries of one block; each key shares a beginning with the one before it."""
    block, kind = data[offset : offset + size], data[offset + size]
    if kind != 0:
        raise ValueError(f"the block at {offset} is compressed (type {kind})")
    if masked_crc32c(data[offset : offset + size + 1]) != struct.unpack_from("<I", data, offset + size + 1)[0]:
        raise ValueError(f"the block at {offset} is damaged")
    restarts = struct.unpack_from("<I", block, len(block) - 4)[0]
    end = len(block) - 4 - 4 * restarts
    at, key = 0, b""
    while at < end:
        shared, at = varint(block, at)
        own, at = varint(block, at)
        length, at = varint(block, at)
        key = key[:shared] + block[at : at + own]
        at += own
        yield key, block[at : at + length]
        at += length


def _entry(message: bytes) -> Entry:
    values = dict(fields(message))
    if 7 in values:
        raise ValueError("a variable is kept in slices")
    shape: list[int] = []
    for number, dimension in fields(_bytes(values.get(2, b""))):
        if number == 2:
            shape.append(_number(dict(fields(_bytes(dimension))).get(1, 0)))
    return Entry(
        _number(values.get(1, 0)),
        tuple(shape),
        _number(values.get(3, 0)),
        _number(values.get(4, 0)),
        _number(values.get(5, 0)),
        _number(values.get(6, 0)),
    )


def _number(value: int | bytes) -> int:
    if isinstance(value, bytes):
        raise ValueError("bytes stand where a number should")
    return value


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ValueError("a number stands where bytes should")
    return value


def masked_crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli) of `data`, rotated and shifted as LevelDB does so that a CRC of CRCs stays useful."""
    crc = int(google_crc32c.value(data))
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF

"""Reads a SentencePiece `tokenizer.model` without SentencePiece: it is one protobuf message of three kinds of fields.

Source: sentencepiece_model.proto of google/sentencepiece.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from endcloud.errors import ModelError

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
"""Kinds of pieces."""

_BPE = 2
_Field = tuple[int, int | bytes]


@dataclass(frozen=True, slots=True)
class Piece:
    text: str
    score: float
    kind: int


@dataclass(frozen=True, slots=True)
class SentencePieceModel:
    """The pieces, by id, and how text is prepared for them."""

    pieces: tuple[Piece, ...]
    byte_fallback: bool
    normalizer: str
    add_dummy_prefix: bool
    remove_extra_whitespaces: bool


def read_sentencepiece(data: bytes) -> SentencePieceModel:
    """Raises ModelError where it is no SentencePiece file, or one of another kind than ChatGLM3's."""
    try:
        fields = list(_fields(data))
        pieces = tuple(_piece(_bytes(value)) for number, value in fields if number == 1)
        trainer = dict(_fields(b"".join(_bytes(value) for number, value in fields if number == 2)))
        normalizer = dict(_fields(b"".join(_bytes(value) for number, value in fields if number == 3)))
    except (ValueError, IndexError, KeyError, struct.error) as error:
        raise ModelError(f"The tokenizer.model is no SentencePiece file ({error}); download it again.") from error
    if not pieces:
        raise ModelError("The tokenizer.model holds no pieces; download it again.")
    model = SentencePieceModel(
        pieces,
        byte_fallback=bool(trainer.get(35, 0)),
        normalizer=_bytes(normalizer.get(1, b"")).decode(),
        add_dummy_prefix=bool(normalizer.get(3, 1)),
        remove_extra_whitespaces=bool(normalizer.get(4, 1)),
    )
    _check(model, int(trainer.get(3, 1)), bool(trainer.get(24, 0)))
    return model


def _check(model: SentencePieceModel, kind: int, suffix: bool) -> None:
    """Only what ChatGLM3's tokenizer does is carried over; anything else would be read differently in silence."""
    odd = {
        "model type": (kind, _BPE),
        "byte fallback": (model.byte_fallback, True),
        "normalizer": (model.normalizer, "identity"),
        "dummy prefix": (model.add_dummy_prefix, True),
        "removal of extra spaces": (model.remove_extra_whitespaces, False),
        "space as suffix": (suffix, False),
    }
    for name, (found, wanted) in odd.items():
        if found != wanted:
            raise ModelError(f"The tokenizer.model has {name} {found!r}, ChatGLM3's has {wanted!r}: another tokenizer.")
    if unknown := [piece.text for piece in model.pieces if piece.kind in (USER_DEFINED, UNUSED)]:
        raise ModelError(f"The tokenizer.model has pieces of a kind ChatGLM3's has not, such as {unknown[0]!r}.")


def _piece(data: bytes) -> Piece:
    fields = dict(_fields(data))
    (score,) = struct.unpack("<f", _bytes(fields.get(2, b"\0\0\0\0")))
    return Piece(_bytes(fields[1]).decode(), score, int(fields.get(3, NORMAL)))


def _fields(data: bytes) -> Iterator[_Field]:
    """The fields of one message: number and value, which is an integer or the bytes of something longer."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(data, at)
            yield number, value
            continue
        if wire == 2:
            size, at = _varint(data, at)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise ValueError(f"wire type {wire} at byte {at}")
        if at + size > len(data):
            raise ValueError(f"it ends within a field at byte {at}")
        yield number, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A variable-length integer and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at
        if shift > 63:
            raise ValueError(f"an integer without an end at byte {at}")


def _bytes(value: int | bytes) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError(f"a number, {value}, where a text should be")
    return value

"""Reads a SentencePiece `tokenizer.model` without SentencePiece: it is one protobuf message of three kinds of fields.

Source: sentencepiece_model.proto of google/sentencepiece.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from endcloud.errors import ModelError
from endcloud.protobuf_fields import fields

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
"""Kinds of pieces."""

_BPE = 2


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
        parts = list(fields(data))
        pieces = tuple(_piece(_bytes(value)) for number, value in parts if number == 1)
        trainer = dict(fields(b"".join(_bytes(value) for number, value in parts if number == 2)))
        normalizer = dict(fields(b"".join(_bytes(value) for number, value in parts if number == 3)))
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
    said = dict(fields(data))
    (score,) = struct.unpack("<f", struct.pack("<I", said.get(2, 0)))  # a float's four bytes come as a number
    return Piece(_bytes(said[1]).decode(), score, int(said.get(3, NORMAL)))


def _bytes(value: int | bytes) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError(f"a number, {value}, where a text should be")
    return value

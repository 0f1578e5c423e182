"""Reads PaddlePaddle's parameter files (one a parameter, as `save_persistables` wrote them) without PaddlePaddle.

A file is a version (32 bits, always 0), the levels of detail (a 64-bit count, then each with its size in bytes), a
version again, the size of a `TensorDesc` message, the message (type and dimensions) and the plain little-endian
numbers. There is no checksum; the sizes have to come out even.
Source: PaddlePaddle, `framework/lod_tensor.cc` (SerializeToStream), `framework/tensor_util.cc` (TensorToStream),
`framework/framework.proto`.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from endcloud.errors import ModelError
from endcloud.protobuf_fields import fields, signed, varint

_TYPES: Mapping[int, np.dtype[np.generic]] = {
    2: np.dtype("<i4"), 3: np.dtype("<i8"), 4: np.dtype("<f2"), 5: np.dtype("<f4"), 6: np.dtype("<f8"),
}  # fmt: skip


def read_parameter(path: Path) -> torch.Tensor:
    """The tensor in `path`, in its own type. Raises ModelError where the file is no such parameter."""
    try:
        return _tensor(path.read_bytes())
    except (OSError, ValueError, struct.error) as error:
        raise ModelError(
            f"{str(path)!r} is no parameter file of PaddlePaddle ({error}); copy it again from its source."
        ) from error


def _tensor(data: bytes) -> torch.Tensor:
    version, levels = struct.unpack_from("<IQ", data)
    at = 12
    if version != 0 or levels > 8:
        raise ValueError(f"version {version}, {levels} levels")
    for _ in range(levels):
        at += 8 + int(struct.unpack_from("<Q", data, at)[0])
    inner, size = struct.unpack_from("<Ii", data, at)
    at += 8
    if inner != 0 or not 0 < size <= len(data) - at:
        raise ValueError(f"tensor version {inner}, description of {size} bytes")
    kind, shape = _description(data[at : at + size])
    content = data[at + size :]
    if kind not in _TYPES:
        raise ValueError(f"numbers of the type {kind} are not read here")
    wanted = int(np.prod(shape, dtype=np.int64)) * _TYPES[kind].itemsize
    if len(content) != wanted:
        raise ValueError(f"{len(content)} bytes of numbers where {wanted} should be")
    return torch.from_numpy(np.frombuffer(content, _TYPES[kind]).reshape(shape).copy())


def _description(message: bytes) -> tuple[int, tuple[int, ...]]:
    """Type and dimensions of a `TensorDesc`; newer writers pack the dimensions, older ones do not."""
    kind, shape = 0, list[int]()
    for number, value in fields(message):
        if number == 1 and isinstance(value, int):
            kind = value
        elif number == 2 and isinstance(value, int):
            shape.append(signed(value))
        elif number == 2 and isinstance(value, bytes):
            at = 0
            while at < len(value):
                dimension, at = varint(value, at)
                shape.append(signed(dimension))
    if any(dimension <= 0 for dimension in shape):
        raise ValueError(f"the shape {shape}")
    return kind, tuple(shape)

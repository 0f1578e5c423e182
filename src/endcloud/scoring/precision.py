"""Scorers in fewer bits: faster, and no longer the same numbers.

float32 is exact and the default. bfloat16 pays where the processor has it; int8 quantises the linear layers' weights,
and their inputs as they come (torch's dynamic quantisation, processors only). `benchmarks/scoring.py` says what each
costs in rank correlation and largest deviation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeVar

import torch

Precision = Literal["float32", "bfloat16", "int8"]
Model = TypeVar("Model", bound=torch.nn.Module)


def at_precision(model: Model, precision: Precision) -> Model:
    """The model computing in `precision`; it may be changed in place."""
    if precision == "bfloat16":
        return model.to(torch.bfloat16)
    if precision == "int8":
        quantize: Callable[..., Model] = torch.ao.quantization.quantize_dynamic  # untyped in torch
        return quantize(model, {torch.nn.Linear}, dtype=torch.qint8)
    return model.float()

"""Scorers in fewer bits: faster, and no longer the same numbers.

float32 is exact and the default. bfloat16 pays where the processor has it; int8 quantises the linear layers' weights,
and their inputs as they come (torch's dynamic quantisation, processors only). `benchmarks/scoring.py` says what each
costs in rank correlation and largest deviation.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Literal, TypeVar

import torch

from endcloud.errors import ModelError
from endcloud.scoring.processor_linear import with_processor_linears

Precision = Literal["float32", "bfloat16", "int8"]
Model = TypeVar("Model", bound=torch.nn.Module)


def at_precision(model: Model, precision: Precision) -> Model:
    """The model computing in `precision`; it may be changed in place.

    Raises:
        ModelError: int8 was asked of a GPU's model, or of a torch that has no dynamic quantisation any more.
    """
    if precision == "bfloat16":
        return model.to(torch.bfloat16)
    return _int8(model) if precision == "int8" else with_processor_linears(model.float())


def _int8(model: Model) -> Model:
    device = next(model.parameters()).device.type
    quantize: Callable[..., Model] | None = getattr(torch.ao.quantization, "quantize_dynamic", None)
    if device != "cpu" or quantize is None:
        raise ModelError(
            f"int8 scorers run on processors with torch's dynamic quantisation; the device is {device!r} and torch "
            f"{torch.__version__}. Set scoring.precision to bfloat16 or float32."
        )
    with warnings.catch_warnings():
        # deprecated in favour of torchao, a package of its own; it is still the fast path on processors
        warnings.simplefilter("ignore")
        return quantize(model.float(), {torch.nn.Linear}, dtype=torch.qint8)

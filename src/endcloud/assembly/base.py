"""The base model that a shop's settings name: where it lies, and in which precision it is held."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from endcloud.errors import ModelError

if TYPE_CHECKING:
    from endcloud.assembly.shop import Shop
    from endcloud.end.base_model import BaseModel
    from endcloud.types import AdapterVersion

BUNDLED = "bundled"
_OWN = "models/"
"""Where a shop keeps the models that it made or imported; never asked of the hub."""


def base_of(shop: Shop, quantization: str = "") -> BaseModel:
    """The base model, loaded; held as the settings say, or otherwise where `quantization` is given."""
    from endcloud.end.base_model import load_base

    settings = shop.settings.end
    return load_base(
        str(base_location(shop)),
        device=settings.device,
        precision=settings.precision,
        quantization=quantization or settings.quantization,
    )


def base_location(shop: Shop) -> str | Path:
    """A directory, or the hub name that the operator gave; the bundled base is made at first use and cached."""
    model = shop.settings.end.model
    if model == BUNDLED:
        from transformers.utils import logging as hf_logging

        from endcloud.bundled.nano import nano_base

        hf_logging.disable_progress_bar()
        return nano_base(cache_directory(), shop.progress)
    beside = shop.directory.root / model
    if model.startswith(_OWN) and not beside.is_dir() and not Path(model).is_dir():
        raise ModelError(
            f"The base model {model!r} is not in {str(beside)!r}: put it there, or make it from the official "
            f"checkpoint of ChatGLM3-6B with `endcloud import chatglm3 SOURCE {beside}`."
        )
    return beside if beside.is_dir() else model


def on_this_machine(shop: Shop) -> bool:
    """Whether the base is loaded without a download; what is no hub name counts as here, so that loading says so."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    model = shop.settings.end.model
    looks_like_a_path = model.startswith((".", "~", "/", _OWN)) or model.count("/") != 1
    if model == BUNDLED or looks_like_a_path or Path(model).is_dir():
        return True
    try:
        return isinstance(try_to_load_from_cache(model, "config.json"), str)
    except HFValidationError:
        return True


def say_precision(shop: Shop, version: AdapterVersion) -> None:
    """Says so where a version answers on another precision of the base than it was trained on."""
    from endcloud.end.quantization import precision_note

    if note := precision_note(version, shop.base.quantization):
        shop.progress.say(note)


def cache_directory() -> Path:
    """Where the bundled base model is kept between shops: $ENDCLOUD_CACHE, or the user's cache directory."""
    from platformdirs import user_cache_path

    return Path(os.environ.get("ENDCLOUD_CACHE") or user_cache_path("endcloud"))

"""What `endcloud init` writes: settings, each line explained by the effect of changing it, for each profile."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from endcloud import whole_files
from endcloud.errors import UsageError
from endcloud.settings import Price, Settings
from endcloud.store.directory import ShopDirectory

Overrides = Mapping[str, Mapping[str, Any]]

_GEMINI: dict[str, Any] = {
    "base_url": "https://generativelanguage.googleapis.com/v1beta/openai/",
    "model": "gemini-2.5-flash",
    "terms": "Read the provider's terms on training with its output before you rely on these labels.",
    "prices": {"gemini-2.5-flash": Price(prompt=0.30, cached=0.075, completion=2.50)},
}

PROFILES: dict[str, Overrides] = {
    "bundled": {
        "cloud": {
            "base_url": "stand-in",
            "model": "standin-cloud",
            "terms": "Stand-in replies, made on this machine: free to train on.",
            "prices": {"standin-cloud": Price(prompt=0.10, cached=0.01, completion=0.40)},
        },
        "end": {"model": "bundled", "max_tokens": 64, "data": "cloud"},
    },
    "qwen3-0.6b": {"cloud": _GEMINI, "end": {"model": "Qwen/Qwen3-0.6B", "preset": "large"}},
    "qwen3-1.7b": {"cloud": _GEMINI, "end": {"model": "Qwen/Qwen3-1.7B", "preset": "large"}},
    "qwen3-4b": {"cloud": _GEMINI, "end": {"model": "Qwen/Qwen3-4B", "preset": "large"}},
    "glm-4-9b": {"cloud": _GEMINI, "end": {"model": "zai-org/glm-4-9b-chat-hf", "preset": "large"}},
    "chatglm3-6b": {"cloud": _GEMINI, "end": {"model": "models/chatglm3-6b", "preset": "paper"}},
}

POLICIES = """\
<!-- The shop's current rules, in your own words: one rule a line, each line beginning with "- ".
     They stand in the cloud's prompt before the examples and win over older replies. Lines like this
     comment are ignored. For example:

     - 满59元包邮，不满收8元运费。
     - 签收后7天内支持无理由退货。
-->
"""


def make_shop(root: Path, profile: str, overrides: Overrides | None = None) -> ShopDirectory:
    """Makes the shop's directory with its settings and policies.

    Raises UsageError where a shop is there already: what an owner wrote is never overwritten.
    """
    shop = ShopDirectory(root)
    if shop.settings.exists():
        raise UsageError(f"There is a shop in {str(shop.root)!r} already; edit {shop.settings.name} instead.")
    shop.create()
    if not shop.policies.exists():
        whole_files.write(shop.policies, POLICIES)
    whole_files.write(shop.settings, render_settings(profile, overrides))
    return shop


def render_settings(profile: str, overrides: Overrides | None = None) -> str:
    """The text of endcloud.toml: every setting with its value and the effect of changing it."""
    lines = [
        f"# Settings of this shop (profile {profile}). An environment variable wins over a line here,",
        "# e.g. ENDCLOUD_CLOUD__MODEL. A setting that is not known is an error.",
    ]
    for section, field in Settings.model_fields.items():
        model = field.annotation
        assert isinstance(model, type) and issubclass(model, BaseModel)
        changed = {**PROFILES[profile].get(section, {}), **(overrides or {}).get(section, {})}
        lines += ["", f"[{section}]", *_wrapped(model.__doc__ or ""), *_settings(model, changed)]
        lines += [*_prices(changed.get("prices", {})), *_tables(section, model)]
    return "\n".join(lines) + "\n"


def _settings(model: type[BaseModel], changed: Mapping[str, Any]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if field.default_factory:  # a table, which stands behind the section's plain values
            continue
        value = changed.get(name, field.default)
        yield ""
        yield from _wrapped(field.description or "")
        yield f"# {name} =" if value is None else f"{name} = {_toml(value)}"


def _prices(prices: Mapping[str, Price]) -> Iterator[str]:
    for model, price in prices.items():
        yield ""
        yield f"[cloud.prices.{json.dumps(model)}]"
        yield "# Price of a million tokens, in the budget's currency. Check them: providers change their prices."
        yield from (f"{name} = {value}" for name, value in price.model_dump().items())


def _tables(section: str, model: type[BaseModel]) -> Iterator[str]:
    """An example of each table that a shop may add, as a comment."""
    for name, field in model.model_fields.items():
        for example in field.examples or ():
            yield ""
            yield from _wrapped(field.description or "")
            yield f"# [{section}.{name}]"
            yield from (f"# {_toml(key)} = {_toml(value)}" for key, value in example.items())


def _wrapped(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(" ".join(text.split()), 110)]


def _toml(value: str | int | float | bool) -> str:
    return json.dumps(value, ensure_ascii=False)

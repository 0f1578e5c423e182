"""What an operator can set: `endcloud.toml` in the shop's directory, and the environment on top of it.

Every setting stands here once, with its default, its bounds and the effect of changing it; `endcloud init`
writes those same sentences beside the values. An unknown key is an error, since a misspelt setting would
otherwise be a silent default. Only `assembly` and `cli` read settings: parts take plain arguments.

A setting is overridden by an environment variable, e.g. ENDCLOUD_CLOUD__MODEL=qwen-max.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import tomlkit
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from endcloud import whole_files
from endcloud.errors import SettingsError
from endcloud.evolution_settings import EvolutionSettings
from endcloud.privacy_settings import PrivacySettings
from endcloud.serving_settings import ServingSettings

FILE_NAME = "endcloud.toml"

_MOVED = {"serving.uploads": 'privacy.upload; write upload = "never" there if it was false'}


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ShopSettings(_Section):
    """Who the shop is: the first words of every prompt, at the end and in the cloud."""

    name: str = Field("我的小店", min_length=1, description="The shop's name, as customers know it.")
    manner: str = Field(
        "语气亲切，称呼顾客为“亲”，回答简短、准确，只说店里确实有的规则。",
        description="How replies should sound. The cloud model follows it, and the end model learns it from the cloud.",
    )


class CorpusSettings(_Section):
    """Recorded dialogues become examples."""

    context_turns: int = Field(
        6,
        ge=1,
        le=64,
        description="Turns of context kept with each reply. More helps follow-ups, costs memory and time.",
    )
    longest_dialogue: int = Field(200, ge=2, description="Dialogues of more turns are dropped and counted.")
    longest_reply: int = Field(600, ge=1, description="Replies of more characters are dropped and counted.")
    near_duplicate: float = Field(
        0.8,
        gt=0,
        description="Pairs at least this similar (Jaccard of 3-grams) count once. Lower removes more; above 1 nothing but exact repeats.",
    )
    boilerplate_share: float = Field(
        0.002,
        gt=0,
        le=1,
        description="No single reply weighs more than this share of the training set. Lower flattens canned lines more; 1 changes nothing.",
    )
    validation_share: float = Field(
        0.1, ge=0, lt=0.5, description="Share of dialogues kept to choose the best checkpoint."
    )
    test_share: float = Field(
        0.1, gt=0, lt=0.5, description="Share of dialogues kept for evaluation, never trained on."
    )


class Price(_Section):
    """What a model costs, in the budget's currency for a million tokens."""

    prompt: float = Field(0.0, ge=0)
    cached: float = Field(0.0, ge=0)
    completion: float = Field(0.0, ge=0)


class CloudSettings(_Section):
    """The teacher: any OpenAI-compatible endpoint."""

    base_url: str = Field("", description="Endpoint of the cloud model; empty means no cloud is set up.")
    model: str = Field("", description="Name of the cloud model at that endpoint.")
    key_variable: str = Field(
        "ENDCLOUD_CLOUD_KEY",
        description="Environment variable that holds the API key. The key itself never stands here.",
    )
    terms: str = Field(
        "", description="A note kept with every label: the provider's terms as to training on its output."
    )
    exemplars: Literal["fixed", "nearest", "mixed"] = Field(
        "mixed",
        description="Pairs in the prompt: one cached block, the nearest to the question, or a block and a few nearest last.",
    )
    pairs: int = Field(
        500,
        ge=0,
        le=5000,
        description="Question-answer pairs in the prompt (N of the paper). Fewer is cheaper, less exact.",
    )
    nearest: int = Field(8, ge=0, le=100, description="How many of the pairs are the nearest ones, in `mixed`.")
    concurrency: int = Field(
        8, ge=1, le=256, description="Calls in flight at once. More is faster until the provider says no."
    )
    calls_per_minute: int = Field(0, ge=0, description="Rate limit of our own; 0 is none.")
    attempts: int = Field(5, ge=1, le=20, description="How often a failed call is tried before its reason is recorded.")
    timeout: float = Field(
        60.0, gt=0, description="Seconds without a word from the cloud before a call counts as failed."
    )
    max_tokens: int = Field(512, ge=1, description="Longest reply in tokens; longer ones are cut and not trained on.")
    temperature: float = Field(
        0.0, ge=0, le=2, description="0 gives the same label each time; higher varies the wording."
    )
    budget: float = Field(
        5.0, ge=0, description="Money that may be spent in all, in the currency of the prices. It is never passed."
    )
    currency: str = Field("USD", description="The currency of budget and prices; only shown.")
    prices: dict[str, Price] = Field(
        default_factory=dict,
        description="A model's price for a million tokens. A model that is not listed is not asked.",
    )


class EndSettings(_Section):
    """The student: a small model on this machine."""

    model: str = Field(
        "bundled", description="Base model: `bundled`, a local directory, or a hub name that you download on purpose."
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="`auto` takes the fastest that is there.")
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="bfloat16 halves the memory and is faster where the hardware has it; float32 is exact."
    )
    quantization: Literal["none", "int8", "int4"] = Field(
        "none",
        description="Holds the base in 8 or 4 bits: less memory for a little of the score, and slower on a processor. `evaluate --quantization` says how much.",
    )
    method: Literal["lora", "prefix-tuning", "p-tuning-v2"] = Field(
        "lora", description="What `train` trains unless told otherwise. LoRA needs the least data and time."
    )
    preset: Literal["fast", "large", "paper"] = Field(
        "fast",
        description="`fast`: packed rows and rates measured on the bundled base. `large`: published rates, for bases from half a billion parameters on. `paper`: Table IV to the letter, much slower.",
    )
    data: Literal["natural", "cloud", "both"] = Field(
        "both", description="Learn from the recorded replies, from the cloud's, or from both."
    )
    cloud_share: float = Field(
        0.8, ge=0, le=1, description="With `both`: share of the weight that the cloud's replies have. 1 ignores agents."
    )
    temperature: float = Field(
        0.6, ge=0, le=2, description="Sampling of replies to customers; 0 always says the likeliest."
    )
    top_p: float = Field(0.8, gt=0, le=1, description="Sampling keeps the likeliest words up to this share.")
    max_tokens: int = Field(512, ge=1, description="Longest reply in tokens.")
    seed: int = Field(7, ge=0, description="Seed of training; the same seed, data and machine give the same version.")
    steps: int | None = Field(None, ge=1, description="Optimiser steps; leave it out for the preset's own number.")
    learning_rate: float | None = Field(
        None,
        gt=0,
        description="Peak learning rate; leave it out for the preset's own. Higher learns faster until it diverges.",
    )


class ScoringSettings(_Section):
    """The judge."""

    alpha: float = Field(0.8, ge=0, le=1, description="α: weight of the likeness to the cloud reply against relevance.")
    threshold: float = Field(
        0.2, ge=0, le=1, description="Θ: where the cloud reply's own relevance is below it, similarity alone counts."
    )
    poor: float = Field(
        0.5,
        ge=0,
        le=1,
        description="A final score below this is a poor reply. `endcloud calibrate scores` fits it, α and Θ to people's reviews.",
    )
    similarity: str = Field(
        "stand-in",
        description="`stand-in`, `trained` (by `endcloud scorers train`), a model's directory, or KIND:DIRECTORY with simbert, bge, gte, qwen3-embedding or sentence-transformers.",
    )
    relevance: str = Field(
        "stand-in",
        description="`stand-in`, `trained`, a model's directory, or KIND:DIRECTORY with rocketqa, bge-reranker, gte-reranker, qwen3-reranker, qwen3-embedding or cross-encoder.",
    )
    similarity_tokens: int | None = Field(
        None,
        ge=3,
        description="Longest reply that the similarity model reads, in tokens; leave it out for the model's own (SimBERT: 32, which cuts some).",
    )
    instruction: str = Field(
        "", description="What a Qwen3 relevance model is told to judge; empty is a sentence about shops and replies."
    )
    precision: Literal["float32", "bfloat16", "int8"] = Field(
        "float32",
        description="float32 is exact; bfloat16 is faster and changed scores by up to 0.04, int8 by up to 0.17 and their order too (docs/results.md).",
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="Where the scorers run.")
    seeds: int = Field(2, ge=0, le=50, description="Sampled runs at temperature 0.6, top-p 0.8, beside the greedy one.")


class StoreSettings(_Section):
    """Where rows are kept."""

    url: str = Field(
        "",
        description="Empty: SQLite in the shop's directory. Or PostgreSQL, as postgresql+psycopg://user@host/name (pip install endcloud[postgresql]).",
    )
    password_variable: str = Field(
        "ENDCLOUD_STORE_PASSWORD",
        description="Environment variable that holds the password to the store. The password itself never stands here.",
    )


class Settings(BaseSettings):
    """All settings of one shop."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix="ENDCLOUD_",
        env_nested_delimiter="__",
        nested_model_default_partial_update=True,
    )

    shop: ShopSettings = Field(default_factory=lambda: ShopSettings())
    corpus: CorpusSettings = Field(default_factory=lambda: CorpusSettings())
    cloud: CloudSettings = Field(default_factory=lambda: CloudSettings())
    end: EndSettings = Field(default_factory=lambda: EndSettings())
    scoring: ScoringSettings = Field(default_factory=lambda: ScoringSettings())
    serving: ServingSettings = Field(default_factory=lambda: ServingSettings())
    evolution: EvolutionSettings = Field(default_factory=lambda: EvolutionSettings())
    privacy: PrivacySettings = Field(default_factory=lambda: PrivacySettings())
    store: StoreSettings = Field(default_factory=lambda: StoreSettings())

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file."""
        return (env_settings, init_settings)


Sections = Annotated[dict[str, Any], "endcloud.toml as parsed"]


def load_settings(path: Path) -> Settings:
    """Reads a shop's settings.

    Raises SettingsError, naming the file and the setting, where the file is not TOML, a key is unknown or a
    value cannot be had.
    """
    try:
        written: Sections = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path} cannot be read ({error.strerror}); run `endcloud init` to make a shop.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}. Mend that line.") from error
    try:
        return Settings(**written)
    except ValidationError as error:
        raise SettingsError(_sentence(path, error)) from error


def write_settings(path: Path, section: str, values: Mapping[str, float | str]) -> None:
    """Sets `values` in one section of the file and leaves every other line, comments included, as it is.

    Raises SettingsError, and writes nothing, where the file or a new value is not valid.
    """
    load_settings(path)
    document = tomlkit.parse(path.read_text(encoding="utf-8"))
    table = document.setdefault(section, tomlkit.table())
    for name, value in values.items():
        table[name] = value
    try:
        Settings(**document.unwrap())
    except ValidationError as error:
        raise SettingsError(_sentence(path, error)) from error
    whole_files.write(path, tomlkit.dumps(document))


def _sentence(path: Path, error: ValidationError) -> str:
    """The first thing that is wrong, as one sentence."""
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"]) or "the file"
    variable = "ENDCLOUD_" + "__".join(str(part) for part in first["loc"]).upper()
    where = f"The environment variable {variable}" if variable in os.environ else str(path)
    if name in _MOVED:
        return f"{where} has the setting {name!r}, which is now {_MOVED[name]}. Remove the old line."
    if first["type"] == "extra_forbidden":
        known = ", ".join(_known(first["loc"][:-1]))
        return f"{where} has the unknown setting {name!r}; known there: {known}. Correct or remove it."
    return f"{where}: the setting {name!r} is {first['input']!r}, but {first['msg'][0].lower()}{first['msg'][1:]}."


def _known(location: tuple[int | str, ...]) -> list[str]:
    model: type[BaseModel] = Settings
    for part in location:
        annotation = model.model_fields[str(part)].annotation if str(part) in model.model_fields else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        model = annotation
    return list(model.model_fields)

"""LoRA checkpoints made with the official ChatGLM3 code become adapter versions, exactly.

They correct the fused `query_key_value`: W + s·B·A, with A of (rank, 4096) and B of (4608, rank). Cutting W into
query, key and value cuts the rows of B and leaves A as it is, so each of the three gets the whole A and its rows of B,
and computes the same to the last bit of the product. The other modules of a layer are only renamed.

Source: finetune_demo of THUDM/ChatGLM3, which saves by PEFT.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from transformers import GlmConfig

from endcloud.end import versions as version_files
from endcloud.end.adapters import attach
from endcloud.end.base_model import BaseModel
from endcloud.end.chatglm.architecture import ChatGLM3
from endcloud.end.checkpoint import TrainingLog
from endcloud.end.methods import LoRA
from endcloud.errors import ModelError
from endcloud.protocols import Versions
from endcloud.types import AdapterVersion
from endcloud.weight_files import find_shards, sha256

_QUERY_KEY_VALUE = frozenset({"query_key_value"})
_ALL = frozenset({"query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"})
_CARRIED = frozenset({"peft_type", "r", "lora_alpha", "lora_dropout", "target_modules", "init_lora_weights"})
_IDLE = frozenset(
    {
        "task_type",
        "auto_mapping",
        "peft_version",
        "base_model_name_or_path",
        "revision",
        "inference_mode",
        "megatron_core",
        "qalora_group_size",
        "runtime_config",
        "ensure_weight_tying",
        "eva_config",
    }
)
"""Settings of PEFT that change nothing of what the saved matrices compute. Any other that is set is refused by name,
also one that is not known here: it may make LoRA compute something else."""

_BEGINNINGS = (True, False, None, "gaussian", "eva", "orthogonal")
"""How the matrices began, where the base stayed as it was; pissa, olora, loftq, corda and the like change the base."""

_NAME = re.compile(
    r"base_model\.model\.transformer\.encoder\.layers\.(\d+)\.([\w.]+?)\.lora_([AB])(?:\.default)?\.weight"
)


def import_lora(source: Path, base: BaseModel, versions: Versions, *, system: str = "") -> AdapterVersion:
    """The official LoRA checkpoint in `source` as a version on the imported `base`; it is a PEFT directory too.

    `system` is the sentence it was trained behind (the official scripts use none unless the data had one). Raises
    ModelError where it is no such checkpoint, VersionError where it belongs to a model of other sizes.
    """
    config = base.model.config
    if not isinstance(config, GlmConfig):
        raise ModelError(
            f"The base model {base.label!r} is of type {config.model_type!r}, not an imported ChatGLM3; "
            "make one with `endcloud import chatglm3` and name it as end.model."
        )
    method, state, digest = read_lora(source, ChatGLM3.of_converted(config))
    adapter = attach(base, method)
    adapter.load_served_state(state)
    content = version_files.content_of(
        adapter,
        base_name=base.label,
        base_digest=base.digest,
        parent="",
        examples=(),
        settings={
            "method": {"name": method.name, **asdict(method)},
            "system": system,
            "imported": {"name": source.resolve().name, "sha256": digest},
        },
        log=TrainingLog().as_json(),
    )
    version_files.write(content, versions.path)
    versions.add(content.version)
    return content.version


def read_lora(source: Path, model: ChatGLM3) -> tuple[LoRA, dict[str, torch.Tensor], str]:
    """The method, the weights under PEFT's names for the converted model, and the SHA-256 of the official weights."""
    method = _method(source / "adapter_config.json")
    shards = find_shards(source)
    state: dict[str, torch.Tensor] = {}
    for file in shards.files:
        for name, weight in shards.read(file).items():
            state |= convert_lora(name, weight, model)
            if (rank := weight.shape[0 if ".lora_A." in name else 1]) != method.rank:
                raise ModelError(f"The adapter's setting r is {method.rank}, and its matrix {name!r} has rank {rank}.")
    digest = hashlib.sha256("".join(sha256(source / file) for file in shards.files).encode())
    return method, state, sha256(source / shards.files[0]) if len(shards.files) == 1 else digest.hexdigest()


def convert_lora(name: str, weight: torch.Tensor, model: ChatGLM3) -> dict[str, torch.Tensor]:
    """One official LoRA matrix under its new names; rows of a B of the fused module are cut, an A is repeated."""
    found = _NAME.fullmatch(name)
    if not found or found[2] not in model.linear_shapes():
        raise ModelError(
            f"The LoRA checkpoint holds {name!r}, which is no module of ChatGLM3 that can be carried over."
        )
    layer, module, kind = found.groups()
    rows, columns = model.linear_shapes()[module]
    if weight.ndim != 2 or (weight.shape[1] != columns if kind == "A" else weight.shape[0] != rows):
        raise ModelError(
            f"The LoRA matrix {name!r} has the shape {tuple(weight.shape)}, the base's module {(rows, columns)}; "
            "it was made for a model of another size."
        )
    if kind == "B":
        parts = model.split(module, weight)
    else:
        parts = dict.fromkeys(model.split(module, weight.new_empty(rows, 0)), weight)
    return {
        f"base_model.model.model.layers.{layer}.{path}.lora_{kind}.weight": part.clone() for path, part in parts.items()
    }


def _method(path: Path) -> LoRA:
    try:
        config: Any = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ModelError(
            f"The LoRA checkpoint has no readable {str(path)!r} ({error}); name the directory that PEFT saved."
        ) from error
    if not isinstance(config, dict):
        raise ModelError(f"The file {str(path)!r} holds no settings; name the directory that PEFT saved.")
    if config.get("peft_type") != "LORA":
        raise ModelError(f"The adapter is of type {config.get('peft_type')!r}; only LORA can be carried over exactly.")
    for name, value in config.items():
        if value and name not in _CARRIED | _IDLE and (name, value) != ("bias", "none"):
            raise ModelError(
                f"The adapter's setting {name} is {value!r}: not the plain LoRA that is carried over exactly."
            )
    if (began := config.get("init_lora_weights")) not in _BEGINNINGS:
        raise ModelError(
            f"The adapter's setting init_lora_weights is {began!r}, with which the base may have been changed "
            "too; only what began with the base as it is is carried over exactly (PEFT can convert it when it saves: "
            "path_initial_model_for_weight_conversion)."
        )
    modules = config.get("target_modules")
    listed = [modules] if isinstance(modules, str) else modules
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
        raise ModelError(f"The adapter's setting target_modules is {modules!r}; it must be a list of modules.")
    targets = {name.rsplit(".", 1)[-1] for name in listed}
    if targets not in (_QUERY_KEY_VALUE, _ALL):
        raise ModelError(
            f"The adapter corrects {sorted(targets)!r}; a version corrects {sorted(_QUERY_KEY_VALUE)!r} or "
            f"all of {sorted(_ALL)!r}."
        )
    return LoRA(
        rank=_whole(config, "r"),
        alpha=_whole(config, "lora_alpha"),
        dropout=_dropout(config.get("lora_dropout") or 0.0),
        targets="query-key-value" if targets == _QUERY_KEY_VALUE else "all",
    )


def _whole(config: Mapping[str, Any], name: str) -> int:
    value = config.get(name)
    # A bool is an int to Python; PEFT writes 32 and 32.0 alike.
    if isinstance(value, bool) or not isinstance(value, int | float) or not (value >= 1 and value % 1 == 0):
        raise ModelError(f"The adapter's setting {name} is {value!r}; it must be a whole number from 1 on.")
    return int(value)


def _dropout(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        raise ModelError(f"The adapter's setting lora_dropout is {value!r}; it must be a number from 0 to below 1.")
    return float(value)

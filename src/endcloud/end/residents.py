"""The versions that are loaded: beside each other on one base, so that one batch can answer as several.

A LoRA version is one named adapter in a module tree that all of them share; PEFT then gives each row of a batch its
own. Where all rows of a batch are of one LoRA version, a tree answers that has its matrices added to the base weights:
on a small base that takes a third less time a token. A prompt-method version is its key/values, put in front of a row.
None is ever changed or swapped in place: a new version is another name. A version that somebody holds a lease on stays;
of the others the least used go when there are too many.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from threading import Lock
from typing import Any, TypeGuard

import torch
from peft import PeftModel, get_peft_model
from peft.tuners.lora import Linear as LoraLinear
from peft.utils import set_peft_model_state_dict
from transformers import PreTrainedModel

from endcloud.end import versions as version_files
from endcloud.end.adapters import PROMPT_KEY, attach, check_state
from endcloud.end.base_model import BaseModel
from endcloud.end.methods import LoRA
from endcloud.end.slots import Stretch, stretch_of
from endcloud.protocols import Versions

BASE = "base"
"""The name of the bare model, beside the digests of versions."""

_MERGED_BYTES = 1 << 28
"""A LoRA version's weights are added to a copy of the base's where that copy is at most this large (256 MiB)."""

_BARE_ROW = "__base__"  # PEFT's name for a row without an adapter
_PEFT_PATH = "base_model.model."  # where PEFT keeps the model it wraps


@dataclass(frozen=True)
class Resident:
    """A version ready to answer. `adapter` names its LoRA, if it is one; `front` is a prompt method's key/values."""

    version: str
    adapter: str
    front: Stretch | None
    system: str
    input_tokens: int


@dataclass(frozen=True)
class Prepared:
    """A version read from its directory and checked, not yet in the model."""

    resident: Resident
    config: Any
    state: dict[str, torch.Tensor]


class Residents:
    """The versions loaded on one base. `insert` and `forward` belong to the device's thread, the rest to anybody.

    `most` bounds how many trained versions stay loaded that nobody holds.
    """

    def __init__(self, base: BaseModel, versions: Versions, system: str, input_tokens: int, most: int = 4) -> None:
        self.base = base
        self._versions = versions
        self._most = most
        self._bare: PreTrainedModel = base.tree()
        self._peft: PeftModel | None = None
        self._loaded: OrderedDict[str, Resident] = OrderedDict()
        self._leases: dict[str, int] = {}
        self._merged: dict[str, PreTrainedModel] = {}
        self._active = ""
        self._lock = Lock()
        self.bare = Resident(BASE, "", None, system, input_tokens)

    def prepare(self, digest: str) -> Prepared:
        """Reads and checks a version. Raises VersionError where it is incomplete, broken or for another base."""
        path = self._versions.path(digest)
        version = version_files.verify(path, self.base.digest)
        method, state = version_files.method_of(version), version_files.weights_of(path)
        fresh = attach(self.base, method)
        check_state(fresh.served_state(), state)
        front = None if isinstance(method, LoRA) else stretch_of(self.base.model, state[PROMPT_KEY])
        resident = Resident(
            digest,
            digest if isinstance(method, LoRA) else "",
            front,
            str(version.settings.get("system", self.bare.system)),
            int(version.settings.get("plan", {}).get("input_tokens", self.bare.input_tokens)),
        )
        return Prepared(resident, fresh.config(), dict(state))

    def insert(self, prepared: Prepared) -> Resident:
        """Puts a prepared version beside the others and leases it."""
        resident = prepared.resident
        with self._lock:
            if resident.version not in self._loaded:
                if resident.adapter:
                    self._add_adapter(resident.adapter, prepared)
                self._loaded[resident.version] = resident
            leased = self._leased(resident.version)
            self._make_room()
        return leased

    def lease(self, version: str) -> Resident | None:
        """The version, held until `release`; None where it is not loaded."""
        if version == BASE:
            return self.bare
        with self._lock:
            return self._leased(version) if version in self._loaded else None

    def release(self, resident: Resident) -> None:
        """Gives a lease back; what nobody holds goes when the next version needs its place."""
        if resident.version == BASE:
            return
        with self._lock:
            self._leases[resident.version] -= 1
            if not self._leases[resident.version]:
                del self._leases[resident.version]

    def _leased(self, version: str) -> Resident:
        self._leases[version] = self._leases.get(version, 0) + 1
        self._loaded.move_to_end(version)
        return self._loaded[version]

    def held(self) -> dict[str, int]:
        """How many replies hold each version."""
        return dict(self._leases)

    def loaded(self) -> tuple[str, ...]:
        return tuple(self._loaded)

    def forward(self, residents: Sequence[Resident], **inputs: Any) -> torch.Tensor:
        """The logits (rows, 1, vocabulary) of a batch in which row i answers as `residents[i]`."""
        adapters = [resident.adapter for resident in residents]
        kinds = set(adapters)
        if kinds == {""} or self._peft is None:
            output = self._bare(**inputs)
        elif len(kinds) == 1 and (merged := self._merged.get(adapters[0])) is not None:
            output = merged(**inputs)
        elif len(kinds) == 1:
            self._activate(adapters[0])
            output = self._peft(**inputs)
        else:
            output = self._peft(**inputs, adapter_names=[adapter or _BARE_ROW for adapter in adapters])
        logits: torch.Tensor = output.logits[:, -1:]
        return logits

    def _activate(self, adapter: str) -> None:
        if self._peft is not None and self._active != adapter:
            self._peft.set_adapter(adapter, inference_mode=True)
            self._active = adapter

    def _add_adapter(self, name: str, prepared: Prepared) -> None:
        with ExitStack() as held:
            # PEFT asks for an attribute under a name that transformers 5 calls deprecated; nobody here can change that.
            held.enter_context(warnings.catch_warnings())
            warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*", category=FutureWarning)
            if self._peft is None:
                self._peft = get_peft_model(self.base.tree(), prepared.config, adapter_name=name)
                self._active = ""
            else:
                self._peft.add_adapter(name, prepared.config)
        for tensor_name, weight in self._peft.named_parameters():
            if f".{name}." in tensor_name:
                weight.data = weight.data.float()
        set_peft_model_state_dict(self._peft, prepared.state, adapter_name=name)
        self._peft.eval().requires_grad_(False)
        self._merge(name)

    @torch.no_grad()
    def _merge(self, name: str) -> None:
        """Adds a version's matrices to a copy of the weights they change; in full precision, where nothing is lost."""
        assert self._peft is not None
        layers = {path: layer for path, layer in self._peft.named_modules() if _adds(layer, name)}
        weights: dict[str, Any] = {
            path.removeprefix(_PEFT_PATH): layer.get_base_layer().weight for path, layer in layers.items()
        }
        whole = self.base.quantization == "none" and all(each.dtype == torch.float32 for each in weights.values())
        if not whole or sum(each.nbytes for each in weights.values()) > _MERGED_BYTES:
            return
        tree = self.base.tree()
        for (path, weight), layer in zip(weights.items(), layers.values(), strict=True):
            merged = weight + layer.get_delta_weight(name)
            tree.get_submodule(path).weight = torch.nn.Parameter(merged, requires_grad=False)
        self._merged[name] = tree

    def _make_room(self) -> None:
        """Unloads versions that nobody holds, the least used first, down to `most`."""
        idle = [version for version in self._loaded if version not in self._leases]
        for version in idle[: max(0, len(self._loaded) - self._most)]:
            self._unload(version)

    def _unload(self, version: str) -> None:
        resident = self._loaded.pop(version)
        if not resident.adapter or self._peft is None:
            return
        self._merged.pop(version, None)
        others = [other.adapter for other in self._loaded.values() if other.adapter]
        if others:
            self._activate(others[0])  # PEFT deletes an active adapter with a warning
            self._peft.delete_adapter(resident.adapter)
        else:
            self._peft = None  # PEFT cannot do without its last adapter; the next LoRA gets a tree of its own


def _adds(layer: torch.nn.Module, name: str) -> TypeGuard[LoraLinear]:
    """Whether this layer adds the matrices of the version `name` to those of the base."""
    return isinstance(layer, LoraLinear) and name in layer.lora_A

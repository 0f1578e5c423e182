"""Official LoRA checkpoints compute on the converted model what they compute on the official one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, GlmConfig

from endcloud.end import versions as version_files
from endcloud.end.adapters import load_lora
from endcloud.end.base_model import BaseModel, load_base
from endcloud.end.chatglm.architecture import ChatGLM3
from endcloud.end.chatglm.checkpoint import import_checkpoint
from endcloud.end.chatglm.lora import import_lora, read_lora
from endcloud.end.versions import VersionDirectory
from endcloud.errors import ModelError, VersionError
from endcloud.store.versions import StoredVersions
from endcloud.testing.silent_progress import SilentProgress
from endcloud.testing.tiny_base import save_tiny_base
from endcloud.testing.tiny_chatglm3 import (
    GROUPS,
    HEAD_SIZE,
    HEADS,
    HIDDEN,
    INNER,
    LAYERS,
    Weights,
    save_official,
    tiny_settings,
)

VOCABULARY, RANK, ALPHA = 1024, 4, 12
SHAPES = {
    "self_attention.query_key_value": ((HEADS + 2 * GROUPS) * HEAD_SIZE, HIDDEN),
    "self_attention.dense": (HIDDEN, HEADS * HEAD_SIZE),
    "mlp.dense_h_to_4h": (2 * INNER, HIDDEN),
    "mlp.dense_4h_to_h": (HIDDEN, INNER),
}
FUSED = ["self_attention.query_key_value"]
CONFIG = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": RANK, "lora_alpha": ALPHA, "lora_dropout": 0.1}


def save_lora(directory: Path, modules: list[str], suffix: str = "safetensors", **changes: object) -> Weights:
    """What PEFT saves for the official model, with random matrices of a size that matters."""
    chance = torch.Generator().manual_seed(9)
    weights: Weights = {}
    for layer in range(LAYERS):
        for module in modules:
            name = f"base_model.model.transformer.encoder.layers.{layer}.{module}"
            rows, columns = SHAPES[module]
            weights[f"{name}.lora_A.weight"] = torch.randn(RANK, columns, generator=chance) * 0.2
            weights[f"{name}.lora_B.weight"] = torch.randn(rows, RANK, generator=chance) * 0.04
    directory.mkdir()
    targets = [module.rsplit(".", 1)[-1] for module in modules]
    (directory / "adapter_config.json").write_text(json.dumps({**CONFIG, "target_modules": targets, **changes}))
    if suffix == "bin":
        torch.save(weights, directory / "adapter_model.bin")
    else:
        save_file(weights, directory / "adapter_model.safetensors")
    return weights


def merged(weights: Weights, lora: Weights) -> Weights:
    """The official weights with the correction in them: W + alpha / r · B A."""
    changed = dict(weights)
    for name in lora:
        if name.endswith("lora_A.weight"):
            official = name.removeprefix("base_model.model.").replace("lora_A.weight", "weight")
            correction = lora[name.replace("lora_A", "lora_B")] @ lora[name]
            changed[official] = weights[official] + ALPHA / RANK * correction
    return changed


@pytest.mark.parametrize(("modules", "suffix"), [(FUSED, "safetensors"), (FUSED, "bin"), (list(SHAPES), "safetensors")])
@torch.no_grad()
def test_a_version_computes_what_the_official_model_with_the_lora_computes(
    modules: list[str],
    suffix: str,
    weights: Weights,
    tokenizer_model: bytes,
    chatglm3: BaseModel,
    versions: StoredVersions,
    tmp_path: Path,
) -> None:
    lora = save_lora(tmp_path / "lora", modules, suffix)
    source = save_official(tmp_path / "s", merged(weights, lora), tiny_settings(VOCABULARY), tokenizer_model)
    expected_model = load_base(
        str(import_checkpoint(source, tmp_path / "merged", SilentProgress()).directory), device="cpu"
    ).model
    ids = torch.randint(3, VOCABULARY, (2, 30), generator=torch.Generator().manual_seed(2))
    expected = expected_model(ids).logits

    version = import_lora(tmp_path / "lora", chatglm3, versions, system="你是客服")
    path = versions.path(version.digest)
    method = version_files.method_of(version_files.verify(path, chatglm3.digest))
    ours = load_lora(chatglm3, method, version_files.weights_of(path))
    assert (expected - chatglm3.model(ids).logits).abs().max() > 0.1  # the correction does something
    assert (ours(ids).logits - expected).abs().max() < 1e-5
    assert version.settings["system"] == "你是客服" and "trained elsewhere" in (path / "README.md").read_text()
    assert versions.standing(version.digest) == "candidate"


@torch.no_grad()
def test_the_version_is_a_directory_that_plain_peft_loads(
    chatglm3: BaseModel, converted: Path, versions: StoredVersions, tmp_path: Path
) -> None:
    lora = save_lora(tmp_path / "lora", FUSED)
    path = versions.path(import_lora(tmp_path / "lora", chatglm3, versions).digest)
    ids = torch.arange(3, 40)[None]
    state = version_files.weights_of(path)
    layer = "base_model.model.model.layers.2.self_attn"
    official = "base_model.model.transformer.encoder.layers.2.self_attention.query_key_value"
    assert all(
        torch.equal(state[f"{layer}.{part}_proj.lora_A.weight"], lora[f"{official}.lora_A.weight"]) for part in "qkv"
    )
    rows = torch.cat([state[f"{layer}.{part}_proj.lora_B.weight"] for part in "qkv"])
    assert torch.equal(rows, lora[f"{official}.lora_B.weight"])
    loaded = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(converted), path).eval()
    version = version_files.verify(path)
    ours = load_lora(chatglm3, version_files.method_of(version), state)
    assert (loaded(ids).logits - ours(ids).logits).abs().max() < 1e-5


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"peft_type": "PREFIX_TUNING"}, "type 'PREFIX_TUNING'"),
        ({"use_rslora": True}, "use_rslora is True"),
        ({"bias": "all"}, "bias is 'all'"),
        ({"target_modules": ["dense"]}, r"corrects \['dense'\]"),
        ({"target_modules": None}, "target_modules is None"),
        ({"target_modules": [1]}, r"target_modules is \[1\]"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights is 'pissa'"),
        ({"init_lora_weights": "pissa_niter_16"}, "init_lora_weights is 'pissa_niter_16'"),
        ({"init_lora_weights": "olora"}, "init_lora_weights is 'olora'"),
        ({"init_lora_weights": "loftq", "loftq_config": {}}, "init_lora_weights is 'loftq'"),
        ({"init_lora_weights": ["gaussian"]}, "init_lora_weights is"),
        ({"layers_to_transform": [0, 1]}, r"layers_to_transform is \[0, 1\]"),
        ({"exclude_modules": ["dense"]}, "exclude_modules is"),
        ({"layer_replication": [[0, 2]]}, "layer_replication is"),
        ({"lora_bias": True}, "lora_bias is True"),
        ({"of_tomorrow": 1}, "of_tomorrow is 1"),
        ({"r": None}, "r is None; it must be a whole number"),
        ({"r": "8"}, "r is '8'"),
        ({"r": 0}, "r is 0"),
        ({"r": 10**12}, "r is 1000000000000, and its matrix .* has rank 4"),
        ({"r": float("nan")}, "r is nan"),
        ({"r": float("inf")}, "r is inf"),
        ({"lora_alpha": True}, "lora_alpha is True"),
        ({"lora_alpha": 16.5}, "lora_alpha is 16.5"),
        ({"lora_dropout": "much"}, "lora_dropout is 'much'"),
    ],
)
def test_what_is_no_plain_lora_is_refused(
    changes: dict[str, object], complaint: str, chatglm3: BaseModel, tmp_path: Path
) -> None:
    save_lora(tmp_path / "lora", FUSED, **changes)
    with pytest.raises(ModelError, match=complaint):
        import_lora(tmp_path / "lora", chatglm3, VersionDirectoryAlone(tmp_path))


def test_what_peft_itself_saves_by_default_is_read(chatglm3: BaseModel, tmp_path: Path) -> None:
    plain = LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=["query_key_value"], init_lora_weights="gaussian")
    plain.save_pretrained(tmp_path / "plain")
    written = json.loads((tmp_path / "plain" / "adapter_config.json").read_text())
    save_lora(tmp_path / "lora", FUSED, **{**written, "lora_alpha": 12.0})
    config = chatglm3.model.config
    assert isinstance(config, GlmConfig)
    method, _, _ = read_lora(tmp_path / "lora", ChatGLM3.of_converted(config))
    assert (method.rank, method.alpha, method.targets) == (RANK, 12, "query-key-value")
    (tmp_path / "lora" / "adapter_config.json").write_text("[]")
    with pytest.raises(ModelError, match="holds no settings"):
        read_lora(tmp_path / "lora", ChatGLM3.of_converted(config))


class VersionDirectoryAlone(VersionDirectory):
    """Versions that must never be reached."""

    def add(self, version: object) -> None:
        raise AssertionError("nothing may be kept")


def test_a_lora_of_another_model_or_with_a_layer_missing_is_refused(
    chatglm3: BaseModel, versions: StoredVersions, tmp_path: Path
) -> None:
    lora = save_lora(tmp_path / "lora", FUSED)
    file = tmp_path / "lora" / "adapter_model.safetensors"
    name = "base_model.model.transformer.encoder.layers.0.self_attention.query_key_value.lora_B.weight"
    save_file({**lora, name: torch.zeros(4608, RANK)}, file)
    with pytest.raises(ModelError, match=r"shape \(4608, 4\).*another size"):
        import_lora(tmp_path / "lora", chatglm3, versions)
    save_file({**lora, "base_model.model.lm_head.lora_A.weight": torch.zeros(1)}, file)
    with pytest.raises(ModelError, match="no module of ChatGLM3"):
        import_lora(tmp_path / "lora", chatglm3, versions)
    save_file({key: value for key, value in lora.items() if key != name}, file)
    with pytest.raises(VersionError, match="lacks 3 of 18 tensors"):
        import_lora(tmp_path / "lora", chatglm3, versions)
    (tmp_path / "lora" / "adapter_config.json").unlink()
    with pytest.raises(ModelError, match="no readable"):
        import_lora(tmp_path / "lora", chatglm3, versions)
    assert versions.all() == []


def test_a_base_that_is_no_chatglm3_is_refused(versions: StoredVersions, tmp_path: Path) -> None:
    save_lora(tmp_path / "lora", FUSED)
    qwen = load_base(str(save_tiny_base("qwen3", tmp_path / "qwen")), device="cpu")
    with pytest.raises(ModelError, match="type 'qwen3', not an imported ChatGLM3"):
        import_lora(tmp_path / "lora", qwen, versions)

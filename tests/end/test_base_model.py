"""A base is loaded from what it is, and refused with the reason."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from endcloud.end.adapters import lora_targets
from endcloud.end.base_model import BaseModel, base_digest, load_base
from endcloud.errors import ModelError
from endcloud.testing.tiny_base import save_tiny_base


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return save_tiny_base("glm", tmp_path / "model")


def test_the_digest_is_that_of_the_content(directory: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(directory, tmp_path / "elsewhere"))
    (copy / "README.md").write_text("anything")
    assert base_digest(copy) == base_digest(directory)
    config = copy / "config.json"
    config.write_text(config.read_text().replace('"rms_norm_eps": ', '"rms_norm_eps": 1'))
    assert base_digest(copy) != base_digest(directory)


@pytest.mark.parametrize(
    ("name", "reason"),
    [("./nowhere", "neither a directory"), ("/nowhere", "neither a directory"), ("a/b/c", "neither a directory")],
)
def test_a_path_that_is_not_there_is_never_asked_of_the_hub(name: str, reason: str) -> None:
    with pytest.raises(ModelError, match=reason):
        load_base(name)


def test_a_directory_that_is_no_model_is_refused(directory: Path) -> None:
    config = directory / "config.json"
    values = json.loads(config.read_text())
    config.write_text(json.dumps({**values, "model_type": "chatglm", "auto_map": {"AutoConfig": "remote.Config"}}))
    (directory / "remote.py").write_text("raise SystemExit('code of a model was run')")
    with pytest.raises(ModelError, match="unknown kind"):
        load_base(str(directory))
    (directory / "model.safetensors").rename(directory / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"no \*.safetensors"):
        load_base(str(directory))
    config.unlink()
    with pytest.raises(ModelError, match=r"no config.json"):
        load_base(str(directory))


def test_device_and_precision_can_be_given_and_are_checked(directory: Path) -> None:
    base = load_base(str(directory), device="cpu", precision="bfloat16")
    assert (base.dtype, base.compute, base.device.type) == (torch.bfloat16, torch.bfloat16, "cpu")
    assert all(not weight.requires_grad for weight in base.model.parameters())
    with pytest.raises(ModelError, match="'float8'"):
        load_base(str(directory), precision="float8")
    with pytest.raises(ModelError, match="'gpu'"):
        load_base(str(directory), device="gpu")


def test_a_tree_shares_the_weights_and_nothing_else(base: BaseModel) -> None:
    tree = base.tree()
    mine, theirs = dict(base.model.named_parameters()), dict(tree.named_parameters())
    assert mine.keys() == theirs.keys() and all(mine[name] is theirs[name] for name in mine)
    assert not {id(module) for module in base.model.modules()} & {id(module) for module in tree.modules()}


def test_lora_finds_its_targets_in_each_architecture(base: BaseModel) -> None:
    assert lora_targets(base.model, "query-key-value") == ["k_proj", "q_proj", "v_proj"]
    feed_forward = ["gate_up_proj"] if base.model.config.model_type == "glm" else ["gate_proj", "up_proj"]
    assert lora_targets(base.model, "all") == sorted(
        ["q_proj", "k_proj", "v_proj", "o_proj", "down_proj", *feed_forward]
    )

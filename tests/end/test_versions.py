"""A version is whole, named by its content, made for one base, and says why it is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import save_file

from endcloud.end import versions as version_files
from endcloud.end.adapters import attach
from endcloud.end.base_model import BaseModel
from endcloud.end.methods import LoRA, Method, PrefixTuning, PTuningV2, TrainingPlan, as_settings
from endcloud.end.versions import Content, VersionDirectory, content_of
from endcloud.errors import VersionError

METHODS: list[Method] = [LoRA(), PrefixTuning(8), PTuningV2(8)]


def content(base: BaseModel, method: Method, seed: int = 0) -> Content:
    torch.manual_seed(seed)
    adapter = attach(base, method)
    with torch.no_grad():
        for weight in adapter.parameters().values():
            weight.normal_(std=0.1)
    return content_of(
        adapter,
        base_name=base.label,
        base_digest=base.digest,
        parent="",
        examples=["b", "a"],
        settings={**as_settings(method, TrainingPlan(1, 0.1)), "system": "s"},
        log={"loss": [[1, 2.0]], "validation": [], "best_step": 1},
    )


@pytest.fixture
def directory(tmp_path: Path) -> VersionDirectory:
    return VersionDirectory(tmp_path / "versions")


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_a_version_is_named_by_its_content_and_reads_back(
    base: BaseModel, directory: VersionDirectory, method: Method
) -> None:
    version = directory.write(content(base, method))
    assert directory.write(content(base, method)) == version
    assert directory.verify(version.digest, base.digest) == version == directory.read(version.digest)
    assert directory.write(content(base, method, seed=1)).digest != version.digest
    assert version.examples == ("a", "b") and version_files.method_of(version) == method
    assert len(directory.all()) == 2
    assert not [path for path in directory.root.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_peft_itself_loads_a_version(base: BaseModel, directory: VersionDirectory, method: Method) -> None:
    version = directory.write(content(base, method))
    path = directory.path(version.digest)
    loaded = PeftModel.from_pretrained(base.tree(), path)
    ids = torch.tensor([[300, 301, 302]])
    theirs = loaded(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
    bare = base.model(input_ids=ids).logits
    assert (theirs - bare).abs().max() > 1e-3
    card = (path / "README.md").read_text()
    assert base.digest in card and method.name in card and "2 examples" in card
    encoder = (path / version_files.ENCODER).is_file()
    assert encoder is not isinstance(method, LoRA)


def test_an_incomplete_or_changed_version_is_refused(glm: BaseModel, directory: VersionDirectory) -> None:
    version = directory.write(content(glm, METHODS[0]))
    path = directory.path(version.digest)
    weights = path / version_files.WEIGHTS
    data = weights.read_bytes()
    weights.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(VersionError, match=r"has been changed: 'adapter_model.safetensors'"):
        directory.verify(version.digest)
    weights.unlink()
    with pytest.raises(VersionError, match=r"incomplete: 'adapter_model.safetensors' is missing"):
        directory.verify(version.digest)
    manifest = path / version_files.MANIFEST
    manifest.write_text(manifest.read_text().replace('"lora"', '"LoRA"'))
    with pytest.raises(VersionError, match="has been changed: its manifest"):
        directory.read(version.digest)
    assert directory.all() == []
    manifest.unlink()
    with pytest.raises(VersionError, match="no readable manifest"):
        directory.read(version.digest)


def test_a_version_for_another_base_is_refused(glm: BaseModel, directory: VersionDirectory) -> None:
    version = directory.write(content(glm, METHODS[0]))
    with pytest.raises(VersionError, match="was trained for the base"):
        directory.verify(version.digest, "0" * 64)


def test_weights_that_are_not_finite_never_become_a_version(glm: BaseModel) -> None:
    adapter = attach(glm, PTuningV2(8))
    with torch.no_grad():
        next(iter(adapter.parameters().values()))[0, 0] = float("nan")
    with pytest.raises(VersionError, match="not finite"):
        content_of(adapter, base_name="b", base_digest="d", parent="", examples=[], settings={}, log={})


def test_a_consistent_version_with_nan_or_half_its_keys_is_refused(
    glm: BaseModel, directory: VersionDirectory, tmp_path: Path
) -> None:
    """Not only damage: a version written so, with digests that fit."""
    good = content(glm, METHODS[0])
    (tmp_path / "w").write_bytes(good.files[version_files.WEIGHTS])
    state = {name: tensor.clone() for name, tensor in version_files.load((tmp_path / "w").read_bytes()).items()}
    first = next(iter(state))
    bad = directory.write(rewritten(good, {**state, first: state[first] * float("nan")}, tmp_path))
    with pytest.raises(VersionError, match="not finite"):
        directory.verify(bad.digest, glm.digest)
    half = directory.write(rewritten(good, {first: state[first]}, tmp_path))
    adapter = attach(glm, METHODS[0])
    with pytest.raises(VersionError, match=f"lacks {len(state) - 1} of {len(state)}"):
        adapter.load_served_state(version_files.weights_of(directory.path(half.digest)))


def rewritten(good: Content, state: dict[str, torch.Tensor], tmp_path: Path) -> Content:
    save_file(state, tmp_path / "weights")
    data = (tmp_path / "weights").read_bytes()
    manifest = json.loads(good.files[version_files.MANIFEST])
    manifest["files"][version_files.WEIGHTS] = version_files.hashlib.sha256(data).hexdigest()
    raw = json.dumps(manifest).encode()
    digest = version_files.hashlib.sha256(raw).hexdigest()[:16]
    files = {**good.files, version_files.WEIGHTS: data, version_files.MANIFEST: raw}
    return Content(replace(good.version, digest=digest), files)


def test_a_write_that_fails_leaves_nothing(
    glm: BaseModel, directory: VersionDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(version_files.os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        directory.write(content(glm, METHODS[0]))
    assert list(directory.root.iterdir()) == []

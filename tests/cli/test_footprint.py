"""What a base needs is told before it is downloaded, and it is right."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from endcloud.assembly import Shop
from endcloud.assembly.base import on_this_machine
from endcloud.cli.diagnosis import diagnose
from endcloud.cli.footprint import SHAPES, Shape, estimate
from endcloud.cli.profiles import PROFILES, make_shop
from endcloud.end.base_model import load_base
from endcloud.end.quantization import bytes_of_weights
from endcloud.testing.silent_progress import SilentProgress
from endcloud.testing.tiny_base import save_tiny_base


@pytest.mark.parametrize("name", SHAPES)
def test_the_count_is_that_of_transformers(name: str) -> None:
    shape = SHAPES[name]
    config = AutoConfig.for_model(
        "qwen3" if "Qwen" in name else "glm",
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_value_heads,
        head_dim=shape.head_size,
        tie_word_embeddings=shape.tied,
        pad_token_id=0,
    )
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    assert shape.parameters == pytest.approx(model.num_parameters(), rel=2e-3)


@pytest.mark.parametrize("quantization", ["none", "int8", "int4"])
def test_the_bytes_are_those_of_a_base_that_is_loaded(tmp_path: Path, quantization: str) -> None:
    directory = save_tiny_base("qwen3", tmp_path, hidden_size=256, intermediate_size=512, head_dim=64)
    base = load_base(str(directory), device="cpu", precision="bfloat16", quantization=quantization)
    vocabulary = base.model.config.vocab_size
    shape = Shape(vocabulary, 256, 512, 2, 4, 2, tied=True, head_size=64)
    assert bytes_of_weights(base.model) == pytest.approx(shape.weights(quantization), rel=0.05)


def test_every_profile_but_the_bundled_one_has_an_estimate() -> None:
    for profile, settings in PROFILES.items():
        assert bool(estimate(settings["end"]["model"], 1024, "int4")) == (profile != "bundled")
    assert "9.40 billion parameters: 17.5 GiB in 16 bits" in estimate("zai-org/glm-4-9b-chat-hf", 1024, "none")


def test_the_doctor_says_it_without_a_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "empty"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    make_shop(tmp_path / "shop", "qwen3-4b", {"end": {"model": "Qwen/Qwen3-4B", "quantization": "int4"}})
    with Shop.open(tmp_path / "shop", SilentProgress()) as shop:
        assert not on_this_machine(shop)
        found = {finding.name: finding for finding in diagnose(shop)}
    assert "4.02 billion" in found["memory needed"].says and "quantization = int4" in found["memory needed"].says
    assert found["end model"].state == "note" and "not on this machine" in found["end model"].says


def test_a_base_of_the_shops_own_is_never_asked_of_the_hub(tmp_path: Path) -> None:
    make_shop(tmp_path / "shop", "chatglm3-6b")
    with Shop.open(tmp_path / "shop", SilentProgress()) as shop:
        found = {finding.name: finding for finding in diagnose(shop)}
    assert found["end model"].state == "bad"
    assert "endcloud import chatglm3 SOURCE" in found["end model"].says
    assert "6.24 billion" in found["memory needed"].says

"""A base in 8 or 4 bits takes less memory, answers nearly the same, and all three methods learn on it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from endcloud.end.base_model import BaseModel, load_base
from endcloud.end.generation import LocalEndModel
from endcloud.end.methods import LoRA, Method, PrefixTuning, PTuningV2, TrainingPlan
from endcloud.end.quantization import bytes_of_weights, precision_note, quantization_config, quantization_of
from endcloud.end.training import PeftTrainer
from endcloud.end.versions import training_log, verify
from endcloud.errors import ModelError
from endcloud.store.versions import StoredVersions
from endcloud.testing.silent_progress import SilentProgress
from endcloud.testing.tiny_base import SYSTEM, save_tiny_base, tiny_example
from endcloud.types import Message, Sampling

PLAN = TrainingPlan(20, 2e-2, rows=2, row_tokens=96, check_every=10, seed=3)
METHODS = [
    (LoRA(rank=8, dropout=0.0, targets="all"), 3e-2),
    (PrefixTuning(16, projection_size=32), 3e-2),
    (PTuningV2(16), 3e-1),
]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_base("qwen3", tmp_path_factory.mktemp("qwen3"), hidden_size=64)


@pytest.fixture(scope="module", params=["int8", "int4"])
def quantized(request: pytest.FixtureRequest, directory: Path) -> BaseModel:
    return load_base(str(directory), device="cpu", precision="float32", quantization=request.param)


def linear_weights(base: BaseModel) -> int:
    return sum(weight.numel() for name, weight in full(base).model.named_parameters() if "_proj" in name)


def full(base: BaseModel) -> BaseModel:
    return load_base(base.name, device="cpu", precision="float32")


def test_the_layers_take_a_byte_or_half_of_one_for_a_weight(quantized: BaseModel) -> None:
    rest = bytes_of_weights(full(quantized).model) - 4 * linear_weights(quantized)
    layers = bytes_of_weights(quantized.model) - rest
    # Bytes a weight. In layers this small, the scales and their table of 256 values take half of what int4 needs.
    bound = {"int8": 1.15, "int4": 0.95}[quantized.quantization]
    assert layers / linear_weights(quantized) < bound
    assert quantized.model.num_parameters() == full(quantized).model.num_parameters()


def test_a_layer_multiplies_nearly_as_the_full_one_does(quantized: BaseModel) -> None:
    torch.manual_seed(0)
    states = torch.randn(64, 64)
    with torch.no_grad():
        exact, near = (base.model.model.layers[0].self_attn.q_proj(states) for base in (full(quantized), quantized))
    error = float((exact - near).norm() / exact.norm())
    assert 0 < error < {"int8": 0.02, "int4": 0.12}[quantized.quantization]


def test_a_tree_shares_the_quantised_weights_with_their_scales(quantized: BaseModel) -> None:
    before = bytes_of_weights(quantized.model)
    tree = quantized.tree()
    both = torch.nn.ModuleList([quantized.model, tree])
    assert bytes_of_weights(both) == before


@pytest.mark.parametrize(("method", "rate"), METHODS, ids=lambda value: getattr(value, "name", ""))
def test_every_method_learns_on_it_and_its_version_loads_again(
    quantized: BaseModel, versions: StoredVersions, tmp_path: Path, method: Method, rate: float
) -> None:
    examples = [tiny_example(number) for number in range(6)]
    frozen = [weight.clone() for weight in quantized.model.parameters()]
    trainer = PeftTrainer(quantized, method, replace(PLAN, learning_rate=rate), versions, system=SYSTEM, work=tmp_path)
    version = trainer.train(examples, examples, SilentProgress())
    log = training_log(versions.path(version.digest))
    assert log.loss[-1][1] < 0.7 * log.loss[0][1]
    assert log.validation[-1][1] < 0.7 * log.validation[0][1]  # falls after the first validation too
    assert all(torch.equal(now, then) for now, then in zip(quantized.model.parameters(), frozen, strict=True))

    assert quantization_of(verify(versions.path(version.digest), quantized.digest)) == quantized.quantization
    conversation = [Message("user", "可以开发票吗")]
    end = LocalEndModel(quantized, versions, system=SYSTEM, version=version.digest)
    again = LocalEndModel(
        load_base(quantized.name, device="cpu", precision="float32", quantization=quantized.quantization),
        versions,
        system=SYSTEM,
        version=version.digest,
    )
    said, repeated, bare = (
        model.answer_all([conversation], Sampling(max_tokens=12), SilentProgress())[0].text
        for model in (end, again, end.at("base"))
    )
    assert said == repeated
    assert said != bare


def test_the_precision_is_part_of_what_a_training_is(
    quantized: BaseModel, versions: StoredVersions, tmp_path: Path
) -> None:
    examples = [tiny_example(number) for number in range(3)]
    plan = TrainingPlan(2, 1e-2, rows=1, check_every=2)
    trained = [
        PeftTrainer(base, LoRA(), plan, versions, system=SYSTEM, work=tmp_path).train(examples, [], SilentProgress())
        for base in (quantized, full(quantized))
    ]
    assert trained[0].digest != trained[1].digest
    assert precision_note(trained[0], quantized.quantization) == precision_note(trained[1], "none") == ""
    note = precision_note(trained[0], "none")
    assert trained[0].digest[:8] in note and quantized.quantization in note and "full precision" in note
    # It can be served there all the same: the base's files are the same.
    LocalEndModel(full(quantized), versions, system=SYSTEM, version=trained[0].digest)


def test_what_cannot_be_quantised_is_said(directory: Path) -> None:
    with pytest.raises(ModelError, match="'int3' does not exist; use one of none, int8, int4"):
        load_base(str(directory), device="cpu", quantization="int3")
    with pytest.raises(ModelError, match="not tried on 'mps'"):
        quantization_config("int8", torch.device("mps"), torch.float32)


def test_rows_that_the_library_decodes_wrongly_are_refused(tmp_path: Path) -> None:
    narrow = save_tiny_base("qwen3", tmp_path / "narrow")
    with pytest.raises(ModelError, match=r"'model.layers.0.self_attn.q_proj' are 48 long, .* use int8 or none"):
        load_base(str(narrow), device="cpu", quantization="int4")


def test_without_bitsandbytes_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("endcloud.end.quantization.find_spec", lambda _: None)
    assert quantization_config("none", torch.device("cpu"), torch.float32) is None
    with pytest.raises(ModelError, match=r"endcloud\[quantized\]"):
        quantization_config("int4", torch.device("cpu"), torch.float32)


def test_the_library_alone_would_lose_gradients_after_answering(directory: Path) -> None:
    """Why `make_steady` is there. Should this fail one day, bitsandbytes has mended it and the guard can go."""
    config = quantization_config("int4", torch.device("cpu"), torch.float32)
    model = AutoModelForCausalLM.from_pretrained(directory, quantization_config=config, device_map={"": "cpu"}).eval()
    module = model.model.layers[0].self_attn.q_proj
    if not module.support_avx512bf16_for_cpu:
        pytest.skip("this processor has no AVX512-BF16, so nothing is repacked here")
    with torch.no_grad():
        module(torch.ones(1, 64))
    states = torch.ones(1, 64, requires_grad=True)
    with pytest.warns(UserWarning, match="autograd kernel was not registered"):
        module(states).sum().backward()
    assert states.grad is None

"""The import keeps every bit, names what is wrong before it writes, and goes on where it was interrupted."""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from safetensors.torch import load_file
from transformers import AutoTokenizer, GenerationConfig

from endcloud.end.chatglm.checkpoint import import_checkpoint
from endcloud.errors import LockedError, ModelError
from endcloud.testing.silent_progress import SilentProgress
from endcloud.testing.tiny_chatglm3 import Layout, Weights, save_official, tiny_settings, tiny_weights
from endcloud.weight_files import read_tensors

VOCABULARY = 1024
LAYER = "transformer.encoder.layers.1"


def converted_weights(directory: Path) -> Weights:
    return {name: weight for path in directory.glob("*.safetensors") for name, weight in load_file(path).items()}


def bits(weight: torch.Tensor) -> torch.Tensor:
    return weight.contiguous().view(torch.int16)


@pytest.fixture
def source(tmp_path: Path, official: Path) -> Path:
    """A copy of the official directory to spoil."""
    return Path(shutil.copytree(official, tmp_path / "source"))


def rewrite(source: Path, change: Weights, *, without: tuple[str, ...] = ()) -> None:
    """Changes, adds or removes weights in the shards that hold (or are to hold) them, index and all."""
    index = json.loads((source / "pytorch_model.bin.index.json").read_text())
    first = sorted(set(index["weight_map"].values()))[0]
    for file in set(index["weight_map"].values()):
        held = torch.load(source / file, weights_only=True)
        held = {name: weight for name, weight in held.items() if name not in without}
        held |= {n: w for n, w in change.items() if index["weight_map"].get(n, first) == file}
        torch.save(held, source / file)


@pytest.mark.parametrize("layout", ["bin", "safetensors"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_stays_bit_for_bit(
    layout: Layout, dtype: torch.dtype, tmp_path: Path, tokenizer_model: bytes
) -> None:
    every_bit = torch.Generator().manual_seed(1)
    drawn = {
        name: torch.randint(-(2**15), 2**15, weight.shape, generator=every_bit, dtype=torch.int16).view(dtype)
        for name, weight in tiny_weights(VOCABULARY, dtype).items()
    }  # every bit there is, subnormals and both zeros among them; what is no finite number is refused
    weights = {name: torch.where(weight.isfinite(), weight, 1.0) for name, weight in drawn.items()}
    source = save_official(tmp_path / "s", weights, tiny_settings(VOCABULARY), tokenizer_model, layout=layout)
    imported = import_checkpoint(source, tmp_path / "made", SilentProgress())
    made = converted_weights(imported.directory)
    assert imported.dtype == str(dtype).removeprefix("torch.")
    assert json.loads((tmp_path / "made" / "config.json").read_text())["dtype"] == imported.dtype
    fused = bits(weights[f"{LAYER}.self_attention.query_key_value.weight"])
    parts = [bits(made[f"model.layers.1.self_attn.{part}_proj.weight"]) for part in "qkv"]
    assert [len(part) for part in parts] == [64, 32, 32]
    assert torch.equal(torch.cat(parts), fused)
    assert torch.equal(bits(made["model.norm.weight"]), bits(weights["transformer.encoder.final_layernorm.weight"]))
    assert torch.equal(
        bits(made["model.layers.1.mlp.gate_up_proj.weight"]), bits(weights[f"{LAYER}.mlp.dense_h_to_4h.weight"])
    )
    kept = sum(weight.numel() for name, weight in weights.items() if "inv_freq" not in name)
    assert sum(weight.numel() for weight in made.values()) == kept


def test_both_layouts_give_the_same_weights(converted: Path, weights: Weights, tmp_path: Path, official: Path) -> None:
    tokenizer = (official / "tokenizer.model").read_bytes()
    source = save_official(
        tmp_path / "s", weights, tiny_settings(VOCABULARY), tokenizer, layout="safetensors", shards=2
    )
    made = converted_weights(import_checkpoint(source, tmp_path / "made", SilentProgress()).directory)
    known = converted_weights(converted)
    assert made.keys() == known.keys() and all(torch.equal(made[name], known[name]) for name in made)


def test_settings_and_stop_ids_are_chatglm3s(converted: Path) -> None:
    config = json.loads((converted / "config.json").read_text())
    vocabulary = AutoTokenizer.from_pretrained(converted).get_vocab()
    stops = [2, vocabulary["<|user|>"], vocabulary["<|observation|>"]]
    assert config["model_type"] == "glm" and config["architectures"] == ["GlmForCausalLM"]
    assert config["rms_norm_eps"] == 1e-5 and config["attention_bias"] and not config["tie_word_embeddings"]
    assert config["pad_token_id"] == 0 and config["eos_token_id"] == stops
    assert GenerationConfig.from_pretrained(converted).eos_token_id == stops
    assert not [path for path in converted.iterdir() if path.suffix in {".bin", ".py"}]


def test_missing_unknown_and_misshapen_weights_are_named_and_nothing_is_written(source: Path, tmp_path: Path) -> None:
    gone, strange = f"{LAYER}.mlp.dense_4h_to_h.weight", "transformer.prefix_encoder.embedding.weight"
    odd = f"{LAYER}.input_layernorm.weight"
    rewrite(source, {strange: torch.zeros(2), odd: torch.zeros(7)}, without=(gone,))
    with pytest.raises(ModelError) as told:
        import_checkpoint(source, tmp_path / "made", SilentProgress())
    assert all(part in str(told.value) for part in (gone, strange, f"{odd} (7,) instead of (48,)"))
    assert not (tmp_path / "made").exists() and not (tmp_path / "made.partial").exists()


def test_a_missing_shard_and_a_git_lfs_pointer_are_named(source: Path, tmp_path: Path) -> None:
    shard = source / "pytorch_model-00002-of-00003.bin"
    shard.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n")
    with pytest.raises(ModelError, match=r"00002-of-00003\.bin.*git lfs pull"):
        import_checkpoint(source, tmp_path / "made", SilentProgress())
    shard.unlink()
    with pytest.raises(ModelError, match=r"lacks 1 of 3 files: pytorch_model-00002-of-00003\.bin"):
        import_checkpoint(source, tmp_path / "made", SilentProgress())


def test_a_cut_off_shard_is_named(source: Path, tmp_path: Path) -> None:
    shard = source / "pytorch_model-00002-of-00003.bin"
    shard.write_bytes(shard.read_bytes()[:-500])
    with pytest.raises(ModelError, match=r"00002-of-00003\.bin.*download it again"):
        import_checkpoint(source, tmp_path / "made", SilentProgress())


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"model_type": "llama"}, "type 'llama'"),
        ({"rmsnorm": False}, "rmsnorm is False"),
        ({"num_layers": 2}, "it has 7 unknown weights: "),
        ({"kv_channels": None}, "garbles a size"),
        ({"padded_vocab_size": 10}, "do not belong together"),
    ],
)
def test_a_config_that_does_not_fit_is_refused(
    source: Path, tmp_path: Path, change: dict[str, object], complaint: str
) -> None:
    (source / "config.json").write_text(json.dumps(tiny_settings(VOCABULARY) | change))
    with pytest.raises(ModelError, match=complaint):
        import_checkpoint(source, tmp_path / "made", SilentProgress())


def test_every_file_of_an_import_is_checked(source: Path, tmp_path: Path) -> None:
    made = import_checkpoint(source, tmp_path / "made", SilentProgress()).directory
    for file in sorted(path for path in made.iterdir() if path.name != "import.json"):
        whole = file.read_bytes()
        file.write_bytes(whole + b" ")
        with pytest.raises(ModelError, match=f"{file.name}' has been changed or lost"):
            import_checkpoint(source, tmp_path / "made", SilentProgress())
        file.unlink()
        with pytest.raises(ModelError, match=f"{file.name}' has been changed or lost"):
            import_checkpoint(source, tmp_path / "made", SilentProgress())
        file.write_bytes(whole)
    config = source / "config.json"
    config.write_text(json.dumps(tiny_settings(VOCABULARY) | {"seq_length": 512}))
    with pytest.raises(ModelError, match="from another checkpoint"):
        import_checkpoint(source, tmp_path / "made", SilentProgress())


def test_an_empty_directory_may_be_there_already(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "made").mkdir()
    assert (import_checkpoint(source, tmp_path / "made", SilentProgress()).directory / "config.json").is_file()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert import_checkpoint(source, Path(), SilentProgress()).directory == tmp_path / "here"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_weights_that_are_no_numbers_are_refused_by_name(value: float, source: Path, tmp_path: Path) -> None:
    name = "transformer.encoder.final_layernorm.weight"
    rewrite(source, {name: torch.ones(48).index_fill(0, torch.tensor([5]), value)})
    with pytest.raises(ModelError, match=r"00003-of-00003\.bin.*holds 1 non-finite .*weight: model\.norm\.weight"):
        import_checkpoint(source, tmp_path / "made", SilentProgress())
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("form", ["{}  {}", "{} *{}", "{}  ./{}", "{} *./{}"])
def test_a_list_of_digests_is_read_in_every_form(form: str, source: Path, tmp_path: Path) -> None:
    files = sorted(path for path in source.iterdir() if path.suffix in {".bin", ".model"} or path.name == "config.json")
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    assert len(digests) == 5

    def publish(listed: dict[str, str]) -> None:
        (source / "SHA256SUMS").write_text("".join(form.format(digest, name) + "\n" for name, digest in listed.items()))

    for name in digests:
        publish(digests | {name: "0" * 64})
        with pytest.raises(ModelError, match=f"{name}'.*published is 000000000000…"):
            import_checkpoint(source, tmp_path / "made", SilentProgress())
    publish(digests)
    made = import_checkpoint(source, tmp_path / "made", SilentProgress())
    assert made.checked == 3 and not made.sums_apart


def test_a_list_that_names_none_of_the_files_is_told_and_a_later_one_is_used(source: Path, tmp_path: Path) -> None:
    sums, shard = source / "SHA256SUMS", source / "pytorch_model-00001-of-00003.bin"
    sums.write_text(f"{'0' * 64}  elsewhere/{shard.name}\n")
    made = import_checkpoint(source, tmp_path / "made", SilentProgress())
    assert made.sums_apart and made.checked == 0
    sums.write_text(f"{hashlib.sha256(shard.read_bytes()).hexdigest()}  {shard.name}\n")
    again = import_checkpoint(source, tmp_path / "made", SilentProgress())
    assert not again.sums_apart and again.checked == 1


@pytest.mark.parametrize("where", ["SHA256SUMS", "hub download", "hub cache"])
def test_a_published_digest_is_checked(where: str, source: Path, tmp_path: Path) -> None:
    shard = source / "pytorch_model-00001-of-00003.bin"
    true, wrong = hashlib.sha256(shard.read_bytes()).hexdigest(), "0" * 64

    def publish(digest: str) -> None:
        if where == "SHA256SUMS":
            (source / "SHA256SUMS").write_text(f"{digest}  {shard.name}\n")
        elif where == "hub download":
            notes = source / ".cache" / "huggingface" / "download" / f"{shard.name}.metadata"
            notes.parent.mkdir(parents=True, exist_ok=True)
            notes.write_text(f"{'a' * 40}\n{digest}\n1700000000.0\n")
        else:
            content = shard.read_bytes()
            shard.unlink()
            (tmp_path / digest).write_bytes(content)
            shard.symlink_to(tmp_path / digest)

    publish(wrong)
    with pytest.raises(ModelError, match=r"published is 000000000000….*fetch it again"):
        import_checkpoint(source, tmp_path / "made", SilentProgress())
    publish(true)
    assert import_checkpoint(source, tmp_path / "made", SilentProgress()).checked == 1


class Interrupting(SilentProgress):
    """Progress that is interrupted, as by Ctrl-C, after so many shards."""

    def __init__(self, after: int) -> None:
        self.left = after

    @contextmanager
    def task(self, name, total, unit):  # type: ignore[no-untyped-def]
        outer = self

        class Task:
            def advance(self, steps: int = 1, **figures: float | str) -> None:
                if name == "import":
                    outer.left -= 1
                    if not outer.left:
                        raise KeyboardInterrupt

        yield Task()


def test_an_interrupted_import_goes_on_and_ends_the_same(official: Path, converted: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        import_checkpoint(official, tmp_path / "made", Interrupting(2))
    assert not (tmp_path / "made").exists()
    first, second = (tmp_path / "made.partial" / f"model-0000{number}-of-00003.safetensors" for number in (1, 2))
    written = first.stat().st_ino
    second.write_bytes(b"spoiled by a crash of the disk")
    made = import_checkpoint(official, tmp_path / "made", SilentProgress()).directory
    assert (made / first.name).stat().st_ino == written
    files = sorted(path.name for path in converted.iterdir())
    assert sorted(path.name for path in made.iterdir()) == files
    assert all((made / name).read_bytes() == (converted / name).read_bytes() for name in files)
    assert not (tmp_path / "made.partial").exists()


def test_an_import_done_before_is_checked_and_never_overwritten(source: Path, tmp_path: Path) -> None:
    made = import_checkpoint(source, tmp_path / "made", SilentProgress())
    before = (made.directory / "config.json").stat().st_mtime_ns
    assert import_checkpoint(source, tmp_path / "made", SilentProgress()) == made
    assert (made.directory / "config.json").stat().st_mtime_ns == before
    shard = made.directory / made.files[0].file
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-1] + b"x")
    with pytest.raises(ModelError, match="has been changed or lost"):
        import_checkpoint(source, tmp_path / "made", SilentProgress())
    shard.write_bytes(whole)
    rewrite(source, {"transformer.encoder.final_layernorm.weight": torch.ones(48)})
    with pytest.raises(ModelError, match="from another checkpoint"):
        import_checkpoint(source, tmp_path / "made", SilentProgress())
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(ModelError, match="no import of ours"):
        import_checkpoint(source, tmp_path / "mine", SilentProgress())


def test_two_imports_into_one_place_do_not_meet(official: Path, tmp_path: Path) -> None:
    with FileLock(tmp_path / ".made.partial.lock"), pytest.raises(LockedError, match="Another process"):
        import_checkpoint(official, tmp_path / "made", SilentProgress())


class Evil:
    """What a hostile pickle does: it makes a file when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (Path.touch, (self.path,))


def test_a_pickle_that_asks_for_more_than_tensors_is_refused_and_not_run(source: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    shard = source / "pytorch_model-00001-of-00003.bin"
    torch.save({"transformer.embedding.word_embeddings.weight": Evil(trace)}, shard)
    with pytest.raises(ModelError, match="asks for more than tensors"):
        import_checkpoint(source, tmp_path / "made", SilentProgress())
    shard.write_bytes(pickle.dumps({"a": Evil(trace)}))
    with pytest.raises(ModelError, match=r"00001-of-00003\.bin"):
        read_tensors(shard)
    assert not trace.exists()

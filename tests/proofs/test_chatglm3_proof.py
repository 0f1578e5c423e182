"""Long proofs of the import of ChatGLM3: 20,000 random strings, a kill at any moment, and memory under two shards.

The tokenizer is trained here; where ENDCLOUD_CHATGLM3_TOKENIZER names the official `tokenizer.model`, that one is
tried too, with all messages of the dialogues that ENDCLOUD_DIALOGUES names (any text file, a message a line).
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sentencepiece
import torch

from endcloud.end.chatglm.tokenizer import convert_tokenizer
from endcloud.testing.tiny_chatglm3 import save_official, tiny_settings

pytestmark = pytest.mark.proof

HIDDEN, INNER, LAYERS, SHARDS = 1024, 5632, 8, 4


def random_strings(pieces: list[str], count: int) -> list[str]:
    """Random characters of all planes, pieces joined at random, runs of one sign, and written-out control tokens."""
    chance = random.Random(20_000)
    marks = ["<|user|>", "[gMASK]", "sop", "<s>", "</s>", "<unk>", "<0x0A>", "▁", " ", "你", "a", "\n"]

    def characters() -> str:
        planes = [(32, 127), (0x4E00, 0x9FFF), (0x1F300, 0x1F700), (1, 0xD7FF)]
        return "".join(chr(chance.randrange(*chance.choice(planes))) for _ in range(chance.randrange(1, 40)))

    def joined() -> str:
        return "".join(chance.choice(pieces).replace("▁", " ") for _ in range(chance.randrange(1, 20)))

    def runs() -> str:
        return "".join(chance.choice(" \n\ta=-*#.") * chance.randrange(1, 30) for _ in range(chance.randrange(1, 6)))

    def forged() -> str:
        return "".join(chance.choice(marks) for _ in range(chance.randrange(1, 15)))

    def two_letters() -> str:
        return "".join(chance.choice("ab") for _ in range(chance.randrange(1, 60)))

    return [chance.choice([characters, joined, runs, forged, two_letters])() for _ in range(count)]


def mismatches(model_file: bytes, texts: list[str]) -> list[str]:
    """Texts whose ids, or whose text made of these ids again, differ from SentencePiece's."""
    original = sentencepiece.SentencePieceProcessor(model_proto=model_file)
    ours = convert_tokenizer(model_file)
    wrong = []
    for text in texts:
        ids = original.encode(text)
        same = ids == ours.encode(text, add_special_tokens=False, split_special_tokens=True)
        if not same or original.decode(ids) != ours.decode(ids, clean_up_tokenization_spaces=False):
            wrong.append(text)
    return wrong


def pieces_of(model_file: bytes) -> list[str]:
    original = sentencepiece.SentencePieceProcessor(model_proto=model_file)
    return [original.id_to_piece(index) for index in range(original.get_piece_size())]


@pytest.fixture(scope="module")
def tokenizer_model() -> bytes:
    chance, written = random.Random(1), io.BytesIO()
    words = ["退货", "发货", "包邮", "请问", "亲，", "订单 ", "the ", "def f(x):\n", "    ", "==", "aaaa", "bab"]
    texts = ["".join(chance.choice(words) for _ in range(12)) for _ in range(2_000)]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_writer=written,
        model_type="bpe",
        vocab_size=600,
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        allow_whitespace_only_pieces=True,
        hard_vocab_limit=False,
        num_threads=1,
        minloglevel=2,
    )
    return written.getvalue()


def test_20_000_random_strings_have_the_ids_that_sentencepiece_gives(tokenizer_model: bytes) -> None:
    assert mismatches(tokenizer_model, random_strings(pieces_of(tokenizer_model), 20_000)) == []


@pytest.mark.skipif("ENDCLOUD_CHATGLM3_TOKENIZER" not in os.environ, reason="needs the official tokenizer.model")
def test_the_official_tokenizer_has_the_ids_that_sentencepiece_gives() -> None:
    model_file = Path(os.environ["ENDCLOUD_CHATGLM3_TOKENIZER"]).read_bytes()
    texts = random_strings(pieces_of(model_file), 20_000)
    for path in os.environ.get("ENDCLOUD_DIALOGUES", "").split(os.pathsep):
        texts += (
            [field for line in Path(path).read_text("utf-8").splitlines() for field in line.split("\t")] if path else []
        )
    print(f"{len(texts)} texts against SentencePiece")
    assert mismatches(model_file, texts) == []


@pytest.fixture(scope="module", params=["bin", "safetensors"])
def official(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, tokenizer_model: bytes) -> Path:
    """About 340 MB of random half-precision weights in four shards."""
    settings = tiny_settings(1024) | {
        "hidden_size": HIDDEN,
        "ffn_hidden_size": INNER,
        "num_layers": LAYERS,
        "num_attention_heads": 8,
        "kv_channels": HIDDEN // 8,
    }
    fused, heads = HIDDEN + 2 * 2 * HIDDEN // 8, HIDDEN
    shapes = {"transformer.embedding.word_embeddings.weight": (1024, HIDDEN)}
    for layer in range(LAYERS):
        prefix = f"transformer.encoder.layers.{layer}"
        shapes |= {
            f"{prefix}.input_layernorm.weight": (HIDDEN,),
            f"{prefix}.self_attention.query_key_value.weight": (fused, HIDDEN),
            f"{prefix}.self_attention.query_key_value.bias": (fused,),
            f"{prefix}.self_attention.dense.weight": (HIDDEN, heads),
            f"{prefix}.post_attention_layernorm.weight": (HIDDEN,),
            f"{prefix}.mlp.dense_h_to_4h.weight": (2 * INNER, HIDDEN),
            f"{prefix}.mlp.dense_4h_to_h.weight": (HIDDEN, INNER),
        }
    shapes |= {
        "transformer.encoder.final_layernorm.weight": (HIDDEN,),
        "transformer.output_layer.weight": (1024, HIDDEN),
    }
    weights = {name: torch.randn(shape).half() for name, shape in shapes.items()}
    directory = tmp_path_factory.mktemp("large")
    return save_official(directory, weights, settings, tokenizer_model, layout=request.param, shards=SHARDS)


def command(official: Path, destination: Path) -> list[str]:
    return [sys.executable, "-m", "endcloud.cli.main", "import", "chatglm3", str(official), str(destination), "--json"]


def digests(directory: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in directory.iterdir()}


def test_an_import_that_is_killed_again_and_again_goes_on_and_ends_the_same(official: Path, tmp_path: Path) -> None:
    subprocess.run(command(official, tmp_path / "whole"), check=True, capture_output=True)
    destination, journal = tmp_path / "killed", tmp_path / "killed.partial" / ".journal.json"
    kept: dict[str, int] = {}
    for finished in (1, 2, 3):
        running = subprocess.Popen(command(official, destination), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while not journal.exists() or len(json.loads(journal.read_text())) < finished:
            assert running.poll() is None and time.monotonic() < deadline
            time.sleep(0.001)
        running.send_signal(signal.SIGKILL)
        running.wait()
        assert not destination.exists()
        done = [entry["file"] for entry in json.loads(journal.read_text())]
        inodes = {name: (journal.parent / name).stat().st_ino for name in done}
        assert {name: inodes[name] for name in kept} == kept  # what was finished before was not written again
        kept = inodes
    subprocess.run(command(official, destination), check=True, capture_output=True)
    assert digests(destination) == digests(tmp_path / "whole")
    assert not journal.parent.exists()


MEASURE = """
import sys
from pathlib import Path
import endcloud.cli.main
from endcloud.end.chatglm.checkpoint import import_checkpoint
from endcloud.testing.silent_progress import SilentProgress

def status(name):
    return next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith(name))

import_checkpoint(Path(sys.argv[1]), Path(sys.argv[2]), SilentProgress())  # what is loaded once, is loaded now
Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
before = status("VmRSS")
import_checkpoint(Path(sys.argv[1]), Path(sys.argv[3]), SilentProgress())
print(before, status("VmHWM"))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_an_import_needs_less_memory_than_two_shards(official: Path, tmp_path: Path) -> None:
    shard = max(path.stat().st_size for path in official.glob("*-of-*"))
    told = subprocess.run(
        [sys.executable, "-c", MEASURE, str(official), str(tmp_path / "first"), str(tmp_path / "second")],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    before, peak = map(int, told.split())
    print(f"a shard has {shard / 1e6:.0f} MB, the import took {(peak - before) / 1e6:.0f} MB")
    assert 0 < peak - before < 2 * shard

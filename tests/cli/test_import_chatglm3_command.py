"""`endcloud import chatglm3` and `chatglm3-lora` as a user meets them."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import sentencepiece
import torch

from endcloud.cli.main import main
from endcloud.testing.tiny_chatglm3 import GROUPS, HEAD_SIZE, HEADS, HIDDEN, LAYERS, save_official, tiny_settings
from endcloud.testing.tiny_chatglm3 import tiny_weights as random_weights


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> Path:
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["满59元包邮", "请问什么时候发货", "free shipping"] * 20),
        model_writer=written,
        model_type="bpe",
        vocab_size=320,
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        hard_vocab_limit=False,
        num_threads=1,
        minloglevel=2,
    )
    directory = tmp_path_factory.mktemp("official") / "random-chatglm3"
    return save_official(directory, random_weights(512), tiny_settings(512), written.getvalue())


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def endcloud(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Done]:
    """Runs a command in this process, through the entry point of the installed program."""

    def run(*arguments: str | Path) -> Done:
        monkeypatch.setattr(sys, "argv", ["endcloud", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        return Done(int(ended.value.code or 0), told.out, told.err)

    return run


def test_from_download_to_a_version(endcloud: Callable[..., Done], official: Path, tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    assert endcloud("init", shop, "--profile", "chatglm3-6b").returncode == 0
    done = endcloud("import", "chatglm3", official, shop / "models" / "chatglm3-6b", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["shards"] == 3 and told["dtype"] == "float32" and told["digests_checked"] == 0

    lora = tmp_path / "checkpoint-3000"
    lora.mkdir()
    layer = "base_model.model.transformer.encoder.layers.{}.self_attention.query_key_value.lora_{}.weight"
    rows = (HEADS + 2 * GROUPS) * HEAD_SIZE
    shapes = {
        layer.format(at, kind): (8, HIDDEN) if kind == "A" else (rows, 8) for at in range(LAYERS) for kind in "AB"
    }
    torch.save({name: torch.randn(shape) for name, shape in shapes.items()}, lora / "adapter_model.bin")
    config = {"peft_type": "LORA", "r": 8, "lora_alpha": 32, "target_modules": ["query_key_value"]}
    (lora / "adapter_config.json").write_text(json.dumps(config))
    done = endcloud("import", "chatglm3-lora", lora, "--shop", shop, "--json")
    assert done.returncode == 0, done.stderr
    version = json.loads(done.stdout)
    assert version["method"] == "lora" and version["standing"] == "candidate"
    assert (Path(version["path"]) / "adapter_model.safetensors").is_file()


def test_what_is_wrong_is_one_sentence_and_exit_code_2(
    endcloud: Callable[..., Done], official: Path, tmp_path: Path
) -> None:
    missing = endcloud("import", "chatglm3", tmp_path / "nothing", tmp_path / "made", "--json")
    assert missing.returncode == 2
    assert "has no readable" in json.loads(missing.stdout)["error"]["message"]
    assert "Traceback" not in missing.stderr and not (tmp_path / "made").exists()

"""`endcloud import simbert`: SimBERT as ZhuiyiTechnology published it becomes a similarity scorer.

The publication is `bert_config.json`, `vocab.txt` and a TensorFlow checkpoint `bert_model.ckpt`, with BERT's own
variable names; conversions to PyTorch (`config.json`, safetensors or `.bin`) are read too. The language-model head is
left out: the vector is [CLS] through the pooler, which the scorer applies without tanh.
"""

from __future__ import annotations

import re
from pathlib import Path

import torch
from transformers import BertConfig

from endcloud.errors import ModelError
from endcloud.protocols import Progress
from endcloud.scoring.published.bert_layout import (
    ImportedScorer,
    check,
    expected_shapes,
    read_json,
    read_words,
    write,
)
from endcloud.scoring.published.tensorflow_checkpoint import TensorFlowCheckpoint
from endcloud.weight_files import find_shards

TOKENS = 32


def import_simbert(source: Path, destination: Path, progress: Progress) -> ImportedScorer:
    """Converts the directory `source` into the new directory `destination`.

    Raises:
        ModelError: the source is no whole SimBERT; what is missing is named, and nothing is written.
    """
    if not source.is_dir():
        raise ModelError(f"{str(source)!r} is not a directory; give the one that the SimBERT archive unpacks to.")
    config = _config(source)
    expected = expected_shapes(config, pooled=True)
    found, left_out = _weights(source, set(expected), progress)
    check(found, expected, source)
    words = read_words(source / "vocab.txt", int(config.vocab_size))
    mark = {"kind": "simbert", "head": "linear pooler", "tokens": TOKENS}
    return write(destination, found, config, words, mark, left_out)


def _config(source: Path) -> BertConfig:
    for name in ("bert_config.json", "config.json"):
        if (source / name).is_file():
            stated = read_json(source / name)
            known = BertConfig().to_dict().keys()
            wanted = {key: value for key, value in stated.items() if key in known and key != "model_type"}
            return BertConfig(**{**wanted, "architectures": ["BertModel"]})
    raise ModelError(f"The directory {str(source)!r} has neither bert_config.json nor config.json; copy all of it.")


def _weights(source: Path, wanted: set[str], progress: Progress) -> tuple[dict[str, torch.Tensor], list[str]]:
    """The wanted weights by BERT's PyTorch names, and the names of those that were left out."""
    prefixes = sorted(path.with_suffix("") for path in source.glob("*.index") if not path.name.endswith(".json"))
    found: dict[str, torch.Tensor] = {}
    left_out: list[str] = []
    if prefixes:
        checkpoint = TensorFlowCheckpoint(prefixes[0])
        with progress.task("reading SimBERT", len(checkpoint.entries), "variable") as task:
            for name in checkpoint.entries:
                new, turned = pytorch_name(name)
                if new in wanted:
                    tensor = checkpoint.tensor(name).float()
                    found[new] = tensor.T.contiguous() if turned else tensor
                else:
                    left_out.append(name)
                task.advance()
        return found, left_out
    if not any(source.glob("*.safetensors*")) and not any(source.glob("*.bin*")):
        raise ModelError(
            f"The directory {str(source)!r} holds no weights: neither a TensorFlow checkpoint (bert_model.ckpt.index "
            "and its data file) nor safetensors; give the one that the SimBERT archive unpacks to."
        )
    shards = find_shards(source)
    for file in shards.files:
        for name, tensor in shards.read(file).items():
            new = name.removeprefix("bert.").replace("LayerNorm.gamma", "LayerNorm.weight")
            new = new.replace("LayerNorm.beta", "LayerNorm.bias")
            if new in wanted:
                found[new] = tensor.float()
            else:
                left_out.append(name)
    return found, left_out


def pytorch_name(variable: str) -> tuple[str, bool]:
    """A TensorFlow variable of BERT by its PyTorch name, and whether its two axes change places."""
    name = re.sub(r"layer_(\d+)", r"layer.\1", variable.removeprefix("bert/")).replace("/", ".")
    turned = name.endswith(".kernel")
    name = name.replace(".kernel", ".weight").replace(".gamma", ".weight").replace(".beta", ".bias")
    return (f"{name}.weight" if name.endswith("_embeddings") else name), turned

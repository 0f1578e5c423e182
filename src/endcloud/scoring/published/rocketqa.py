"""`endcloud import rocketqa`: a RocketQA cross-encoder as Baidu published it becomes a relevance scorer.

The publication is a `config.json` that names ERNIE's configuration, its vocabulary and a directory of PaddlePaddle
parameter files; whether the head is the two-class one or the joint-training one is stated there and seen from the
files. ERNIE is BERT with other names, matrices lying on their side, and (in later versions) a task embedding: with
one task it is a constant, and is added to the segment embeddings. Conversions to PyTorch are read too.
Source: PaddlePaddle/RocketQA, `encoder/cross_encoder.py` and `model/ernie.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
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
from endcloud.scoring.published.paddle_parameters import read_parameter
from endcloud.weight_files import find_shards

TOKENS = 384
_LAYER_NORM_EPS = 1e-5  # PaddlePaddle's, which ERNIE leaves as it is
_NAMES = {
    "word_embedding": "bert.embeddings.word_embeddings.weight",
    "pos_embedding": "bert.embeddings.position_embeddings.weight",
    "sent_embedding": "bert.embeddings.token_type_embeddings.weight",
    "pre_encoder_layer_norm_scale": "bert.embeddings.LayerNorm.weight",
    "pre_encoder_layer_norm_bias": "bert.embeddings.LayerNorm.bias",
    "pooled_fc.w_0": "bert.pooler.dense.weight",
    "pooled_fc.b_0": "bert.pooler.dense.bias",
    "_cls_out_w": "classifier.weight",
    "_cls_out_b": "classifier.bias",
}
_LAYER_NAMES = {
    "multi_head_att_query_fc": "attention.self.query",
    "multi_head_att_key_fc": "attention.self.key",
    "multi_head_att_value_fc": "attention.self.value",
    "multi_head_att_output_fc": "attention.output.dense",
    "post_att_layer_norm": "attention.output.LayerNorm",
    "ffn_fc_0": "intermediate.dense",
    "ffn_fc_1": "output.dense",
    "post_ffn_layer_norm": "output.LayerNorm",
}
_ENDINGS = {".w_0": ".weight", ".b_0": ".bias", "_scale": ".weight", "_bias": ".bias"}


@dataclass(frozen=True, slots=True)
class _Source:
    """What of a published model stands where. `prefix` is `qtp_` in the joint-training models."""

    parameters: Path | None
    config: dict[str, object]
    vocabulary: Path
    tokens: int
    chinese: bool


def import_rocketqa(source: Path, destination: Path, progress: Progress) -> ImportedScorer:
    """Converts the directory `source` into the new directory `destination`.

    Raises:
        ModelError: the source is no whole cross-encoder; what is missing is named, and nothing is written.
    """
    if not source.is_dir():
        raise ModelError(f"{str(source)!r} is not a directory; give the one that the RocketQA archive unpacks to.")
    published = _published(source)
    if published.parameters:
        found, left_out = _paddle(published.parameters, progress)
    else:
        found, left_out = _pytorch(source)
    if "classifier.weight" not in found:
        raise ModelError(f"The checkpoint {str(source)!r} has no classifier; is it a dual encoder? Take a `_ce` model.")
    pooled = "bert.pooler.dense.weight" in found
    config = _config(published.config, found)
    shapes = {f"bert.{name}": shape for name, shape in expected_shapes(config, pooled).items()}
    outputs = 2 if pooled and found["classifier.weight"].shape[0] != 1 else 1
    shapes |= {"classifier.weight": (outputs, int(config.hidden_size)), "classifier.bias": (outputs,)}
    left_out += [name for name in found if name not in shapes]
    check(found, shapes, source)
    words = read_words(published.vocabulary, int(config.vocab_size))
    mark = {
        "kind": "rocketqa",
        "head": "two classes" if outputs == 2 else "joint training",
        "tokens": published.tokens,
        "keeps_spaces": not published.chinese,
    }
    return write(destination, {name: found[name] for name in shapes}, config, words, mark, left_out)


def _published(source: Path) -> _Source:
    stated = read_json(source / "config.json")
    if "model_checkpoint_path" not in stated:
        return _Source(None, stated, source / "vocab.txt", TOKENS, True)
    try:
        return _Source(
            source / str(stated["model_checkpoint_path"]),
            read_json(source / str(stated["model_conf_path"])),
            source / str(stated["model_vocab_path"]),
            int(stated.get("max_seq_len", TOKENS)),
            bool(stated.get("for_cn", True)),
        )
    except KeyError as error:
        raise ModelError(
            f"{str(source / 'config.json')!r} does not state {error}; copy it from the archive."
        ) from error


def _paddle(directory: Path, progress: Progress) -> tuple[dict[str, torch.Tensor], list[str]]:
    files = sorted(path for path in directory.glob("*") if path.is_file()) if directory.is_dir() else []
    if not files:
        raise ModelError(f"The parameters {str(directory)!r} are not a directory with files; copy the whole archive.")
    prefix = "qtp_" if (directory / "qtp_word_embedding").is_file() else ""
    found: dict[str, torch.Tensor] = {}
    left_out: list[str] = []
    task: torch.Tensor | None = None
    with progress.task("reading RocketQA", len(files), "parameter") as bar:
        for path in files:
            name = path.name.removeprefix(prefix) if path.name.startswith(prefix) else ""
            new = bert_name(name)
            if new:
                found[new] = _turned(new, read_parameter(path).float())
            elif name == "task_embedding":
                task = read_parameter(path).float()
            else:
                left_out.append(path.name)
            bar.advance()
    segments = "bert.embeddings.token_type_embeddings.weight"
    if task is not None and segments in found:
        found[segments] = found[segments] + task[0]
    return found, left_out


def _turned(name: str, tensor: torch.Tensor) -> torch.Tensor:
    """PaddlePaddle's matrices are (in, out), PyTorch's (out, in); embeddings are alike."""
    matrix = tensor.dim() == 2 and "embeddings" not in name
    return tensor.T.contiguous() if matrix else tensor


def bert_name(parameter: str) -> str:
    """ERNIE's parameter (without the model's prefix) by BERT's PyTorch name; empty for one that is not needed."""
    if parameter in _NAMES:
        return _NAMES[parameter]
    match = re.fullmatch(r"encoder_layer_(\d+)_(\w+?)(\.w_0|\.b_0|_scale|_bias)", parameter)
    if match is None or match[2] not in _LAYER_NAMES:
        return ""
    return f"bert.encoder.layer.{match[1]}.{_LAYER_NAMES[match[2]]}{_ENDINGS[match[3]]}"


def _pytorch(source: Path) -> tuple[dict[str, torch.Tensor], list[str]]:
    """A conversion with transformers' names, ERNIE's or BERT's."""
    found: dict[str, torch.Tensor] = {}
    shards = find_shards(source)
    for file in shards.files:
        for name, tensor in shards.read(file).items():
            found[re.sub(r"^ernie\.", "bert.", name)] = tensor.float()
    task = found.pop("bert.embeddings.task_type_embeddings.weight", None)
    if task is not None:
        segments = "bert.embeddings.token_type_embeddings.weight"
        found[segments] = found[segments] + task[0]
    found.pop("bert.embeddings.position_ids", None)
    return found, []


def _config(stated: Mapping[str, object], found: Mapping[str, torch.Tensor]) -> BertConfig:
    """BERT's configuration: sizes from the weights themselves, what weights do not show from ERNIE's."""

    def rows(name: str) -> int:
        table = found.get(f"bert.embeddings.{name}.weight")
        if table is None:
            raise ModelError(f"The checkpoint has no {name.replace('_', ' ')}; copy the whole archive.")
        return int(table.shape[0])

    layers = {int(match[1]) for name in found if (match := re.match(r"bert\.encoder\.layer\.(\d+)\.", name))}
    hidden = int(found["bert.embeddings.word_embeddings.weight"].shape[1])
    inner = found.get("bert.encoder.layer.0.intermediate.dense.weight")
    heads = stated.get("num_attention_heads")
    count = stated.get("num_hidden_layers")
    if not isinstance(heads, int) or not isinstance(count, int):
        raise ModelError("The model's configuration states no num_attention_heads or num_hidden_layers; copy it again.")
    eps = stated.get("layer_norm_eps")
    return BertConfig(
        vocab_size=rows("word_embeddings"),
        hidden_size=hidden,
        num_hidden_layers=max(count, len(layers)),
        num_attention_heads=heads,
        intermediate_size=hidden * 4 if inner is None else int(inner.shape[0]),
        hidden_act=str(stated.get("hidden_act", "gelu")),
        max_position_embeddings=rows("position_embeddings"),
        type_vocab_size=rows("token_type_embeddings"),
        layer_norm_eps=float(eps) if isinstance(eps, float) else _LAYER_NORM_EPS,
        architectures=["BertForSequenceClassification"],
    )

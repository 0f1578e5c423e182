"""RocketQA's cross-encoder in BERT layout, with either of its two heads.

The two-class models (v1) read [CLS] through a pooler with tanh and a layer of two outputs; the joint-training models
(v2) read [CLS] itself through a layer of one. Which one a directory holds is seen from its weights: joint-training ones
have no pooler. ERNIE differs from BERT in names, and in a task embedding that is the same for every token: `endcloud
import rocketqa` adds it to the segment embeddings, so that BERT's forward pass is ERNIE's.
Source: PaddlePaddle/RocketQA, `model/cross_encoder_predict.py`, `model/ernie.py`, `reader/reader_ce_predict.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer, BatchEncoding, BertConfig, BertModel, PreTrainedTokenizerBase

from endcloud.errors import ModelError
from endcloud.scoring.pair_tokens import code_pairs
from endcloud.scoring.scorer_kinds import mark_of

TOKENS = 384
"""Longest pair of the published models' own configurations; beyond it the longer side is cut first."""


class RocketQA:
    """Logits of (query, reply): one or two, as the head has."""

    def __init__(self, path: Path) -> None:
        """Raises ModelError where the weights are not a BERT encoder with a classifier on top."""
        weights = _weights(path)
        self.outputs = int(weights["classifier.weight"].shape[0])
        self._pooled = "bert.pooler.dense.weight" in weights
        mark = mark_of(path)
        config = BertConfig.from_pretrained(path, local_files_only=True)
        self.module: torch.nn.Module = _Encoder(config, self._pooled, self.outputs)
        self._fill(path, weights)
        self.tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(path, local_files_only=True)
        self.tokens = min(int(mark.get("tokens", TOKENS)), int(config.max_position_embeddings))
        self._spaces = bool(mark.get("keeps_spaces", False))

    def _fill(self, path: Path, weights: dict[str, torch.Tensor]) -> None:
        lacking, foreign = self.module.load_state_dict({k: v.float() for k, v in weights.items()}, strict=False)
        lacking = [name for name in lacking if not name.endswith("position_ids")]
        if lacking or foreign:
            raise ModelError(
                f"The RocketQA model in {str(path)!r} lacks {lacking[:3]!r} and has the unknown {foreign[:3]!r}; "
                "convert the published one with `endcloud import rocketqa`."
            )

    def code(self, pairs: Sequence[tuple[str, str]]) -> tuple[BatchEncoding, int]:
        """As the authors' reader: spaces dropped for the Chinese models, the longer side cut first."""
        texts = pairs if self._spaces else [(query.replace(" ", ""), reply.replace(" ", "")) for query, reply in pairs]
        return code_pairs(self.tokenizer, texts, self.tokens)

    def logits(self, features: Mapping[str, torch.Tensor]) -> torch.Tensor:
        found: torch.Tensor = self.module(features)
        return found


class _Encoder(torch.nn.Module):
    """BERT with RocketQA's head; the names of its weights are those of transformers' sequence classifier."""

    def __init__(self, config: BertConfig, pooled: bool, outputs: int) -> None:
        super().__init__()
        self.bert = BertModel(config, add_pooling_layer=pooled)
        self.classifier = torch.nn.Linear(config.hidden_size, outputs)

    def forward(self, features: Mapping[str, torch.Tensor]) -> torch.Tensor:
        read = self.bert(**features)
        first = read.last_hidden_state[:, 0] if read.pooler_output is None else read.pooler_output
        logits: torch.Tensor = self.classifier(first)
        return logits


def _weights(path: Path) -> dict[str, torch.Tensor]:
    file = path / "model.safetensors"
    if not file.is_file():
        raise ModelError(
            f"The directory {str(path)!r} holds no model.safetensors; convert the published RocketQA checkpoint with "
            "`endcloud import rocketqa`, or save the model with safetensors."
        )
    weights = {
        ("bert." + k.removeprefix("ernie.") if k.startswith("ernie.") else k): v for k, v in load_file(file).items()
    }
    if "classifier.weight" not in weights:
        raise ModelError(f"The model in {str(path)!r} has no 'classifier.weight', so it gives no relevance.")
    return weights

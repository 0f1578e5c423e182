"""One vector a text, read out of the model as its kind demands, and each distinct text encoded once.

The pooling is what makes an encoder's vectors mean something, and each family has its own: SimBERT takes [CLS] through
the pooler's linear layer (transformers' `pooler_output` adds a tanh that was not there in training), bge takes [CLS],
Qwen3-Embedding the last token of a left-padded text. A directory with `modules.json` states its own. All are put
together from sentence-transformers' modules; only batching is ours: texts are tokenised once, sorted by length, and
kept as vectors, since in an evaluation the same cloud reply is compared with every version's.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from safetensors import safe_open
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling, Transformer

from endcloud.errors import ModelError
from endcloud.scoring import model_directory
from endcloud.scoring.length_batches import length_batches
from endcloud.scoring.precision import Precision, at_precision

Kind = Literal["simbert", "bge", "gte", "qwen3-embedding", "sentence-transformers"]

SIMBERT_TOKENS = 32
_KEPT = 512 << 20  # bytes of vectors kept between calls
_BATCH = 4096  # padded tokens in a batch

Vectors = np.ndarray[tuple[int, int], np.dtype[np.float32]]


class TextEncoder:
    """Texts to vectors of length 1. `cut` and `read` count the distinct texts that were too long, and all of them."""

    def __init__(
        self,
        directory: Path | str,
        kind: Kind = "sentence-transformers",
        *,
        device: str | None = None,
        precision: Precision = "float32",
        tokens: int | None = None,
        batch_tokens: int = _BATCH,
    ) -> None:
        """Loads the model in `directory`.

        `tokens` is the longest text in tokens, [CLS] and [SEP] among them; None takes SimBERT's 32, or what the
        tokenizer states. `batch_tokens` bounds a batch with its padding.

        Raises:
            ModelError: the directory holds no model that can be loaded as this kind.
        """
        path = model_directory.find(directory)
        try:
            model = _model(path, kind)
        except (OSError, ValueError, KeyError, ImportError) as error:
            raise ModelError(f"The similarity model in {str(path)!r} cannot be loaded: {error}") from error
        self.tokens = tokens or (SIMBERT_TOKENS if kind == "simbert" else _longest(model))
        if device:
            model = model.to(device)
        self._model = at_precision(model.eval(), precision)
        self._batch_tokens = batch_tokens
        self._known: dict[str, np.ndarray] = {}
        self.read = self.cut = 0

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """A row of length 1 for each text, (n, dimensions), in order."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            self._make_room()
            self._known |= zip(new, self._encode(new), strict=True)
        return np.stack([self._known[text] for text in texts])

    def _make_room(self) -> None:
        if sum(vector.nbytes for vector in self._known.values()) > _KEPT:
            self._known.clear()

    @torch.inference_mode()
    def _encode(self, texts: list[str]) -> list[np.ndarray]:
        tokenizer = self._model.tokenizer
        coded = tokenizer(texts, truncation=True, max_length=self.tokens)
        self.read += len(texts)
        self.cut += sum(bool(one.overflowing) for one in coded.encodings)
        found: list[np.ndarray] = [np.empty(0)] * len(texts)
        for batch in length_batches([len(ids) for ids in coded["input_ids"]], self._batch_tokens):
            padded = tokenizer.pad({name: [coded[name][i] for i in batch] for name in coded}, return_tensors="pt")
            made = self._model(dict(padded.to(self._model.device)))["sentence_embedding"]
            rows = torch.nn.functional.normalize(made.float(), dim=1).cpu().numpy()
            for index, row in zip(batch, rows, strict=True):
                found[index] = row
        return found


def _model(path: Path, kind: Kind) -> SentenceTransformer:
    if (path / "modules.json").is_file() and kind != "simbert":
        return SentenceTransformer(str(path), device="cpu", local_files_only=True)
    left = {"padding_side": "left"} if kind == "qwen3-embedding" else {}
    transformer = Transformer(
        str(path),
        model_kwargs={"local_files_only": True},
        processor_kwargs={"local_files_only": True} | left,
        config_kwargs={"local_files_only": True},
    )
    size = transformer.get_embedding_dimension()
    pooling = Pooling(size, "lasttoken" if kind == "qwen3-embedding" else "cls")
    extra = [_linear_pooler(path, size)] if kind == "simbert" else []
    return SentenceTransformer(modules=[transformer, pooling, *extra, Normalize()], device="cpu")


def _linear_pooler(path: Path, size: int) -> Dense:
    """SimBERT's pooler: the same weights as BERT's, without the tanh."""
    weight, bias = (_tensor(path, f"pooler.dense.{name}") for name in ("weight", "bias"))
    return Dense(size, weight.shape[0], activation_function=torch.nn.Identity(), init_weight=weight, init_bias=bias)


def _tensor(path: Path, ending: str) -> torch.Tensor:
    for file in sorted(path.glob("*.safetensors")):
        with safe_open(file, framework="pt") as held:
            for name in held.keys():  # noqa: SIM118 - not a mapping
                if name == ending or name.endswith("." + ending):
                    tensor: torch.Tensor = held.get_tensor(name)
                    return tensor.float()
    raise ModelError(
        f"The SimBERT model in {str(path)!r} has no {ending!r} in its safetensors files; "
        "convert the published checkpoint with `endcloud import simbert`."
    )


def _longest(model: SentenceTransformer) -> int:
    """What the tokenizer states, or the positions that the model has, whichever is less; 512 if neither says."""
    stated = [model.max_seq_length, getattr(getattr(model[0], "config", None), "max_position_embeddings", None)]
    return min((int(length) for length in stated if length and length < 1 << 20), default=512)

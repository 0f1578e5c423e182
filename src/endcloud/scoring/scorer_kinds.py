"""Which model a setting names: a directory, or a directory with its kind in front (`bge:/models/bge-small-zh`).

The kind says how numbers are read out of a model: which token's vector, which prompt, which output. A model read in
the wrong way gives numbers that look right and are not, so a directory without a kind is accepted only where its own
files leave no doubt: what `endcloud import` wrote says its kind, `modules.json` says its pooling, a classification
head says that it is a cross-encoder. A bare BERT encoder says nothing, and must be named.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from endcloud.errors import ModelError
from endcloud.scoring import model_directory

Role = Literal["similarity", "relevance"]

SIMILARITY_KINDS = {
    "simbert": "[CLS] through the linear pooler, without tanh; 32 tokens",
    "bge": "[CLS], normalised",
    "gte": "what its modules.json says; without one, [CLS]",
    "qwen3-embedding": "the last token, left padding, an instruction in front",
    "sentence-transformers": "what its modules.json says",
}
RELEVANCE_KINDS = {
    "rocketqa": "two classes (softmax, column 1), or one joint-training logit (sigmoid)",
    "bge-reranker": "one logit, a sigmoid",
    "gte-reranker": "one logit, a sigmoid",
    "qwen3-reranker": "the logits of `yes` and `no` after an instruction",
    "qwen3-embedding": "cosine of the query, with an instruction in front, and the reply",
    "cross-encoder": "one logit (sigmoid) or two classes (softmax, column 1)",
}
MARK = "endcloud_scorer.json"
"""Written by `endcloud import`: the kind of the scorer, where it came from, and what is special about it."""


@dataclass(frozen=True, slots=True)
class ScorerChoice:
    """A kind of `SIMILARITY_KINDS` or `RELEVANCE_KINDS`, and the model's directory."""

    kind: str
    directory: Path


def choose(setting: str, role: Role, root: Path = Path()) -> ScorerChoice:
    """What `setting` (`DIRECTORY` or `KIND:DIRECTORY`) names; a relative directory begins at `root`.

    Raises:
        ModelError: no such kind or directory, or the directory does not say which kind it is.
    """
    kinds = SIMILARITY_KINDS if role == "similarity" else RELEVANCE_KINDS
    match = re.fullmatch(r"([A-Za-z0-9-]{2,}):(.+)", setting)
    if match is None or (root / setting).is_dir():
        directory = model_directory.find(root / Path(setting).expanduser())
        return ScorerChoice(_detect(directory, role), directory)
    kind, place = match.groups()
    if kind not in kinds:
        raise ModelError(f"There is no {role} scorer of the kind {kind!r}; known: {', '.join(kinds)}.")
    return ScorerChoice(kind, model_directory.find(root / Path(place).expanduser()))


def mark_of(directory: Path) -> dict[str, Any]:
    """What `endcloud import` wrote about the scorer in `directory`; empty where it wrote nothing."""
    path = directory / MARK
    return _read(path) if path.is_file() else {}


def _detect(directory: Path, role: Role) -> str:
    kinds = SIMILARITY_KINDS if role == "similarity" else RELEVANCE_KINDS
    marked = str(mark_of(directory).get("kind", ""))
    if marked:
        if marked not in kinds:
            raise ModelError(f"The directory {str(directory)!r} holds a {marked!r} model, which gives no {role}.")
        return marked
    config = _read(directory / "config.json") if (directory / "config.json").is_file() else {}
    built = " ".join(config.get("architectures") or ())
    if "ForSequenceClassification" in built:
        if role == "similarity":
            raise ModelError(
                f"The model in {str(directory)!r} is a cross-encoder ({built}): it gives a relevance, no similarity. "
                "Name it as scoring.relevance."
            )
        return "cross-encoder"
    qwen3 = config.get("model_type") == "qwen3"
    if role == "similarity" and (directory / "modules.json").is_file():
        return "qwen3-embedding" if qwen3 else "sentence-transformers"
    if role == "similarity" and qwen3:
        return "qwen3-embedding"
    if role == "relevance" and qwen3 and "ForCausalLM" in built and not (directory / "modules.json").is_file():
        return "qwen3-reranker"
    raise ModelError(
        f"The directory {str(directory)!r} does not say how its {role} is read; put its kind in front, "
        f"KIND:{directory}, with one of {', '.join(kinds)}."
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{str(path)!r} cannot be read ({error}); copy the model's files again.") from error
    if not isinstance(content, dict):
        raise ModelError(f"{str(path)!r} holds no JSON object; copy the model's files again.")
    return content

"""A scorer as this project keeps it: BERT's configuration, weights in safetensors, a fast tokenizer, and a mark.

Whatever a checkpoint was written by, its weights are checked here against the shape that its configuration states:
what is missing or misshapen is named before anything is written, and what is not needed (optimiser state, the
language-model head) is left out and listed in the mark.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertModel, BertTokenizer

from endcloud import whole_files
from endcloud.errors import ModelError
from endcloud.scoring.scorer_kinds import MARK

_NAMED = 5
"""How many names an error lists before it counts the rest."""


@dataclass(frozen=True, slots=True)
class ImportedScorer:
    """What was written: where, of which kind and head, how large, and which tensors of the source were left out."""

    directory: Path
    kind: str
    head: str
    parameters: int
    left_out: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The object of `--json`."""
        return {
            "scorer": str(self.directory),
            "kind": self.kind,
            "head": self.head,
            "parameters": self.parameters,
            "left_out": list(self.left_out),
        }


def expected_shapes(config: BertConfig, pooled: bool) -> dict[str, tuple[int, ...]]:
    """Name and shape of every weight of a BERT encoder; no memory is taken for them."""
    with torch.device("meta"):
        model = BertModel(config, add_pooling_layer=pooled)
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


def check(found: Mapping[str, torch.Tensor], expected: Mapping[str, tuple[int, ...]], source: Path) -> None:
    """Raises ModelError, naming them, where weights are missing, misshapen or not finite."""
    missing = [name for name in expected if name not in found]
    misshapen = [
        f"{name} is {list(found[name].shape)}, not {list(shape)}"
        for name, shape in expected.items()
        if name in found and tuple(found[name].shape) != shape
    ]
    if missing or misshapen:
        said = [f"lacks {_some(missing)}"] * bool(missing) + [f"has a wrong shape: {_some(misshapen)}"] * bool(
            misshapen
        )
        raise ModelError(
            f"The checkpoint {str(source)!r} {' and '.join(said)}; is its configuration the one it was published with?"
        )
    if broken := [name for name in expected if not bool(torch.isfinite(found[name]).all())]:
        raise ModelError(f"The checkpoint {str(source)!r} has numbers that are not finite in {_some(broken)}.")


def write(
    destination: Path,
    weights: Mapping[str, torch.Tensor],
    config: BertConfig,
    words: Sequence[str],
    mark: Mapping[str, Any],
    left_out: Sequence[str],
) -> ImportedScorer:
    """Writes the directory whole or not at all; one that holds the same import already is left as it is.

    Raises ModelError where `destination` exists and holds something else.
    """
    named = {**mark, "content": _content(weights), "left_out": sorted(left_out)}
    made = ImportedScorer(
        destination,
        str(mark["kind"]),
        str(mark.get("head", "")),
        sum(tensor.numel() for tensor in weights.values()),
        tuple(sorted(left_out)),
    )
    if destination.exists():
        if _marked(destination) == named and (destination / "model.safetensors").is_file():
            return made
        raise ModelError(f"The directory {str(destination)!r} exists and holds something else; name a new one.")
    partial = destination.with_name(f"{destination.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)  # of an import that was killed: it is quicker made again than mended
    partial.mkdir(parents=True)
    save_file({name: tensor.contiguous() for name, tensor in weights.items()}, partial / "model.safetensors")
    config.save_pretrained(partial)
    tokenizer = BertTokenizer(vocab={word: index for index, word in enumerate(words)}, do_lower_case=True)
    tokenizer.model_max_length = int(config.max_position_embeddings)
    tokenizer.save_pretrained(partial)
    whole_files.write(partial / MARK, json.dumps(named, ensure_ascii=False, indent=2) + "\n")
    whole_files.sync(partial)
    partial.rename(destination)
    return made


def read_words(path: Path, size: int) -> list[str]:
    """The words of a `vocab.txt`, one a line, ERNIE's with a TAB and the number behind each.

    Raises ModelError where there are more words than the model has rows, or BERT's own marks are missing.
    """
    try:
        words = [line.split("\t")[0] for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(
            f"The vocabulary {str(path)!r} cannot be read ({error}); copy the whole checkpoint."
        ) from error
    if lacking := [mark for mark in ("[PAD]", "[UNK]", "[CLS]", "[SEP]") if mark not in words]:
        raise ModelError(f"The vocabulary {str(path)!r} lacks {', '.join(lacking)}; it is not BERT's.")
    if len(words) > size:
        raise ModelError(f"The vocabulary {str(path)!r} has {len(words)} words, but the model knows {size}.")
    if len(set(words)) < len(words):
        raise ModelError(f"The vocabulary {str(path)!r} names a word twice, so that numbers would shift.")
    return words


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises ModelError where it is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{str(path)!r} cannot be read ({error}); copy the whole checkpoint.") from error
    if not isinstance(content, dict):
        raise ModelError(f"{str(path)!r} holds no JSON object; copy the whole checkpoint.")
    return content


def _marked(directory: Path) -> dict[str, Any] | None:
    return read_json(directory / MARK) if (directory / MARK).is_file() else None


def _content(weights: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 over names and numbers, in hex."""
    whole = hashlib.sha256()
    for name in sorted(weights):
        whole.update(name.encode() + b"\0")
        whole.update(weights[name].contiguous().numpy().tobytes())
    return whole.hexdigest()


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more

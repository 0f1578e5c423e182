"""Qwen3-Reranker: a causal model asked whether a reply answers a query; its logits of `no` and `yes` are two classes.

The words around the pair, the empty thought and the two tokens are those of the model card. The prompt's frame is never
cut: only the pair is, when both are longer than the model reads. Padding stands on the left, so that the last
position is the one that answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, BatchEncoding, PreTrainedTokenizerBase

from endcloud.errors import ModelError

INSTRUCTION = "Given a customer's question to an online shop, judge whether the reply answers it"
_BEFORE = (
    "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the Instruct "
    'provided. Note that the answer can only be "yes" or "no".<|im_end|>\n<|im_start|>user\n'
)
_AFTER = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
_TOKENS = 2048  # the model reads 32k; a reply of a shop is far shorter, and memory is not


class Qwen3Reranker:
    """Logits (no, yes) of (query, reply)."""

    outputs = 2

    def __init__(self, path: Path, instruction: str = "", tokens: int = _TOKENS) -> None:
        """Raises ModelError where the tokenizer has no single tokens for `yes` and `no`."""
        self._instruction = instruction or INSTRUCTION
        self.tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            path, local_files_only=True, padding_side="left"
        )
        self.module: torch.nn.Module = AutoModelForCausalLM.from_pretrained(path, local_files_only=True)
        self._answers = [self._single(path, word) for word in ("no", "yes")]
        self._before, self._after = (self._marked(words) for words in (_BEFORE, _AFTER))
        self.tokens = tokens

    def _single(self, path: Path, word: str) -> int:
        ids = self.tokenizer.encode(word, add_special_tokens=False)
        if len(ids) != 1 or ids[0] == self.tokenizer.unk_token_id:
            raise ModelError(f"The tokenizer in {str(path)!r} has no token {word!r}; is this a Qwen3-Reranker?")
        return int(ids[0])

    def _marked(self, words: str) -> list[int]:
        return list(self.tokenizer.encode(words, add_special_tokens=False))

    def code(self, pairs: Sequence[tuple[str, str]]) -> tuple[BatchEncoding, int]:
        """Role marks in a customer's text stay text."""
        texts = [f"<Instruct>: {self._instruction}\n<Query>: {query}\n<Document>: {reply}" for query, reply in pairs]
        room = self.tokens - len(self._before) - len(self._after)
        coded = self.tokenizer(texts, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        whole = [self._before + ids[:room] + self._after for ids in coded]
        masks = [[1] * len(ids) for ids in whole]
        return BatchEncoding({"input_ids": whole, "attention_mask": masks}), sum(len(ids) > room for ids in coded)

    def logits(self, features: Mapping[str, torch.Tensor]) -> torch.Tensor:
        last: torch.Tensor = self.module(**features, logits_to_keep=1).logits[:, -1]
        return last[:, self._answers]

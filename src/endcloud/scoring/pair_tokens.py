"""A query and a reply as the token ids of one pair."""

from __future__ import annotations

from collections.abc import Sequence

from transformers import BatchEncoding, PreTrainedTokenizerBase


def code_pairs(
    tokenizer: PreTrainedTokenizerBase, pairs: Sequence[tuple[str, str]], tokens: int
) -> tuple[BatchEncoding, int]:
    """Token ids of (query, reply), the longer side cut first to fit `tokens`, and how many were cut."""
    queries, replies = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    coded = tokenizer(queries, replies, truncation="longest_first", max_length=tokens)
    return coded, sum(bool(one.overflowing) for one in coded.encodings or ())

"""The bundled small size: a BERT of about a million weights and its tokenizer, made from the shop's own words.

A random BERT learns too little from a few thousand short texts. This one begins at latent semantic analysis: the
vector of each token is its row in a truncated SVD of the shop's exchanges, so that the mean of a text's tokens
already tells topics apart before the first step. Digits are tokens of their own (59 and 99 must differ), and
what a customer types never becomes a control token.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from scipy.sparse import csr_matrix
from sklearn.decomposition import TruncatedSVD
from sklearn.preprocessing import normalize
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from endcloud.scoring.in_domain.exchanges import Exchange

HIDDEN = 128
LAYERS = 2
HEADS = 4
WORDS = 4000
LONGEST = 128  # tokens
_CONTROLS = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}


def save_small_bert(found: Sequence[Exchange], directory: Path, seed: int) -> Path:
    """Writes model and tokenizer into `directory` as transformers writes them; the same exchanges, the same bytes."""
    tokenizer = small_tokenizer([text for exchange in found for text in (exchange.query, *exchange.replies)])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = BertModel(_config(len(tokenizer)))
    with torch.no_grad():
        weights = model.get_input_embeddings().weight
        weights.copy_(torch.from_numpy(_latent(tokenizer, found, weights.shape[1], seed)).to(weights.dtype))
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory


def small_tokenizer(texts: Sequence[str]) -> PreTrainedTokenizerFast:
    """A BPE over the shop's texts; pairs are `[CLS] a [SEP] b [SEP]` with token types 0 and 1."""
    inner = Tokenizer(models.BPE(unk_token=_CONTROLS["unk"]))
    inner.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    inner.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.WhitespaceSplit(),
            pre_tokenizers.Punctuation(),
            pre_tokenizers.Digits(individual_digits=True),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=WORDS, min_frequency=2, special_tokens=list(_CONTROLS.values()), show_progress=False
    )
    inner.train_from_iterator(texts, trainer)
    ends = [(name, inner.token_to_id(name)) for name in (_CONTROLS["cls"], _CONTROLS["sep"])]
    inner.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ends
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        model_max_length=LONGEST,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
        split_special_tokens=True,
        **{f"{name}_token": token for name, token in _CONTROLS.items()},
    )


def _config(words: int) -> BertConfig:
    return BertConfig(
        vocab_size=words,
        hidden_size=HIDDEN,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=4 * HIDDEN,
        max_position_embeddings=2 * LONGEST,
        pad_token_id=0,
    )


def _latent(tokenizer: PreTrainedTokenizerFast, found: Sequence[Exchange], size: int, seed: int) -> np.ndarray:
    """(tokens, size): unit rows of the SVD of exchanges × tokens, at the scale of BERT's own start."""
    texts = ["\n".join((exchange.query, *exchange.replies)) for exchange in found]
    lines = tokenizer(texts, add_special_tokens=False, truncation=True, max_length=2 * LONGEST)["input_ids"]
    counts = csr_matrix(
        (
            np.ones(sum(map(len, lines))),
            (np.repeat(np.arange(len(lines)), [len(line) for line in lines]), np.concatenate(lines)),
        ),
        shape=(len(lines), len(tokenizer)),
    )
    counts.sum_duplicates()
    counts.data = 1 + np.log(counts.data)
    weighed = counts.multiply(np.log(len(lines) / (1 + (counts > 0).sum(axis=0).A1)) + 1).tocsr()
    parts = min(size, min(weighed.shape) - 1)
    svd = TruncatedSVD(parts, random_state=seed).fit(normalize(weighed))
    rows = np.zeros((len(tokenizer), size))
    rows[:, :parts] = (svd.components_ * np.sqrt(svd.singular_values_)[:, None]).T
    unseen = ~rows.any(axis=1)
    rows[unseen] = np.random.default_rng(seed).standard_normal((int(unseen.sum()), size))
    return np.asarray(normalize(rows) * 0.02 * np.sqrt(size))

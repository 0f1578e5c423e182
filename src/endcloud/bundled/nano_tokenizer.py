"""The nano model's tokenizer: ChatGLM3's in miniature, learned from the pre-training texts.

A byte-fallback BPE, as in ChatGLM3: what the vocabulary lacks is written as UTF-8 bytes, so every text
comes back unchanged. Three choices make a small vocabulary serve facts and strangers' wordings:

- every digit is a token of its own, so that a number never seen before is still made of known pieces;
- a piece has at most `LONGEST_PIECE` characters: longer ones would learn our templates by heart, and a
  customer's other wording would fall apart into pieces that the model hardly knows;
- the opening of a personal placeholder (`[订单_`) is one token, so `[订单_1]` is three.

Byte pieces are ordinary tokens: registered as special they would vanish from decoded replies.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

VOCABULARY = 4_000
LONGEST_PIECE = 3
END_OF_TEXT = "</s>"
PADDING = "<unk>"
ROLES = ("<|system|>", "<|user|>", "<|assistant|>", "<|observation|>")
SPECIAL_TOKENS = (PADDING, "<s>", END_OF_TEXT, "[MASK]", "[gMASK]", "[sMASK]", "sop", "eop", *ROLES)
BYTES = tuple(f"<0x{value:02X}>" for value in range(256))
PLACEHOLDERS = tuple(
    f"[{kind}_"
    for kind in ("电话", "订单", "运单", "姓名", "地址", "邮箱", "身份证号", "银行卡", "微信", "QQ", "支付宝", "生日")
)
"""Openings of the marks that masking puts in the place of personal data."""

CHAT_TEMPLATE = (
    "{{ '[gMASK]sop' }}"
    "{% for message in messages %}{{ '<|' + message['role'] + '|>\\n' + message['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}"
)
_CUT = Regex(r"[0-9]|[\p{P}\p{S}\s]")
_SPACE = "▁"


def train_tokenizer(texts: Iterable[str], vocabulary: int = VOCABULARY) -> PreTrainedTokenizerFast:
    """A tokenizer of at most `vocabulary` tokens learned from `texts`; the same texts give the same one."""
    fixed = (*SPECIAL_TOKENS, *BYTES, *PLACEHOLDERS)
    pieces, merges = _learn(texts, vocabulary - len(fixed))
    ids = {piece: number for number, piece in enumerate(dict.fromkeys((*fixed, *pieces)))}
    tokenizer = _pipeline(models.BPE(vocab=ids, merges=merges, byte_fallback=True))
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL_TOKENS])
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in PLACEHOLDERS])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PADDING,
        eos_token=END_OF_TEXT,
        padding_side="left",
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
        model_input_names=["input_ids", "attention_mask"],
    )


def _learn(texts: Iterable[str], size: int) -> tuple[Sequence[str], list[tuple[str, str]]]:
    """The pieces of an ordinary BPE over `texts` (`size` at most) and the merges that make them."""
    tokenizer = _pipeline(models.BPE())
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=3,
        show_progress=False,
        initial_alphabet=[_SPACE, "\n", *map(chr, range(33, 127))],
        limit_alphabet=size * 3 // 4,
        max_token_length=LONGEST_PIECE,
    )
    tokenizer.train_from_iterator(texts, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    pieces = sorted(model["vocab"], key=model["vocab"].__getitem__)
    return pieces, [(merge[0], merge[1]) for merge in model["merges"]]


def _pipeline(model: models.BPE) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Replace(" ", _SPACE)
    tokenizer.pre_tokenizer = pre_tokenizers.Split(_CUT, behavior="isolated")
    tokenizer.decoder = decoders.Sequence(
        [decoders.ByteFallback(), decoders.Fuse(), decoders.Replace(_SPACE, " ")],
    )
    return tokenizer

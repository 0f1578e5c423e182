"""ChatGLM3's tokenizer as a fast `tokenizers` file, id for id, with the chat format as its template.

SentencePiece joins, again and again, the two neighbours whose joined piece has the best score, the leftmost first.
A BPE of `tokenizers` does the same by a list of merges, so the list is every way to cut a piece into two others, in
the order of the pieces' scores. Byte pieces are ordinary tokens: registered as special they would vanish from replies.

The chat format: `[gMASK]sop`, then for each turn its role token, a line of metadata (empty but for tools) and the
content; then `<|assistant|>`. The model begins its reply with a metadata line of its own. Padding stands at the left.

Source: tokenization_chatglm.py of THUDM/chatglm3-6b.
"""

from __future__ import annotations

from collections.abc import Sequence

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers
from transformers import PreTrainedTokenizerFast

from endcloud.end.chatglm.sentencepiece_model import NORMAL, Piece, read_sentencepiece

SPECIAL_TOKENS = (
    "[MASK]",
    "[gMASK]",
    "[sMASK]",
    "sop",
    "eop",
    "<|system|>",
    "<|user|>",
    "<|assistant|>",
    "<|observation|>",
)
"""They follow the pieces of the file: 64789 to 64797 in the official model."""

STOP_TOKENS = ("</s>", "<|user|>", "<|observation|>")
"""What ends a reply: the end token, a customer's turn, a tool's answer (2, 64795, 64797)."""

CHAT_TEMPLATE = (
    "[gMASK]sop"
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['metadata'] or '' }}\n"
    "{{ ' ' + message['content'] if message['content'] else '' }}"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
"""The space before a content is the one that SentencePiece puts before every text: the official code encodes the
metadata line and the content apart, and no piece reaches over a line break, so both ways give the same ids."""

_SPACE = "▁"


def convert_tokenizer(model_file: bytes, positions: int = 8192) -> PreTrainedTokenizerFast:
    """The fast tokenizer of an official `tokenizer.model`. Raises ModelError for another kind of file."""
    model = read_sentencepiece(model_file)
    ids = {piece.text: index for index, piece in enumerate(model.pieces)}
    inner = Tokenizer(models.BPE(vocab=ids, merges=merges_of(model.pieces), byte_fallback=True, unk_token="<unk>"))
    inner.normalizer = normalizers.Sequence([normalizers.Prepend(_SPACE), normalizers.Replace(" ", _SPACE)])
    inner.decoder = decoders.Sequence(
        [decoders.Replace(_SPACE, " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    control = [piece.text for piece in model.pieces[:3]]
    inner.add_special_tokens([AddedToken(token, normalized=False) for token in (*control, *SPECIAL_TOKENS)])
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        unk_token="<unk>",
        pad_token="<unk>",
        eos_token="</s>",
        padding_side="left",
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
        model_max_length=positions,
        model_input_names=["input_ids", "attention_mask"],
    )


def stop_ids(tokenizer: PreTrainedTokenizerFast) -> list[int]:
    return [tokenizer.get_vocab()[token] for token in STOP_TOKENS]


def merges_of(pieces: Sequence[Piece]) -> list[tuple[str, str]]:
    """Every pair of pieces whose joining is a piece, best score first; of one piece, the longest left part first."""
    known = {piece.text for piece in pieces if piece.kind == NORMAL}
    ranked = sorted((piece for piece in pieces if piece.kind == NORMAL), key=lambda piece: -piece.score)
    return [
        (text[:cut], text[cut:])
        for text in (piece.text for piece in ranked)
        for cut in range(len(text) - 1, 0, -1)
        if text[:cut] in known and text[cut:] in known
    ]

"""How much of the recorded human reply a reply repeats: BLEU-4, ROUGE-L and chrF.

They know nothing of meaning (a wrong price costs one token) and are here because the field reports them.
BLEU-4 and chrF are sacrebleu's at sentence level; tokens are its `zh` ones: each hanzi alone, Latin words and
numbers whole. ROUGE-L is the F1 of the longest common subsequence over the same tokens. All lie in [0, 1],
sacrebleu's own hundredths divided by 100.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache

from rapidfuzz.distance import LCSseq
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF


@dataclass(frozen=True, slots=True)
class Overlap:
    """Agreement of a reply with the recorded one, each in [0, 1]."""

    bleu4: float
    rouge_l: float
    chrf: float


@lru_cache(maxsize=65_536)  # versions and seeds often reply alike
def overlap(reply: str, recorded: str) -> Overlap:
    """Compares one reply with the recorded human one."""
    bleu, chrf = _metrics()
    return Overlap(
        bleu4=_share(bleu.sentence_score(reply, [recorded]).score),
        rouge_l=rouge_l(reply, recorded),
        chrf=_share(chrf.sentence_score(reply, [recorded]).score),
    )


def rouge_l(reply: str, recorded: str) -> float:
    """F1 of the longest common subsequence of tokens (Lin 2004, with precision and recall weighed alike)."""
    ours, theirs = tokens(reply), tokens(recorded)
    if not ours or not theirs:
        return 0.0
    return 2 * LCSseq.similarity(ours, theirs) / (len(ours) + len(theirs))


def tokens(text: str) -> list[str]:
    """sacrebleu's `zh` tokens: hanzi one by one, Latin words and numbers whole."""
    return [str(token) for token in _metrics()[0].tokenizer(text).split()]


def signatures() -> tuple[str, str]:
    """sacrebleu's own one-line account of how BLEU and chrF were counted, for the report."""
    bleu, chrf = _metrics()
    bleu.sentence_score("好", ["好"])
    chrf.sentence_score("好", ["好"])
    return str(bleu.get_signature()), str(chrf.get_signature())


@cache
def _metrics() -> tuple[BLEU, CHRF]:
    # effective_order: a reply of fewer than four tokens is judged on the n-grams it has.
    return BLEU(tokenize="zh", effective_order=True), CHRF()


def _share(hundredths: float) -> float:
    return min(1.0, float(hundredths) / 100)  # sacrebleu gives 100.00000000000004 for equal texts

"""What the figures say, in sentences that follow from them: the order of the methods, of the steps, of the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scipy.stats import spearmanr

from endcloud.scoring.evaluation import FINAL, GREEDY, SAMPLED, WHOLE_SPLIT, Difference, Evaluation

Claim = tuple[str, str, str]
"""(what is claimed, the version that should score higher, the one it should be above)"""
_DATA = {"natural": "recorded replies", "cloud": "cloud replies", "both": "both kinds"}


def claims(names: Mapping[tuple[str, int], str], data: Mapping[str, str] | None = None) -> list[Claim]:
    """What Table VI sets side by side, as statements about pairs of versions, and what the kinds of data do.

    `names` by method and the paper's steps, `data` by the kind that a version learned from. That LoRA is ahead at
    equal steps is the paper's claim; the others say what one would expect.
    """
    lora = [names["LoRA", steps] for steps in (3000, 5000, 15000)]
    found = [("fine-tuning helps", name, "base") for name in names.values()]
    found += [
        ("at equal steps LoRA is ahead of Prefix-Tuning", lora[0], names["Prefix-Tuning", 3000]),
        ("at equal steps LoRA is ahead of P-Tuning v2", lora[0], names["P-Tuning v2", 3000]),
        ("LoRA gains from 3000 to 5000 steps", lora[1], lora[0]),
        ("LoRA gains from 5000 to 15000 steps", lora[2], lora[1]),
    ]
    kinds = data or {}
    found += [
        (f"{_DATA[above]} teach more than {_DATA[below]}", kinds[above], kinds[below])
        for above, below in (("cloud", "natural"), ("both", "natural"), ("both", "cloud"))
        if above in kinds and below in kinds
    ]
    return found


def verdicts(evaluation: Evaluation, claimed: Sequence[Claim]) -> list[tuple[str, str, str]]:
    """For each claim: itself, the difference of the final score on the test split, and whether it is seen here."""
    decoding = SAMPLED if SAMPLED in evaluation.decodings else GREEDY
    rows = []
    for claim, above, below in claimed:
        interval = _difference(evaluation, above, below, decoding)
        if interval is None:
            rows.append((f"{claim}: {above} − {below}", "–", "not measured"))
            continue
        found = interval.interval
        sign = 1 if interval.first == above else -1
        low, high = sorted((sign * found.low, sign * found.high))
        text = f"{sign * found.mean:+.3f} [{low:+.3f}, {high:+.3f}]"
        seen = "seen here" if low > 0 else ("the opposite is seen" if high < 0 else "not decided: the interval holds 0")
        rows.append((f"{claim}: {above} − {below}", text, seen))
    return rows


def _difference(evaluation: Evaluation, one: str, other: str, decoding: str) -> Difference | None:
    for found in evaluation.differences:
        if (found.part, found.decoding, found.measure) == (WHOLE_SPLIT, decoding, FINAL) and {
            found.first,
            found.second,
        } == {one, other}:
            return found
    return None


def order_agreement(ours: Mapping[str, float], printed: Mapping[str, float]) -> str:
    """Whether both order the versions alike: Spearman's rank correlation over the versions that both have."""
    both = [name for name in ours if name in printed]
    if len(both) < 3:
        return ""
    rank = float(spearmanr([ours[name] for name in both], [printed[name] for name in both]).statistic)
    return f"Rank correlation of our mean scores with the paper's over {len(both)} versions: {rank:.2f}."

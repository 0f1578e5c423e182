"""How good a scorer is: whether it ranks right replies above wrong ones, where the truth is known.

AUC is the chance that a right reply gets the higher score of a right and a wrong one: 0.5 is a coin, 1 is
perfect. It is given overall and against each kind of wrong reply by itself, since a scorer that is fine overall
may be blind to a wrong number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sklearn.metrics import roc_auc_score

from endcloud.protocols import Scorer

POOR = 0.75


@dataclass(frozen=True, slots=True)
class Judged:
    """A pair as a scorer sees it, and the truth about its second text; `kind` says what is wrong with it."""

    first: str
    second: str
    right: bool
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Quality:
    """A scorer's AUC: `overall`, and `by_kind` of wrong reply; None where there is nothing to compare."""

    scorer: str
    digest: str
    overall: float | None
    right: int
    wrong: int
    unjudged: int = 0
    by_kind: dict[str, float | None] = field(default_factory=dict)


def auc(scorer: Scorer, judged: Sequence[Judged]) -> float | None:
    """The scorer's AUC on these pairs; None without a right and a wrong one that it could judge."""
    return _auc(judged, scorer.score([(one.first, one.second) for one in judged]))


def measure(scorer: Scorer, judged: Sequence[Judged]) -> Quality:
    """AUC overall, and of all right replies against each kind of wrong ones."""
    scores = scorer.score([(one.first, one.second) for one in judged])
    kinds = dict.fromkeys(one.kind for one in judged if not one.right)
    by_kind = {}
    for kind in kinds:
        chosen = [i for i, one in enumerate(judged) if one.right or one.kind == kind]
        by_kind[kind] = _auc([judged[i] for i in chosen], [scores[i] for i in chosen])
    right = sum(one.right for one in judged)
    unjudged = sum(score is None for score in scores)
    return Quality(scorer.name, scorer.digest, _auc(judged, scores), right, len(judged) - right, unjudged, by_kind)


def _auc(judged: Sequence[Judged], scores: Sequence[float | None]) -> float | None:
    known = [(one.right, score) for one, score in zip(judged, scores, strict=True) if score is not None]
    if len({right for right, _ in known}) < 2:
        return None
    return float(roc_auc_score([right for right, _ in known], [score for _, score in known]))

"""Fits the estimators of `endcloud.serving.escalation` to exchanges whose worth is known.

A logistic regression weighs the features. Its log-odds are brought to true shares by a calibration curve that is
fitted to log-odds from cross-fitting (each exchange judged by a regression that did not see it nor any of its group):
Platt's sigmoid, or isotonic steps where these foretell unseen exchanges clearly better, which takes many of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold

from endcloud.errors import UsageError
from endcloud.serving.escalation import EARLY, LATE, WHOLE, Calibrated, Estimator, features_of
from endcloud.serving.scored_exchange import Exchange

Array = NDArray[np.float64]

FOLDS = 5
FEWEST_OF_A_KIND = 20
"""Acceptable exchanges, and others, below which nothing can be fitted."""
_USUAL = 8  # tokens of the early estimator where whole replies are judged: a decision always has one
_STRENGTH = 1.0  # of the regression's prior, scikit-learn's C: features are standardised, so 1 is mild
_CLEARLY = 0.995  # isotonic steps must bring the log loss below this share of the sigmoid's
_GRID = np.linspace(-8.0, 8.0, 65)  # points of the sigmoid's curve; a straight line between two errs by < 0.002


def fit(exchanges: Sequence[Exchange], held_back: int, accept: float, numbers: Sequence[int] = ()) -> Calibrated:
    """Fits a decision with `held_back` tokens, with estimators for these `numbers` of tokens, too.

    Raises:
        UsageError: too few exchanges of either kind.
    """
    check(exchanges)
    known = np.array([one.acceptable for one in exchanges])
    groups = np.array([one.group for one in exchanges])
    late = _estimator(_features(exchanges, WHOLE), known, groups)
    # A reply that is shorter is judged whole; as a beginning it still teaches what early certainty is worth.
    early = tuple(
        (tokens, _estimator(_features(exchanges, tokens), known, groups))
        for tokens in sorted({held_back, *numbers} - {WHOLE} or {_USUAL})
    )
    return Calibrated(held_back, accept, late, early)


def probabilities(decision: Calibrated, exchanges: Sequence[Exchange]) -> Array:
    """What the decision would say of each exchange, (n,)."""
    return np.array([decision.estimate(one.evidence(decision.held_back)) for one in exchanges])


def cross_fitted(exchanges: Sequence[Exchange], held_back: int) -> Array:
    """The probability of each exchange by a decision that saw nothing of its group, (n,): honest figures without a
    test set."""
    found = np.zeros(len(exchanges))
    for seen, unseen in _folds(
        np.array([one.acceptable for one in exchanges]), np.array([one.group for one in exchanges])
    ):
        decision = fit([exchanges[index] for index in seen], held_back, 0.5)
        found[unseen] = probabilities(decision, [exchanges[index] for index in unseen])
    return found


def check(exchanges: Sequence[Exchange]) -> None:
    """Raises UsageError where nothing can be learned from these exchanges."""
    right = sum(one.acceptable for one in exchanges)
    wrong = len(exchanges) - right
    if min(right, wrong) < FEWEST_OF_A_KIND:
        raise UsageError(
            f"Of {len(exchanges)} judged end replies {right} are acceptable and {wrong} are not; at least "
            f"{FEWEST_OF_A_KIND} of each are needed to learn the difference. Label more validation examples with "
            "`endcloud teach`, or raise scoring.poor if hardly any counts as poor."
        )
    if len({one.group for one in exchanges}) < FOLDS:
        raise UsageError(
            f"The {len(exchanges)} judged end replies come from fewer than {FOLDS} dialogues; prepare more with "
            "`endcloud corpus`."
        )


def _features(exchanges: Sequence[Exchange], held_back: int) -> Array:
    width = len(LATE) if held_back >= WHOLE else len(EARLY)
    return np.array([features_of(one.evidence(held_back))[:width] for one in exchanges], dtype=np.float64)


def _estimator(features: Array, known: NDArray[np.bool_], groups: NDArray[np.str_]) -> Estimator:
    odds = np.zeros(len(known))
    for seen, unseen in _folds(known, groups):
        mean, scale, weights, bias = _regression(features[seen], known[seen])
        odds[unseen] = bias + ((features[unseen] - mean) / scale) @ weights
    mean, scale, weights, bias = _regression(features, known)
    at, share = _curve(odds, known, groups)
    numbers = [tuple(float(number) for number in some) for some in (mean, scale, weights, at, share)]
    return Estimator(numbers[0], numbers[1], numbers[2], bias, numbers[3], numbers[4])


def _regression(features: Array, known: NDArray[np.bool_]) -> tuple[Array, Array, Array, float]:
    mean, scale = features.mean(axis=0), features.std(axis=0)
    scale[scale < 1e-9] = 1.0
    found = LogisticRegression(C=_STRENGTH, max_iter=2000).fit((features - mean) / scale, known)
    return mean, scale, found.coef_[0], float(found.intercept_[0])


def _curve(odds: Array, known: NDArray[np.bool_], groups: NDArray[np.str_]) -> tuple[Array, Array]:
    """The better of both kinds of curve, as points (log-odds, share)."""
    foretold = {kind: np.zeros(len(known)) for kind in (_sigmoid, _steps)}
    for seen, unseen in _folds(known, groups):
        for kind, shares in foretold.items():
            at, share = kind(odds[seen], known[seen])
            shares[unseen] = np.interp(odds[unseen], at, share)
    losses = {kind: _log_loss(shares, known) for kind, shares in foretold.items()}
    best = _steps if losses[_steps] < _CLEARLY * losses[_sigmoid] else _sigmoid
    return best(odds, known)


def _sigmoid(odds: Array, known: NDArray[np.bool_]) -> tuple[Array, Array]:
    found = LogisticRegression(C=1e6, max_iter=2000).fit(odds[:, None], known)
    return _GRID, expit(max(0.0, float(found.coef_[0, 0])) * _GRID + float(found.intercept_[0]))


def _steps(odds: Array, known: NDArray[np.bool_]) -> tuple[Array, Array]:
    bound = 1 / (len(known) + 2)  # nothing is certain after n exchanges
    found = IsotonicRegression(y_min=bound, y_max=1 - bound, out_of_bounds="clip").fit(odds, known)
    return found.X_thresholds_, found.y_thresholds_


def _log_loss(shares: Array, known: NDArray[np.bool_]) -> float:
    shares = np.clip(shares, 1e-6, 1 - 1e-6)
    return float(-np.mean(np.where(known, np.log(shares), np.log1p(-shares))))


def _folds(known: NDArray[np.bool_], groups: NDArray[np.str_]) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    return list(folds.split(groups, known, groups))

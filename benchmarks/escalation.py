"""What the calibrated decision who answers is worth, beside the mean log-probability and routing at random.

    endcloud demo --shop demo-shop
    python benchmarks/escalation.py demo-shop [--pictures DIR] [VERSION …]

Works on a copy of the shop. The decision is fitted to questions of one side and measured on those of the other; the
sides share no wording, no typed text and no topic outside the trade (`assembly/scored_exchanges.py`). An answer is
acceptable when it is true (`bundled/truth.py`), outside the trade when it declines (`bundled/out_of_trade.py`) or when
the question goes to the cloud; "strictly" holds the stand-in cloud to its own words there, too. Prints Markdown tables
and writes pictures; a version that is not named is the one in service. 2 to 15 minutes (labels are asked once).
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.ensemble import GradientBoostingClassifier

from endcloud.assembly import Shop
from endcloud.assembly.route_calibration import (
    HELD_BACK,
    Target,
    mean_log_probability,
    outcomes_of,
    tokens_text,
)
from endcloud.assembly.scored_exchanges import bundled_exchanges
from endcloud.bootstrap import Interval
from endcloud.cli.console import Console
from endcloud.scoring.trade_off import Array, Outcomes
from endcloud.scoring.trade_off_chart import apgr_chart, trade_off_chart
from endcloud.serving.escalation import EARLY, WHOLE, features_of
from endcloud.serving.estimator_fitting import cross_fitted, fit, probabilities
from endcloud.serving.scored_exchange import Exchange

QUESTIONS = 500  # of each of three kinds and on each side, as far as there are so many
SHOWN = 8  # tokens held back in the pictures
GAINS = (0.1, 0.2, 0.3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shop", type=Path)
    parser.add_argument("versions", nargs="*", default=[""], help="digests, their beginnings, or base")
    parser.add_argument("--pictures", type=Path, help="where to write pictures of the first version")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(given.shop, Path(folder) / "shop"))
        with Shop.open(copy, Console(False)) as shop:
            for number, version in enumerate(given.versions):
                began = time.monotonic()
                seen = bundled_exchanges(shop, "fit", QUESTIONS, QUESTIONS, version)
                unseen = bundled_exchanges(shop, "test", QUESTIONS, QUESTIONS, version)
                print(f"asked and judged in {time.monotonic() - began:.0f} s", file=sys.stderr)
                name = shop.version_name(version or shop.versions.active() or "base") if version != "base" else "base"
                report(name, seen, unseen, given.pictures if number == 0 else None)


def report(name: str, seen: Sequence[Exchange], unseen: Sequence[Exchange], pictures: Path | None) -> None:
    outcomes, strictly = outcomes_of(unseen), outcomes_of(unseen, strictly=True)
    print(f"\n## {name}\n")
    parts_table(seen, unseen)
    found = {tokens: probabilities(fit(seen, tokens, 0.5), unseen) for tokens in HELD_BACK}
    plain = {tokens: mean_log_probability(unseen, tokens) for tokens in HELD_BACK}
    main_table("", outcomes, found, plain)
    main_table(", strictly", strictly, found, plain)
    print("\nThe same features weighed by gradient boosting (80 trees of depth 3), uncalibrated:\n")
    print("| held back | APGR | ECE | APGR of ours − its |\n| --- | --- | --- | --- |")
    for tokens in HELD_BACK:
        boosted = gradient_boosting(seen, unseen, tokens)
        figures = outcomes.figures(boosted)
        ahead = text(outcomes.apgr_difference(found[tokens], boosted))
        print(f"| {short(tokens)} | {text(figures.apgr)} | {figures.ece.mean:.3f} | {ahead} |")
    promises_table(seen, unseen, outcomes)
    worth_table(unseen, found[SHOWN])
    if pictures is not None:
        trade_off_chart(outcomes, found[SHOWN], plain[SHOWN], None, pictures, "escalation-trade-off")
        apgr_chart(
            {short(k): (outcomes.figures(found[k]).apgr, outcomes.figures(plain[k]).apgr) for k in HELD_BACK},
            pictures,
            "escalation-apgr",
        )


def parts_table(seen: Sequence[Exchange], unseen: Sequence[Exchange]) -> None:
    print("| questions | fitted to | measured on | end acceptable | stand-in cloud acceptable | nearness |")
    print("| --- | --- | --- | --- | --- | --- |")
    for part in dict.fromkeys(one.part for one in unseen):
        some = [one for one in unseen if one.part == part]
        learned = sum(one.part == part for one in seen)
        shares = [np.mean([getattr(one, name) for one in some]) for name in ("acceptable", "cloud_acceptable")]
        near = np.mean([one.nearness or 0.0 for one in some])
        print(f"| {part} | {learned} | {len(some)} | {shares[0]:.3f} | {shares[1]:.3f} | {near:.2f} |")


def main_table(how: str, outcomes: Outcomes, found: dict[int, Array], plain: dict[int, Array]) -> None:
    end, cloud = outcomes.end.mean(), outcomes.cloud.mean()
    best = outcomes.figures(outcomes.best())
    print(f"\n{len(outcomes):,} unseen questions{how}: end model {end:.3f}, cloud {cloud:.3f}; ", end="")
    print(f"an oracle would reach APGR {text(best.apgr)}.\n")
    print(
        "| held back | APGR | − mean log-probability | − random | CPT(50 %) | CPT(80 %) | ECE | ECE of the mean |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- |"
    )
    for tokens, probability in found.items():
        figures = outcomes.figures(probability)
        over = outcomes.apgr_difference(probability, plain[tokens]), outcomes.apgr_over_random(probability)
        cells = (figures.apgr, *over, figures.cpt50, figures.cpt80, figures.ece, outcomes.figures(plain[tokens]).ece)
        print(f"| {short(tokens)} | {' | '.join(map(text, cells))} |")


def promises_table(seen: Sequence[Exchange], unseen: Sequence[Exchange], outcomes: Outcomes) -> None:
    """What `calibrate routes` would promise for a target, and what came true."""
    print("\nThresholds picked on the fitting side, and what they do on the other:\n")
    print("| target | held back | promised: to the cloud, acceptable | came true |\n| --- | --- | --- | --- |")
    for tokens in (4, SHOWN):
        known = outcomes_of(seen, 10)
        points = known.points(cross_fitted(seen, tokens))
        for share in GAINS:
            point = Target("cloud-share", share).pick(points, 0.0)
            asked = probabilities(fit(seen, tokens, point.accept), unseen) < point.accept
            quality = np.where(asked, outcomes.cloud, outcomes.end).mean()
            print(
                f"| cloud-share={share} | {short(tokens)} | {point.share:.1%}, {point.quality:.1%} "
                f"| {asked.mean():.1%}, {quality:.1%} |"
            )


def worth_table(unseen: Sequence[Exchange], probability: Array) -> None:
    """Where the least probable replies are."""
    print(f"\nWith {tokens_text(SHOWN)}: share of each kind that goes to the cloud at a threshold.\n")
    parts = list(dict.fromkeys(one.part for one in unseen))
    print(f"| accept from | {' | '.join(parts)} |\n| --- |{' --- |' * len(parts)}")
    for accept in (0.5, 0.7, 0.9):
        shares = [
            np.mean([p < accept for one, p in zip(unseen, probability, strict=True) if one.part == part])
            for part in parts
        ]
        print(f"| {accept} | {' | '.join(f'{share:.1%}' for share in shares)} |")


def gradient_boosting(seen: Sequence[Exchange], unseen: Sequence[Exchange], tokens: int) -> Array:
    """As `estimator_fitting.fit`, with trees in the place of the regression."""

    def model(held_back: int, width: int | None) -> GradientBoostingClassifier:
        trees = GradientBoostingClassifier(
            n_estimators=80, max_depth=3, learning_rate=0.07, subsample=0.7, min_samples_leaf=15, random_state=0
        )
        features = [features_of(one.evidence(held_back))[:width] for one in seen]
        return trees.fit(features, [one.acceptable for one in seen])

    late = model(WHOLE, None)
    early = model(tokens, len(EARLY)) if tokens < WHOLE else None
    found = []
    for one in unseen:
        evidence = one.evidence(tokens)
        judge = late if evidence.whole or early is None else early
        found.append(judge.predict_proba([features_of(evidence)])[0, 1])
    return np.array(found)


def short(tokens: int) -> str:
    return "whole" if tokens >= WHOLE else str(tokens)


def text(interval: Interval | None) -> str:
    return "–" if interval is None else interval.text(3)


if __name__ == "__main__":
    main()

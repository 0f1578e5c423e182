"""Fits a shop's α, Θ and threshold for poor to the reviews in its store, and keeps what was found."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from endcloud import whole_files
from endcloud.errors import UsageError
from endcloud.scoring.calibration import RESAMPLES, Calibration, calibrate
from endcloud.scoring.calibration_fit import Values, judged_replies
from endcloud.settings import write_settings
from endcloud.types import Review

if TYPE_CHECKING:
    from endcloud.assembly.shop import Shop

DIGITS = 3


@dataclass(frozen=True, slots=True)
class Calibrated:
    """A calibration and the folder with its chart and figures."""

    calibration: Calibration
    folder: Path

    def lines(self) -> dict[str, float]:
        """What to set under [scoring]: only what the reviews can tell, which may be nothing."""
        advised = asdict(self.calibration.advised).items()
        return {name: round(value, DIGITS) for name, value in advised if name not in self.calibration.left}

    def as_json(self) -> dict[str, Any]:
        return {"results": str(self.folder), "settings": self.lines(), **asdict(self.calibration)}


def calibrate_scores(
    shop: Shop, reviews: Sequence[Review] | None = None, *, resamples: int = RESAMPLES, folder: Path | None = None
) -> Calibrated:
    """Scores every reviewed reply with the shop's scorers and fits to what people said; `reviews` None: the store's.

    Raises UsageError where nobody reviewed anything yet.
    """
    from endcloud.scoring.calibration_chart import agreement_chart

    given = list(shop.reviews.all() if reviews is None else reviews)
    if not given:
        raise UsageError("There are no reviews to fit to yet; let people judge replies with `endcloud review` first.")
    keys = list(dict.fromkeys((one.query, one.reply, one.cloud) for one in given))
    queries, replies, clouds = zip(*keys, strict=True)
    scores = shop.scorer.score_all(queries, replies, clouds, shop.progress)
    settings = shop.settings.scoring
    found = calibrate(
        judged_replies(given, dict(zip(keys, scores, strict=True))),
        Values(settings.alpha, settings.threshold, settings.poor),
        shop.progress,
        resamples=resamples,
    )
    where = folder or shop.directory.results / datetime.now(UTC).strftime("calibration-%Y%m%d-%H%M%S")
    calibrated = Calibrated(found, where)
    agreement_chart(found, where)
    scorers = {"scorers": shop.scorer.scorers}
    figures = json.dumps(scorers | calibrated.as_json(), ensure_ascii=False, indent=2)
    whole_files.write(where / "calibration.json", figures + "\n")
    return calibrated


def write_calibration(shop: Shop, calibrated: Calibrated) -> bool:
    """Sets the advised values in endcloud.toml, whose comments stay; False where nothing is advised."""
    lines = calibrated.lines()
    if lines:
        write_settings(shop.directory.settings, "scoring", lines)
    return bool(lines)

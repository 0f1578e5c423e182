"""Human review put together: an evaluation becomes a blind sheet, a filled sheet becomes reviews in the store."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from endcloud import whole_files
from endcloud.errors import SourceError, UsageError
from endcloud.feedback.agreement import between_reviewers
from endcloud.feedback.review_page import as_page
from endcloud.feedback.review_sheet import Candidate, prepare, read_judgements, read_key, sheet_of
from endcloud.types import Message, Review

if TYPE_CHECKING:
    from endcloud.assembly.shop import Shop

Form = Literal["page", "csv"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """Where a sheet and its key are, and how many rows it has."""

    sheet: str
    path: Path
    key: Path
    rows: int


def prepare_review(
    shop: Shop, *, results: Path | None = None, form: Form = "page", seed: int = 0, queries: int = 30,
    out: Path | None = None,
) -> Prepared:  # fmt: skip
    """A blind sheet of all versions' greedy replies in an evaluation's results folder (None: the newest one).

    `queries` bounds how many questions are judged: the listed ones first, then those that `seed` draws.
    """
    folder = results or _newest(shop)
    sheet = prepare(_candidates(shop, folder, queries, seed), seed)
    suffix = "html" if form == "page" else "csv"
    path = out or shop.directory.root / "reviews" / f"review-{sheet.id}.{suffix}"
    key = whole_files.write(_key_path(shop, sheet.id), sheet.key_json())
    text = as_page(sheet, shop.settings.shop.name) if form == "page" else sheet.as_csv()
    return Prepared(sheet.id, whole_files.write(path, text), key, len(sheet.rows))


def read_review(shop: Shop, path: Path, reviewer: str = "") -> list[Review]:
    """Reads a filled sheet into the store; a second time changes nothing. Raises SourceError for what does not fit."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"The judgements {str(path)!r} cannot be read ({error}); give UTF-8 CSV.") from error
    name = sheet_of(text, path.name)
    key_path = _key_path(shop, name)
    if not name.isalnum() or not key_path.is_file():
        raise SourceError(
            f"The sheet {name!r} of {path.name!r} was not prepared by this shop; name its shop by --shop."
        )
    sheet, key = read_key(key_path.read_text(encoding="utf-8"))
    reviews = read_judgements(text, path.name, sheet, key, datetime.now(UTC), reviewer)
    known = {review.id: review for review in shop.reviews.all()}
    new = [one for one in reviews if one.id not in known or _said(known[one.id]) != _said(one)]
    shop.reviews.add(new)
    return reviews


def agreement_text(shop: Shop) -> str:
    """What the reviews in the store say, as Markdown for a report; empty where there are none."""
    from endcloud.scoring.markdown import table

    reviews = shop.reviews.all()
    if not reviews:
        return ""
    grades: dict[str, list[int]] = {}
    for review in reviews:
        for version in review.version.split():
            grades.setdefault(version, []).append(review.grade)
    names = {version.digest: shop.version_name(version.digest) for version in shop.versions.all()}
    rows = [
        [names.get(version, version), str(len(given)), f"{sum(given) / len(given):.2f}"]
        for version, given in sorted(grades.items())
    ]
    people = len({review.reviewer for review in reviews})
    judgements = "1 judgement" if len(reviews) == 1 else f"{len(reviews):,} judgements"
    text = f"{judgements} by {people} reviewer{'' if people == 1 else 's'}, given blind.\n\n"
    text += table(["version", "judgements", "mean grade (1 to 5)"], rows)
    pairs = between_reviewers(reviews)
    if pairs:
        figures = [
            [f"{p.first}, {p.second}", str(p.rows), f"{p.equal:.2f}", "–" if p.kappa is None else f"{p.kappa:.2f}"]
            for p in pairs
        ]
        text += "\n\nBetween reviewers:\n\n" + table(["reviewers", "rows", "same grade", "weighted κ"], figures)
    return text + _with_the_score(shop, reviews)


def _with_the_score(shop: Shop, reviews: Sequence[Review]) -> str:
    """Spearman, Cohen's κ and AUC of the automatic score at the shop's own settings, with what they cannot tell."""
    from endcloud.scoring.calibration import calibrate, limits
    from endcloud.scoring.calibration_fit import Values, judged_replies
    from endcloud.scoring.kept_scores import keeping
    from endcloud.scoring.markdown import table

    settings = shop.settings.scoring
    scorer = keeping(shop.scorer, shop.directory.work / "scores")
    keys = list(dict.fromkeys((one.query, one.reply, one.cloud) for one in reviews))
    scores = scorer.score_all([key[0] for key in keys], [key[1] for key in keys], [key[2] for key in keys])
    judged = judged_replies(reviews, dict(zip(keys, scores, strict=True)))
    head = "\n\nOf people with the automatic score"
    try:
        found = calibrate(
            judged, Values(settings.alpha, settings.threshold, settings.poor), shop.progress, resamples=200
        )
    except UsageError as error:
        return f"{head}: not known. {error}"
    measures = [[name, one.text() if one else "–"] for name, one in found.present.measures().items()]
    notes = "".join(f"\n- {sentence}" for sentence in limits(judged))
    return f"{head}:\n\n{table(['measure', 'agreement'], measures)}" + (f"\n\nNote:\n{notes}" if notes else "")


def _said(review: Review) -> tuple[int, str]:
    return review.grade, review.note


def _key_path(shop: Shop, sheet: str) -> Path:
    return shop.directory.work / "review-keys" / f"{sheet}.json"


def _newest(shop: Shop) -> Path:
    found = sorted(shop.directory.results.glob("*/results.json"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise UsageError("There is no evaluation to review yet; run `endcloud evaluate` first.")
    return found[-1].parent


def _candidates(shop: Shop, folder: Path, queries: int, seed: int) -> list[Candidate]:
    """The greedy replies of an evaluation; the listed queries are always among those drawn."""
    import random

    from endcloud.scoring.evaluation import GREEDY, LISTED

    try:
        values = json.loads((folder / "results.json").read_text(encoding="utf-8"))
        items = {item["id"]: item for item in values["items"]}
        results = [row for row in values["results"] if row["decoding"] == GREEDY and row["reply"] is not None]
        digests = {name: values.get("digests", {}).get(name, name) for name in values["versions"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SourceError(f"{str(folder)!r} holds no evaluation ({error}); run `endcloud evaluate`.") from error
    others = sorted(name for name, item in items.items() if item["part"] != LISTED)
    random.Random(seed).shuffle(others)
    chosen = ([name for name, item in items.items() if item["part"] == LISTED] + others)[:queries]
    recorded = shop.examples("test") if shop.directory.corpus.is_dir() else []
    context = {example.id: example.messages for example in recorded}
    return [
        Candidate(
            context.get(row["item"], (Message("user", items[row["item"]]["query"]),)),
            row["reply"],
            digests[row["version"]].replace(" ", "_"),
            items[row["item"]]["cloud"],
        )
        for row in results
        if row["item"] in set(chosen)
    ]

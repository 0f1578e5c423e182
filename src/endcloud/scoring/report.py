"""One results folder for an evaluation: tables to read, rows to compute with, pictures to show.

`report.md` holds the tables (`scoring.tables`), `results.csv` has a row for each reply, `results.json` everything.
Every file is written whole; the report last, since it points to the others.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from endcloud import whole_files
from endcloud.scoring import charts, curves
from endcloud.scoring.curves import Convergence, CurvePoint
from endcloud.scoring.evaluation import FINAL, Evaluation
from endcloud.scoring.pictures import Picture
from endcloud.scoring.quality import Quality
from endcloud.scoring.tables import NOT_CHARTED, as_markdown, charted, shown_items


@dataclass(frozen=True, slots=True)
class Written:
    """What `write` left in the results folder."""

    directory: Path
    report: Path
    files: tuple[Path, ...]


def write(
    evaluation: Evaluation,
    directory: Path,
    *,
    title: str = "Evaluation",
    qualities: Sequence[Quality] = (),
    learning: Mapping[str, Sequence[CurvePoint]] | None = None,
    training: Mapping[str, Convergence] | None = None,
    score_label: str = "score",
    notes: Sequence[str] = (),
    digests: Mapping[str, str] | None = None,
) -> Written:
    """Writes tables and pictures of an evaluation into `directory`.

    `qualities` are the scorers' own AUC where the truth is known, `learning` the learning curve by method,
    `training` the course of each training (`score_label` names its score); `notes` are sentences to add;
    `digests` name the versions behind the tables' names.
    """
    pictures = _pictures(evaluation, directory, learning, training, score_label)
    files = [path for picture in pictures for path in picture.files]
    # Excel reads UTF-8 only behind a byte-order mark.
    files.append(whole_files.write(directory / "results.csv", "\ufeff" + as_csv(evaluation)))
    values = as_json(evaluation, qualities, learning, training) | {"digests": dict(digests or {})}
    files.append(whole_files.write(directory / "results.json", json.dumps(values, ensure_ascii=False, indent=1) + "\n"))
    report = whole_files.write(
        directory / "report.md",
        as_markdown(evaluation, title=title, qualities=qualities, pictures=pictures, notes=notes),
    )
    return Written(directory, report, (*files, report))


def as_csv(evaluation: Evaluation) -> str:
    """A row for each reply of each version, with every part of its score."""
    extra = [name for name in evaluation.measures if name not in (FINAL, *NOT_CHARTED)]
    buffer = io.StringIO()
    rows = csv.writer(buffer, lineterminator="\n")
    rows.writerow([
        *("part", "id", "dialogue", "query", "recorded", "cloud", "version", "decoding", "reply"),
        *("similarity", "relevance", "cloud relevance", FINAL, "rule"),
        *extra,
    ])  # fmt: skip
    for result in evaluation.results:
        item, score = result.item, result.score
        rows.writerow([
            *(item.part, item.id, item.dialogue, item.query, item.recorded, item.cloud),
            *(result.version, result.decoding, result.reply),
            *(score.similarity, score.relevance, score.cloud_relevance, result.final, result.rule),
            *(result.measures.get(name) for name in extra),
        ])  # fmt: skip
    return buffer.getvalue()


def as_json(
    evaluation: Evaluation,
    qualities: Sequence[Quality] = (),
    learning: Mapping[str, Sequence[CurvePoint]] | None = None,
    training: Mapping[str, Convergence] | None = None,
) -> dict[str, Any]:
    """The whole evaluation in plain values; each result names its item by id."""
    results = [
        {
            "item": result.item.id,
            "version": result.version,
            "decoding": result.decoding,
            "reply": result.reply,
            "similarity": result.score.similarity,
            "relevance": result.score.relevance,
            "cloud_relevance": result.score.cloud_relevance,
            "final_score": result.final,
            "rule": result.rule,
            "measures": dict(result.measures),
        }
        for result in evaluation.results
    ]
    return {
        "alpha": evaluation.alpha,
        "threshold": evaluation.threshold,
        "scorers": list(evaluation.scorers),
        "scorer_quality": [asdict(quality) for quality in qualities],
        "versions": list(evaluation.versions),
        "base": evaluation.base,
        "summaries": [asdict(summary) for summary in evaluation.summaries],
        "differences": [asdict(difference) for difference in evaluation.differences],
        "learning_curve": {name: [asdict(point) for point in points] for name, points in (learning or {}).items()},
        "convergence": {name: asdict(curve) for name, curve in (training or {}).items()},
        "items": [asdict(item) for item in evaluation.items],
        "results": results,
    }


def _pictures(
    evaluation: Evaluation,
    directory: Path,
    learning: Mapping[str, Sequence[CurvePoint]] | None,
    training: Mapping[str, Convergence] | None,
    score_label: str,
) -> list[Picture]:
    base, versions = evaluation.base, evaluation.versions
    shown = shown_items(evaluation)
    finals = {v: [r.final for r in evaluation.of(shown[0].part, v)[: len(shown)]] for v in versions} if shown else {}
    found = [charts.radar([item.query for item in shown], finals, directory, base=base)]
    measures = charted(evaluation)
    if measures:
        found.append(charts.bars(measures, directory, base=base))
    if learning:
        found.append(curves.learning_curve(learning, directory, base=base, versions=versions))
    if training:
        found.append(curves.convergence(training, directory, base=base, versions=versions, score_label=score_label))
    return [picture for picture in found if picture]

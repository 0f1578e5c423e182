"""The report of an evaluation as Markdown, section by section.

The paper's two tables (replies side by side, score by query and version) stand beside what the paper lacks: means
over the whole split with intervals, paired differences, which rule of Equation 1 applied how often, and how good the
scorers themselves are.
"""

from __future__ import annotations

from collections.abc import Sequence

from endcloud.bootstrap import Interval
from endcloud.scoring.evaluation import FINAL, GREEDY, LISTED, OVERLAPS, SAMPLED, WHOLE_SPLIT, Evaluation, Item
from endcloud.scoring.markdown import picture, table
from endcloud.scoring.overlap import signatures
from endcloud.scoring.pictures import Picture
from endcloud.scoring.quality import POOR, Quality
from endcloud.types import Rule

MOST_SHOWN = 12
NOT_CHARTED = ("similarity", "relevance")


def as_markdown(
    evaluation: Evaluation,
    *,
    title: str = "Evaluation",
    qualities: Sequence[Quality] = (),
    pictures: Sequence[Picture] = (),
    notes: Sequence[str] = (),
) -> str:
    """The report."""
    sections = [f"# {title}", _opening(evaluation)]
    sections += [_at_a_glance(evaluation)]
    sections += [_summary(evaluation, part) for part in by_size(evaluation)]
    sections += [_score_by_query(evaluation), _replies_side_by_side(evaluation), _differences(evaluation)]
    sections += [_rules(evaluation), _scorers(evaluation, qualities)]
    sections += [picture(one) for one in pictures]
    sections.append("## Notes\n\n" + "\n".join(f"- {note}" for note in (*notes, *_honest(evaluation))))
    return "\n\n".join(section for section in sections if section) + "\n"


def summary_rows(
    evaluation: Evaluation, part: str = WHOLE_SPLIT, decoding: str = GREEDY
) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the table of means on one part: a row a version, a column a measure that is known."""
    measures = [
        m for m in evaluation.measures if any(_mean(evaluation, v, m, part, decoding) for v in evaluation.versions)
    ]
    rows = []
    for version in evaluation.versions:
        cells = [_mean(evaluation, version, measure, part, decoding) for measure in measures]
        rows.append([version, *(cell.text() if cell else "–" for cell in cells)])
    return ["version", *measures], rows


def charted(evaluation: Evaluation) -> dict[str, dict[str, Interval]]:
    """Panels of the bar chart: the final score and the caller's measures on each part, overlaps on the split."""
    panels: dict[str, dict[str, Interval]] = {}
    for part in (p for p in by_size(evaluation) if p != LISTED):
        for measure in evaluation.measures:
            if measure in NOT_CHARTED or (measure in OVERLAPS and part != WHOLE_SPLIT):
                continue
            found = {v: evaluation.mean(v, measure, part=part) for v in evaluation.versions}
            known = {version: interval for version, interval in found.items() if interval}
            if known:
                panels[measure if part == WHOLE_SPLIT else f"{measure}, {part}"] = known
    return dict(sorted(panels.items(), key=lambda panel: panel[0] in OVERLAPS))


def by_size(evaluation: Evaluation) -> list[str]:
    """The parts, the whole split first and the list of queries last."""
    return sorted(evaluation.parts, key=lambda part: (part == LISTED) - (part == WHOLE_SPLIT))


def shown_items(evaluation: Evaluation) -> list[Item]:
    """The items shown one by one: the listed queries, or the first of the first part where none are listed."""
    if not evaluation.items:
        return []
    part = LISTED if LISTED in evaluation.parts else by_size(evaluation)[0]
    return [item for item in evaluation.items if item.part == part][:MOST_SHOWN]


def _opening(evaluation: Evaluation) -> str:
    return (
        f"Final score = {evaluation.alpha:g} · similarity + {1 - evaluation.alpha:g} · relevance; where the cloud "
        f"reply's own relevance is below Θ = {evaluation.threshold:g}, the similarity alone (Equation 1). "
        f"Measured by {' and '.join(f'`{scorer}`' for scorer in evaluation.scorers)}. "
        "Brackets are 95 % bootstrap intervals over dialogues; all measures lie in [0, 1]."
    )


def _at_a_glance(evaluation: Evaluation) -> str:
    columns = {name: panel for name, panel in charted(evaluation).items() if name not in OVERLAPS}
    rows = []
    for version in evaluation.versions:
        cells = [panel.get(version) for panel in columns.values()]
        rows.append([version, *(cell.text(2) if cell else "–" for cell in cells)])
    return "## At a glance\n\nGreedy replies.\n\n" + table(["version", *columns], rows) if columns else ""


def _summary(evaluation: Evaluation, part: str) -> str:
    items = sum(item.part == part for item in evaluation.items)
    text = f"## Means: {part} ({items} queries)\n\nGreedy replies:\n\n{table(*summary_rows(evaluation, part))}"
    seeds = [name for name in evaluation.decodings if name not in (GREEDY, SAMPLED)]
    if seeds:
        text += f"\n\nSampled replies (mean of {len(seeds)} seeds for each query):\n\n"
        text += table(*summary_rows(evaluation, part, SAMPLED))
        rows = []
        for version in evaluation.versions:
            means = [_mean(evaluation, version, FINAL, part, seed) for seed in seeds]
            rows.append([version, *(f"{mean.mean:.3f}" if mean else "–" for mean in means)])
        text += f"\n\nFinal score by seed:\n\n{table(['version', *seeds], rows)}"
    missing = _missing(evaluation, part)
    return text + (f"\n\n{missing}" if missing else "")


def _missing(evaluation: Evaluation, part: str) -> str:
    counts = {
        version: sum(result.final is None for result in evaluation.of(part, version)) for version in evaluation.versions
    }
    if not any(counts.values()):
        return ""
    listed = ", ".join(f"{version} {count}" for version, count in counts.items() if count)
    return f"Without a final score and left out of its mean, never counted as 0: {listed}."


def _score_by_query(evaluation: Evaluation) -> str:
    shown = shown_items(evaluation)
    if not shown:
        return ""
    rows = []
    for place, item in enumerate(shown):
        found = [evaluation.of(item.part, version)[place].final for version in evaluation.versions]
        rows.append([f"Q{place + 1}", item.query, *("–" if value is None else f"{value:.3f}" for value in found)])
    for part in by_size(evaluation):
        means = [_mean(evaluation, version, FINAL, part, GREEDY) for version in evaluation.versions]
        rows.append(["", f"mean of {part}", *(mean.text() if mean else "–" for mean in means)])
    return "## Score by query and version (Table VI)\n\n" + table(["", "query", *evaluation.versions], rows)


def _replies_side_by_side(evaluation: Evaluation) -> str:
    shown = shown_items(evaluation)
    if not shown:
        return ""
    rows = []
    for place, item in enumerate(shown):
        replies = [evaluation.of(item.part, version)[place].reply for version in evaluation.versions]
        rows.append(
            [f"Q{place + 1}", item.query, *(text if text is not None else "–" for text in (item.cloud, *replies))]
        )
    head = ["", "query", "cloud", *evaluation.versions]
    if any(item.recorded for item in shown):
        head.insert(2, "recorded")
        for row, item in zip(rows, shown, strict=True):
            row.insert(2, item.recorded or "–")
    return "## Replies side by side (Table V)\n\n" + table(head, rows)


def _differences(evaluation: Evaluation) -> str:
    """A row a part and pair, a column a measure; bold where the interval excludes 0. The rest is in the JSON."""
    chosen = [name for name in evaluation.measures if name not in (*NOT_CHARTED, *OVERLAPS)]
    found = {
        (d.part, f"{d.first} − {d.second}", d.measure): d.interval
        for d in evaluation.differences
        if d.decoding == GREEDY and d.part != LISTED
    }
    rows = []
    for part, pair in dict.fromkeys((part, pair) for part, pair, _ in found):
        cells = [found.get((part, pair, measure)) for measure in chosen]
        rows.append(
            [part, pair, *(cell.text() + (" ≠ 0" if cell.excludes_zero else "") if cell else "–" for cell in cells)]
        )
    if not rows:
        return ""
    text = "Greedy replies, item by item; *≠ 0* where the interval excludes 0."
    return f"## Paired differences\n\n{text}\n\n" + table(["part", "difference", *chosen], rows)


def _rules(evaluation: Evaluation) -> str:
    names: tuple[Rule, ...] = ("weighted", "similarity only", "incomplete")
    rows = []
    for part in by_size(evaluation):
        for version in evaluation.versions:
            counts = evaluation.rules(part, version)
            rows.append([part, version, *(str(counts.get(name, 0)) for name in names)])
    text = "Greedy replies. *Similarity only* is the branch below Θ; *incomplete* lacks a reply or a score."
    return f"## Which rule applied\n\n{text}\n\n" + table(["part", "version", *names], rows)


def _scorers(evaluation: Evaluation, qualities: Sequence[Quality]) -> str:
    text = "## Scorers\n\n" + "\n".join(f"- `{scorer}`" for scorer in evaluation.scorers)
    if not qualities:
        return text
    kinds = list(dict.fromkeys(kind for quality in qualities for kind in quality.by_kind))
    rows = [
        [
            quality.scorer,
            _auc(quality.overall),
            *(_auc(quality.by_kind.get(kind)) for kind in kinds),
            f"{quality.right} / {quality.wrong}",
        ]
        for quality in qualities
    ]
    head = ["scorer", "overall", *kinds, "right / wrong"]
    text += "\n\nAUC against the truth, overall and against each kind of wrong reply (0.5 is a coin):\n\n"
    text += table(head, rows)
    poor = [
        f"{q.scorer} on {kind} ({value:.2f})" for q in qualities for kind, value in q.by_kind.items() if _poor(value)
    ]
    return text + (f"\n\nPoor, so do not rely on it there: {'; '.join(poor)}." if poor else "")


def _poor(value: float | None) -> bool:
    return value is not None and value < POOR


def _auc(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _honest(evaluation: Evaluation) -> list[str]:
    bleu, chrf = signatures()
    notes = [
        "The final score rewards likeness to the cloud's replies: it says nothing of whether the cloud was right.",
        "Every measure and version of a part shares the same resamples; the intervals are not corrected for the number "
        "of comparisons, and a share of exactly 0 or 1 has an interval of no width that should not be believed.",
        f"BLEU-4, ROUGE-L and chrF compare with the recorded human reply, sentence by sentence (`{bleu}`, `{chrf}`).",
    ]
    if any("stand-in" in scorer for scorer in evaluation.scorers):
        notes.insert(
            0,
            "The scorers are stand-ins trained on this shop's own dialogues: their scores cannot be compared with the "
            "paper's, nor with another shop's. They compare stated facts by rule, so they see a wrong number better "
            "than a pretrained sentence encoder would, and a wrong word less well.",
        )
    return notes


def _mean(evaluation: Evaluation, version: str, measure: str, part: str, decoding: str) -> Interval | None:
    return evaluation.mean(version, measure, part=part, decoding=decoding)

"""The experiment's report: the paper's tables and figures in its order, each with what the paper lacks beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from endcloud.bootstrap import Interval
from endcloud.experiments.paper_plan import Query
from endcloud.experiments.printed import Printed
from endcloud.experiments.reading import claims, order_agreement, verdicts
from endcloud.scoring.evaluation import FINAL, GREEDY, LISTED, SAMPLED, WHOLE_SPLIT, Evaluation
from endcloud.scoring.markdown import picture, table
from endcloud.scoring.pictures import Picture

PAPER = "the paper's: "
_OURS = "ours, not a rendering"


@dataclass(frozen=True, slots=True)
class CloudRun:
    """The cloud asked in one way: its replies to the six queries, and its share of right ones where truth is known."""

    name: str
    replies: tuple[str | None, ...]
    right: Interval | None = None
    relevance: float | None = None


@dataclass(frozen=True, slots=True)
class PaperRun:
    """All that the experiment found. `names` by method and the paper's steps; `data` by kind of data.

    `test_examples` is how many the whole test split has; with a limit the evaluation holds fewer. `seconds` are those
    of the run that wrote the report, which may have found most of it made.
    """

    queries: tuple[Query, ...]
    printed: Printed
    cloud: tuple[CloudRun, ...]
    evaluation: Evaluation
    names: Mapping[tuple[str, int], str]
    data: Mapping[str, str]
    pictures: Sequence[Picture]
    about: Sequence[str]
    seconds: Mapping[str, float]
    test_examples: int
    reviews: str = ""

    @property
    def versions(self) -> list[str]:
        """The columns of Tables V and VI."""
        return ["base", *self.names.values()]

    @property
    def split(self) -> str:
        """What of the test split was judged, as the tables call it."""
        judged = sum(item.part == WHOLE_SPLIT for item in self.evaluation.items)
        whole = judged == self.test_examples
        return f"whole test split ({judged:,})" if whole else f"{judged:,} of {self.test_examples:,} test examples"

    def paper_name(self, version: str) -> str:
        """What the paper calls a version of ours."""
        return {name: f"{method} {steps}" for (method, steps), name in self.names.items()}.get(version, version)


def as_markdown(run: PaperRun) -> str:
    """The whole report."""
    by_name = {shown.name: shown for shown in run.pictures}
    parts = [
        "# The paper's experiment",
        "\n".join(f"- {sentence}" for sentence in (*run.about, _judged_on(run))),
        _queries(run),
        _cloud(run),
        _replies(run),
        _scores(run),
        _means(run),
        _data(run),
        "## Reading\n\n" + _reading(run),
        _picture(by_name, "dialogue", "Figure 2"),
        _picture(by_name, "radar-five", "Figure 3, the five inputs"),
        _picture(by_name, "radar", "Figure 3, all six"),
        _picture(by_name, "convergence", "Score and loss against steps"),
        _picture(by_name, "bars", "Means"),
        "## Human review\n\n" + run.reviews if run.reviews else "",
        _seconds(run),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _judged_on(run: PaperRun) -> str:
    """How much stands behind the figures: items and the dialogues they come from."""
    items = [item for item in run.evaluation.items if item.part == WHOLE_SPLIT]
    dialogues = len({item.dialogue or item.id for item in items})
    others = [part for part in run.evaluation.parts if part not in (WHOLE_SPLIT, LISTED)]
    numbers = [f"{sum(item.part == part for item in run.evaluation.items)} {part}" for part in others]
    limited = (
        f"Judged on {run.split}, limited by `--limit {len(items)}`"
        if len(items) < run.test_examples
        else (f"Judged on the {run.split}")
    )
    return f"{limited}, from {dialogues} dialogues, and on {' and '.join(['the six queries', *numbers])}."


def _seconds(run: PaperRun) -> str:
    stages = ", ".join(f"{stage} {seconds:.0f}" for stage, seconds in run.seconds.items())
    return (
        f"## Seconds of this run\n\n{stages}.\n\nWhat earlier runs had kept (base, labels, versions, replies, "
        "scores) was not made again, so these add up to the experiment's duration only where it ran in one go."
    )


def _queries(run: PaperRun) -> str:
    head = ["", "sent", "in English (ours)", *(["the paper's English"] if run.printed.english else [])]
    rows = [
        [f"Q{place}", _sent(query), query.english or "–", *run.printed.english[place - 1 : place]]
        for place, query in enumerate(run.queries, 1)
    ]
    text = "## The six queries\n\n" + table(head, rows)
    if not all(query.rendering for query in run.queries):
        text += (
            f"\n\n{_OURS}: a question of ours, of the same kind, and no rendering of the paper's English beside it. Do "
            "not compare this row with the paper's."
        )
    return text


def _sent(query: Query) -> str:
    return query.chinese if query.rendering else f"{query.chinese} ({_OURS})"


def _cloud(run: PaperRun) -> str:
    """Table III."""
    head = ["", "query", *(one.name for one in run.cloud)]
    extra = [("before", run.printed.before), ("after", run.printed.after)]
    shown = [(name, column) for name, column in extra if any(column)]
    rows = []
    for place, query in enumerate(run.queries):
        cells = [one.replies[place] or "–" for one in run.cloud]
        rows.append([f"Q{place + 1}", _sent(query), *cells, *(column[place] or "–" for _, column in shown)])
    text = "## Table III: the cloud before and after the prompt\n\n"
    text += table([*head, *(PAPER + name for name, _ in shown)], rows)
    figures = [[one.name, _interval(one.right), _number(one.relevance)] for one in run.cloud]
    measures = ["the cloud is asked", "right, held-out questions of both kinds", "mean relevance, six queries"]
    return f"{text}\n\n{table(measures, figures)}"


def _replies(run: PaperRun) -> str:
    """Table V."""
    evaluation = run.evaluation
    columns = {version: evaluation.of(LISTED, version) for version in run.versions}
    rows = []
    for place, item in enumerate(item for item in evaluation.items if item.part == LISTED):
        said = [columns[version][place].reply or "–" for version in run.versions]
        rows.append([f"Q{place + 1}", item.query, item.cloud or "–", *said])
    return "## Table V: replies\n\nGreedy.\n\n" + table(["", "query", "cloud", *run.versions], rows)


def _scores(run: PaperRun) -> str:
    """Table VI: sampled as the paper does, and greedy."""
    seeds = [name for name in run.evaluation.decodings if name not in (GREEDY, SAMPLED)]
    text = "## Table VI: final score by query\n\n"
    if seeds:
        sampled = "One sampled reply" if len(seeds) == 1 else f"Mean of {len(seeds)} sampled replies"
        text += f"{sampled} (temperature 0.6, top-p 0.8) to each query:\n\n"
        text += _score_table(run, seeds) + "\n\n"
    text += "Greedy:\n\n" + _score_table(run, [GREEDY])
    if not run.printed.scores:
        text += (
            "\n\nThe paper's own numbers are not part of this project and could not be looked up where it was made; "
            "whoever holds the paper adds them in columns of their own with `--printed FILE`."
        )
    return text


def _score_table(run: PaperRun, decodings: Sequence[str]) -> str:
    printed = {PAPER + name: scores for name, scores in run.printed.scores.items()}
    ours = {version: _by_query(run.evaluation, version, decodings) for version in run.versions}
    rows = [
        [
            f"Q{place + 1}",
            _sent(query),
            *(_number(values[place]) for values in ours.values()),
            *(_number(values[place]) for values in printed.values()),
        ]
        for place, query in enumerate(run.queries)
    ]
    means = [_number(_mean(values)) for values in (*ours.values(), *printed.values())]
    rows.append(["", "mean of the six", *means])
    decoding = SAMPLED if decodings != [GREEDY] else GREEDY
    split = [_interval(run.evaluation.mean(version, FINAL, decoding=decoding)) for version in ours]
    rows.append(["", run.split, *split, *("" for _ in printed)])
    return table(["", "query", *ours, *printed], rows)


def _by_query(evaluation: Evaluation, version: str, decodings: Sequence[str]) -> list[float | None]:
    runs = [[result.final for result in evaluation.of(LISTED, version, decoding)] for decoding in decodings]
    return [_mean(values) for values in zip(*runs, strict=True)]


def _means(run: PaperRun) -> str:
    """What the paper lacks: every part, every measure, greedy and sampled."""
    evaluation = run.evaluation
    parts = [part for part in evaluation.parts if part != LISTED]
    columns = [(part, measure) for part in parts for measure in _measures(run, part)]
    text = "## Beyond six queries\n\n95 % bootstrap intervals over dialogues."
    for decoding in [decoding for decoding in (GREEDY, SAMPLED) if decoding in evaluation.decodings]:
        rows = []
        for version in evaluation.versions:
            found = [evaluation.mean(version, measure, part=part, decoding=decoding) for part, measure in columns]
            rows.append([version, *map(_interval, found)])
        head = ["version", *(f"{measure}, {part}" for part, measure in columns)]
        text += f"\n\n{decoding.capitalize()}:\n\n{table(head, rows)}"
    seeds = [name for name in evaluation.decodings if name not in (GREEDY, SAMPLED)]
    if seeds:
        rows = [
            [version, *(_interval(evaluation.mean(version, FINAL, decoding=seed)) for seed in seeds)]
            for version in evaluation.versions
        ]
        text += f"\n\nFinal score on the test split by seed:\n\n{table(['version', *seeds], rows)}"
    return text


def _measures(run: PaperRun, part: str) -> list[str]:
    """The final score everywhere, and the caller's own measures where they say something."""
    known = ("similarity", "relevance", "BLEU-4", "ROUGE-L", "chrF")
    names = [name for name in run.evaluation.measures if name not in known]
    return [name for name in names if run.evaluation.mean("base", name, part=part)]


def _data(run: PaperRun) -> str:
    """Natural against cloud against both."""
    parts = [part for part in run.evaluation.parts if part != LISTED]
    columns = [(part, measure) for part in parts for measure in _measures(run, part)]
    rows = []
    for kind, version in run.data.items():
        found = [run.evaluation.mean(version, measure, part=part) for part, measure in columns]
        rows.append([kind, version, *map(_interval, found)])
    head = ["learned from", "version", *(f"{measure}, {part}" for part, measure in columns)]
    return "## Natural, cloud, or both kinds of data\n\nGreedy; the same method, steps and seed.\n\n" + table(
        head, rows
    )


def _reading(run: PaperRun) -> str:
    decoding = "the mean over seeds" if SAMPLED in run.evaluation.decodings else "greedy replies"
    text = f"Paired differences of the final score, {run.split}, {decoding}:\n\n"
    text += table(["statement", "difference", "verdict"], verdicts(run.evaluation, claims(run.names, run.data)))
    ours = {run.paper_name(version): _mean(_by_query(run.evaluation, version, [GREEDY])) for version in run.versions}
    printed = {name: sum(scores) / len(scores) for name, scores in run.printed.scores.items()}
    agreement = order_agreement({name: value for name, value in ours.items() if value is not None}, printed)
    return text + (f"\n\n{agreement}" if agreement else "")


def _picture(pictures: Mapping[str, Picture], name: str, figure: str) -> str:
    if name not in pictures:
        return ""
    return picture(pictures[name]).replace("## ", f"## {figure}: ", 1)


def _interval(found: Interval | None) -> str:
    return found.text() if found else "–"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None

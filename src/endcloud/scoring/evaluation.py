"""What each version's replies are worth: every reply scored, then means with intervals and paired differences.

Nothing is thrown away: an `Evaluation` holds each reply with the parts of its score, the rule of Equation 1
that applied and every measure, and the summaries follow from them. A reply or score that is missing is counted
and left out of the mean; it is never a 0. Parts (the test split, a list of queries, a held-out kind) are
summarised each by itself and never mixed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from endcloud.bootstrap import Interval, Resamples
from endcloud.protocols import Progress
from endcloud.scoring.dual import DualScorer
from endcloud.scoring.overlap import overlap
from endcloud.types import Rule, Score

FINAL = "final score"
OVERLAPS = ("BLEU-4", "ROUGE-L", "chrF")
GREEDY = "greedy"
SAMPLED = "sampled"
WHOLE_SPLIT = "test split"
LISTED = "six queries"
"""The part that the tables show query by query, as the paper's Table VI does."""


@dataclass(frozen=True, slots=True)
class Item:
    """One query to be judged on. `recorded` is the human's reply, `cloud` the teacher's; None where there is none.

    `part` names the set it belongs to; items of one `dialogue` are drawn together by the bootstrap.
    """

    id: str
    query: str
    recorded: str | None = None
    cloud: str | None = None
    part: str = WHOLE_SPLIT
    dialogue: str = ""


@dataclass(frozen=True, slots=True)
class Replies:
    """One version's replies, in item order: greedy, and for each seed of sampling. None: it gave none."""

    greedy: Sequence[str | None]
    sampled: Mapping[int, Sequence[str | None]] = field(default_factory=dict)

    def by_decoding(self) -> dict[str, Sequence[str | None]]:
        """The runs by name: `greedy`, `seed 1`, `seed 2`, …"""
        return {GREEDY: self.greedy} | {f"seed {seed}": replies for seed, replies in self.sampled.items()}


Measure = Callable[[Item, str], float | None]
"""A caller's own column: judges one reply to one item (right or not, style); None where it cannot."""


@dataclass(frozen=True, slots=True)
class Result:
    """One reply of one version to one item, and all that was measured about it."""

    item: Item
    version: str
    decoding: str
    reply: str | None
    score: Score
    final: float | None
    rule: Rule
    measures: Mapping[str, float | None]

    def value(self, measure: str) -> float | None:
        """The measure by its name, the final score and its parts among them."""
        known = {
            FINAL: self.final,
            "similarity": self.score.similarity,
            "relevance": self.score.relevance,
        }
        return known[measure] if measure in known else self.measures.get(measure)


@dataclass(frozen=True, slots=True)
class Summary:
    """The mean of a measure for a version on a part; `sampled` means the mean over seeds, item by item."""

    part: str
    version: str
    decoding: str
    measure: str
    interval: Interval


@dataclass(frozen=True, slots=True)
class Difference:
    """`first` − `second`, paired by item."""

    part: str
    first: str
    second: str
    decoding: str
    measure: str
    interval: Interval


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All results and what follows from them. `versions` are in the order given, the base first."""

    items: tuple[Item, ...]
    versions: tuple[str, ...]
    base: str
    alpha: float
    threshold: float
    scorers: tuple[str, ...]
    measures: tuple[str, ...]
    results: tuple[Result, ...]
    summaries: tuple[Summary, ...]
    differences: tuple[Difference, ...]

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts in the order in which the items name them."""
        return tuple(dict.fromkeys(item.part for item in self.items))

    @property
    def decodings(self) -> tuple[str, ...]:
        """What was summarised: `greedy`, then `sampled` and each seed where there was sampling."""
        return tuple(dict.fromkeys(summary.decoding for summary in self.summaries))

    def mean(
        self, version: str, measure: str = FINAL, *, part: str = WHOLE_SPLIT, decoding: str = GREEDY
    ) -> Interval | None:
        """One summary; None where nothing was known."""
        wanted = (part, version, decoding, measure)
        found = (s.interval for s in self.summaries if (s.part, s.version, s.decoding, s.measure) == wanted)
        return next(found, None)

    def of(self, part: str, version: str, decoding: str = GREEDY) -> list[Result]:
        """One version's results on a part, in item order."""
        return [r for r in self.results if (r.item.part, r.version, r.decoding) == (part, version, decoding)]

    def rules(self, part: str, version: str, decoding: str = GREEDY) -> dict[Rule, int]:
        """How often each branch of Equation 1 applied."""
        return dict(Counter(result.rule for result in self.of(part, version, decoding)))


def evaluate(
    items: Sequence[Item],
    replies: Mapping[str, Replies],
    scorer: DualScorer,
    *,
    base: str = "base",
    measures: Mapping[str, Measure] | None = None,
    resamples: int = 2000,
    seed: int = 0,
    progress: Progress | None = None,
) -> Evaluation:
    """Scores every reply of every version and summarises.

    `replies` maps a version's name to its replies, in the order in which the tables show the versions.
    `measures` are the caller's own columns, applied to each reply that exists.

    Raises:
        ValueError: a version has another number of replies than there are items, or item ids recur.
    """
    _check(items, replies)
    extra = dict(measures or {})
    results = tuple(_results(items, replies, scorer, extra, progress))
    names = (FINAL, "similarity", "relevance", *(OVERLAPS if any(i.recorded for i in items) else ()), *extra)
    summaries, differences = _summarise(items, list(replies), base, names, results, resamples, seed)
    return Evaluation(
        items=tuple(items),
        versions=tuple(replies),
        base=base,
        alpha=scorer.alpha,
        threshold=scorer.threshold,
        scorers=scorer.scorers,
        measures=names,
        results=results,
        summaries=tuple(summaries),
        differences=tuple(differences),
    )


def _check(items: Sequence[Item], replies: Mapping[str, Replies]) -> None:
    if len({item.id for item in items}) != len(items):
        raise ValueError("The items to evaluate have ids that recur.")
    for version, given in replies.items():
        for decoding, texts in given.by_decoding().items():
            if len(texts) != len(items):
                raise ValueError(f"{version!r} ({decoding}) has {len(texts)} replies for {len(items)} items.")


def _results(
    items: Sequence[Item],
    replies: Mapping[str, Replies],
    scorer: DualScorer,
    measures: Mapping[str, Measure],
    progress: Progress | None,
) -> Iterator[Result]:
    rows = [
        (item, version, decoding, reply)
        for version, given in replies.items()
        for decoding, texts in given.by_decoding().items()
        for item, reply in zip(items, texts, strict=True)
    ]
    queries, said, cloud = [row[0].query for row in rows], [row[3] for row in rows], [row[0].cloud for row in rows]
    scores = scorer.score_all(queries, said, cloud, progress)
    for (item, version, decoding, reply), score in zip(rows, scores, strict=True):
        measured = _measured(item, reply, measures)
        yield Result(item, version, decoding, reply, score, scorer.final(score), scorer.rule(score), measured)


def _measured(item: Item, reply: str | None, measures: Mapping[str, Measure]) -> dict[str, float | None]:
    if reply is None:
        return dict.fromkeys((*OVERLAPS, *measures))
    own = {name: _number(measure(item, reply)) for name, measure in measures.items()}
    if not item.recorded:
        return dict.fromkeys(OVERLAPS) | own
    shared = overlap(reply, item.recorded)
    return dict(zip(OVERLAPS, (shared.bleu4, shared.rouge_l, shared.chrf), strict=True)) | own


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)


def _summarise(
    items: Sequence[Item],
    versions: Sequence[str],
    base: str,
    names: Sequence[str],
    results: Sequence[Result],
    resamples: int,
    seed: int,
) -> tuple[list[Summary], list[Difference]]:
    summaries: list[Summary] = []
    differences: list[Difference] = []
    for part in dict.fromkeys(item.part for item in items):
        chosen = [item for item in items if item.part == part]
        draws = Resamples([item.dialogue or item.id for item in chosen], resamples=resamples, seed=seed)
        table = _table([result for result in results if result.item.part == part], names)
        for (version, decoding, measure), values in table.items():
            if interval := draws.interval(values):
                summaries.append(Summary(part, version, decoding, measure, interval))
        for first, second in _compared(versions, base):
            for decoding in (GREEDY, SAMPLED):
                for measure in names:
                    pair = [table.get((version, decoding, measure)) for version in (first, second)]
                    if pair[0] is None or pair[1] is None:
                        continue
                    if interval := draws.difference(pair[0], pair[1]):
                        differences.append(Difference(part, first, second, decoding, measure, interval))
    return summaries, differences


def _compared(versions: Sequence[str], base: str) -> list[tuple[str, str]]:
    """Each version against the base, then each pair of the others, the later one first."""
    others = [version for version in versions if version != base]
    against = [(version, base) for version in others] if base in versions else []
    return against + [(later, earlier) for earlier, later in combinations(others, 2)]


def _table(results: Sequence[Result], names: Sequence[str]) -> dict[tuple[str, str, str], list[float | None]]:
    """(version, decoding, measure) → values in item order, with `sampled` as the mean over the seeds."""
    table: dict[tuple[str, str, str], list[float | None]] = {}
    for result in results:
        for name in names:
            table.setdefault((result.version, result.decoding, name), []).append(result.value(name))
    for version in dict.fromkeys(result.version for result in results):
        seeds = [d for v, d, name in table if v == version and d != GREEDY and name == FINAL]
        for name in names if seeds else ():
            columns = [table[version, decoding, name] for decoding in seeds]
            table[version, SAMPLED, name] = [_mean(values) for values in zip(*columns, strict=True)]
    return table


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None

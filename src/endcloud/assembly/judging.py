"""Evaluates versions of a shop: asks them, scores what they say, writes one results folder.

The whole test split is judged, and beside it the six queries of Table VI; a caller can add parts of its own with
measures of its own, as the demo does with the bundled shop's truth. Parts are never mixed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from endcloud.assembly.masking import uploads_nothing
from endcloud.assembly.training import some
from endcloud.errors import EndcloudError, SourceError, UsageError
from endcloud.scoring.evaluation import FINAL, LISTED, WHOLE_SPLIT, Evaluation, Item, Measure, Replies, evaluate
from endcloud.types import Example, Message, Sampling

if TYPE_CHECKING:
    from endcloud.assembly.kept_replies import KeptReplies
    from endcloud.assembly.shop import Shop
    from endcloud.bootstrap import Interval
    from endcloud.scoring.curves import Convergence, CurvePoint
    from endcloud.scoring.quality import Quality

_FEW_DIALOGUES = 10
PAPER_SAMPLING = Sampling(temperature=0.6, top_p=0.8)


@dataclass(frozen=True, slots=True)
class Asked:
    """An item with the conversation that the versions are asked."""

    item: Item
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """An evaluation, where its tables and pictures are, and the digest behind each version's name."""

    evaluation: Evaluation
    folder: Path
    digests: Mapping[str, str] = field(default_factory=dict)

    def final_scores(self) -> dict[str, Interval]:
        """The mean final score on the test split with its interval, by digest."""
        found = {name: self.evaluation.mean(name, FINAL) for name in self.evaluation.versions}
        return {self.digests[name]: interval for name, interval in found.items() if interval}

    def as_json(self) -> dict[str, Any]:
        """The figures of `--json`: by version name, each measure on each part as [mean, low, high]."""
        figures: dict[str, Any] = {}
        for summary in self.evaluation.summaries:
            where = figures.setdefault(summary.version, {}).setdefault(summary.part, {})
            name = summary.measure if summary.decoding == "greedy" else f"{summary.measure} ({summary.decoding})"
            where[name] = [summary.interval.mean, summary.interval.low, summary.interval.high]
        return {"results": str(self.folder), "scores": figures}


@dataclass(frozen=True, slots=True)
class Additions:
    """What a caller adds to an evaluation: parts and measures of its own, and what else the report shows."""

    asked: Sequence[Asked] = ()
    measures: Mapping[str, Measure] = field(default_factory=dict)
    qualities: Sequence[Quality] = ()
    learning: Mapping[str, Sequence[CurvePoint]] | None = None
    training: Mapping[str, Convergence] | None = None
    score_label: str = "score"
    notes: Sequence[str] = ()


def judge(
    shop: Shop,
    versions: Sequence[str] | Mapping[str, str] | None = None,
    *,
    queries: Path | Sequence[str] | None = None,
    seeds: int | None = None,
    limit: int | None = None,
    additions: Additions | None = None,
    folder: Path | None = None,
    keep: bool = False,
) -> Outcome:
    """Judges the base and `versions` (digests or beginnings, or digests by the names that the tables give them;
    None: the newest of each method).

    `seeds` is the number of sampled runs beside the greedy one; `limit` bounds the test items. With `keep`, replies
    and scores are kept in the shop's work directory and not made again: a judgement that was killed goes on.
    """
    from endcloud.assembly.kept_replies import KeptReplies
    from endcloud.assembly.scorers import check_scorers
    from endcloud.scoring import report
    from endcloud.scoring.kept_scores import keeping

    additions = additions or Additions()
    check_scorers(shop)
    chosen = _versions(shop, versions)
    asked = [*_test_split(shop, limit), *_queries(shop, queries), *additions.asked]
    runs = range(1, 1 + (shop.settings.scoring.seeds if seeds is None else seeds))
    kept = KeptReplies(shop.directory.work / "replies") if keep else None
    replies = {name: _replies(shop, digest, asked, runs, kept) for name, digest in chosen.items()}
    scorer = keeping(shop.scorer, shop.directory.work / "scores") if keep else shop.scorer
    evaluation = evaluate(
        [one.item for one in asked], replies, scorer, measures=additions.measures, progress=shop.progress
    )
    where = folder or shop.directory.results / datetime.now(UTC).strftime("evaluation-%Y%m%d-%H%M%S")
    report.write(
        evaluation,
        where,
        title=f"Evaluation of {shop.settings.shop.name}",
        qualities=additions.qualities,
        learning=additions.learning,
        training=additions.training,
        score_label=additions.score_label,
        notes=additions.notes,
        digests=chosen,
    )
    outcome = Outcome(evaluation, where, chosen)
    for digest, interval in outcome.final_scores().items():
        if digest != "base":
            shop.versions.measure(digest, {"final_score": interval.mean, "final_score_low": interval.low})
    return outcome


def _versions(shop: Shop, versions: Sequence[str] | Mapping[str, str] | None) -> dict[str, str]:
    """Name to digest, the base first."""
    if isinstance(versions, Mapping):
        return {"base": "base", **versions}
    if versions:
        found = [shop.versions.get(version) for version in versions]
    else:
        found = list({version.method: version for version in shop.versions.all()}.values())
    if not found:
        raise UsageError("There is no version to evaluate yet; run `endcloud train` first.")
    return {"base": "base"} | {shop.version_name(version.digest): version.digest for version in found}


def _test_split(shop: Shop, limit: int | None) -> list[Asked]:
    examples = some(shop.examples("test"), limit)
    if not examples:
        raise UsageError("The test split is empty; prepare more dialogues or raise corpus.test_share.")
    if (dialogues := len({example.dialogue for example in examples})) < _FEW_DIALOGUES:
        shop.progress.say(
            f"The test items come from {dialogues} dialogues only: the intervals are narrower than truth."
        )
    labels = shop.labels.of(example.id for example in examples)
    cloud = {name: label.text for name, label in labels.items() if not label.reason}
    if not cloud:
        why = uploads_nothing(shop) or "Run `endcloud teach` first."
        shop.progress.say(f"No test example has a label, so Equation 1 cannot be computed. {why}")
    return [_asked(example, cloud.get(example.id), WHOLE_SPLIT) for example in examples]


def _asked(example: Example, cloud: str | None, part: str) -> Asked:
    recorded = None if example.excluded or not example.reply else example.reply
    return Asked(
        Item(example.id, example.query, recorded, cloud, part=part, dialogue=example.dialogue), example.messages
    )


def _queries(shop: Shop, listed: Path | Sequence[str] | None) -> list[Asked]:
    """Table VI: a list of queries, answered by the cloud too (once; answers are kept as labels)."""
    from endcloud.bundled.shop import load_shop

    if listed is None:
        listed = [query for query, _ in load_shop().default_queries()]
    texts = _lines(listed) if isinstance(listed, Path) else listed
    examples = [query_example(shop, text) for text in texts]
    try:
        shop.label(examples=examples)
    except EndcloudError as error:
        shop.progress.say(f"The {len(examples)} queries have no cloud reply to compare with: {error}")
    labels = shop.labels.of(example.id for example in examples)
    cloud = {name: label.text for name, label in labels.items() if not label.reason}
    return [_asked(example, cloud.get(example.id), LISTED) for example in examples]


def _lines(path: Path) -> list[str]:
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(
            f"The queries {str(path)!r} cannot be read ({error}); give UTF-8 text, one a line."
        ) from error
    if not any(lines):
        raise SourceError(f"The queries {str(path)!r} hold no line; write one query a line.")
    return list(dict.fromkeys(line for line in lines if line))


def query_example(shop: Shop, text: str) -> Example:
    """A query of its own, masked, as an example of the test split."""
    name = f"query-{sha256(text.encode()).hexdigest()[:16]}"
    return Example(name, name, "", shop.masker.mask((Message("user", text),)).messages, "", "natural", LISTED, "test")


def _replies(shop: Shop, digest: str, asked: Sequence[Asked], runs: range, kept: KeptReplies | None) -> Replies:
    end = shop.end_model(digest)
    conversations = [one.messages for one in asked]
    most = shop.settings.end.max_tokens
    model = f"{shop.base.digest}/{shop.base.compute}/{shop.base.quantization}/{shop.role}/{digest}"

    def answers(temperature: float, top_p: float, seed: int | None) -> list[str | None]:
        sampling = Sampling(temperature, top_p, most, seed)

        def answer() -> list[str]:
            return [reply.text for reply in end.answer_all(conversations, sampling, shop.progress)]

        return [*(kept.of(model, sampling, conversations, answer) if kept else answer())]

    sampled = {seed: answers(PAPER_SAMPLING.temperature, PAPER_SAMPLING.top_p, seed) for seed in runs}
    return Replies(answers(0.0, 1.0, None), sampled)

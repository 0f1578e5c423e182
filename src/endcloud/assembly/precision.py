"""What a base in 8 or 4 bits costs and gains: the versions that were judged answer once more on each.

Each version answers the test split greedily on the base in full precision and on each quantised one, and is scored
by the same scorers. The difference of the final score is paired, item by item. Speed is measured twice: all
conversations in batches, as `evaluate` asks, and one at a time, as a customer does.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from endcloud.errors import UsageError
from endcloud.scoring.evaluation import FINAL, WHOLE_SPLIT, Item, Replies, evaluate
from endcloud.types import Message, Sampling

if TYPE_CHECKING:
    from endcloud.assembly.judging import Outcome
    from endcloud.assembly.shop import Shop
    from endcloud.bootstrap import Interval
    from endcloud.end.generation import LocalEndModel

FULL = "none"
NOTE = "What the quantised bases cost and gain stands in [precision.md](precision.md)."
HEAD = ("version", "base held in", "MiB", "tokens/s", "one at a time", "same replies", "final score", "difference")
BRIEF_TITLE = "The base in fewer bits (tokens/s: one run, noisy)"
BRIEF_HEAD = ("version", "base", "MiB", "tokens/s", "score", "difference")
_ALONE = 5
"""Conversations that are also asked one at a time: enough to tell a factor of two, as the report says."""


@dataclass(frozen=True, slots=True)
class Row:
    """One version on one precision. `weights` in bytes; speeds in drawn tokens a second, in batches and alone.

    `same` is the share of replies that are those of full precision to the letter. `difference` is the final score
    less that of full precision, paired by item; None for full precision, and where no reply has a score.
    """

    version: str
    quantization: str
    weights: int
    tokens_per_second: float
    alone_per_second: float
    same: float
    final: Interval | None
    difference: Interval | None

    def cells(self) -> list[str]:
        """The row as the report shows it, in the order of `HEAD`."""
        shown = "full precision" if self.quantization == FULL else self.quantization
        scores = [interval.text() if interval else "–" for interval in (self.final, self.difference)]
        speeds = [f"{self.tokens_per_second:.0f}", f"{self.alone_per_second:.0f}"]
        return [self.version, shown, f"{self.weights / 2**20:.1f}", *speeds, f"{self.same:.0%}", *scores]

    def brief(self) -> list[str]:
        """The row as a terminal of 80 columns shows it, in the order of `BRIEF_HEAD`."""
        version, _, weights, speed, *_ = self.cells()
        shown = "full" if self.quantization == FULL else self.quantization
        final = f"{self.final.mean:.3f}" if self.final else "–"
        return [version, shown, weights, speed, final, self.difference.text() if self.difference else "–"]


@dataclass(frozen=True, slots=True)
class _Answers:
    """What one version said on one precision, and how fast."""

    replies: list[str | None]
    per_second: float
    alone_per_second: float
    weights: int


def quantizations(listed: str) -> tuple[str, ...]:
    """The names in `int8,int4`; raises UsageError for one there is not."""
    from endcloud.end.quantization import QUANTIZATIONS

    known = [name for name in QUANTIZATIONS if name != FULL]
    names = tuple(dict.fromkeys(name.strip() for name in listed.split(",") if name.strip()))
    if not names or (unknown := [name for name in names if name not in known]):
        raise UsageError(
            f"The quantization {(unknown[0] if names else listed)!r} does not exist; use {' or '.join(known)}, "
            f"or both as {','.join(known)}."
        )
    return names


def compare(shop: Shop, outcome: Outcome, names: Sequence[str]) -> list[Row]:
    """The versions of an evaluation on the base in full precision and on each of `names`, version by version.

    Only one base beside the shop's own is in memory at a time.
    """
    items = [item for item in outcome.evaluation.items if item.part == WHOLE_SPLIT]
    asked = {example.id: example.messages for example in shop.examples("test")}
    conversations = [asked[item.id] for item in items]
    answers: dict[str, dict[str, _Answers]] = {version: {} for version in outcome.digests}
    for name in (FULL, *names):
        for version, found in _on(shop, name, outcome.digests, conversations).items():
            answers[version][name] = found
    return [row for version, given in answers.items() for row in _rows(shop, version, items, given)]


def _on(
    shop: Shop, name: str, digests: Mapping[str, str], conversations: Sequence[tuple[Message, ...]]
) -> dict[str, _Answers]:
    """All versions on one precision of the base."""
    from endcloud.assembly.base import base_of
    from endcloud.end.generation import LocalEndModel
    from endcloud.end.quantization import bytes_of_weights

    base = shop.base if shop.base.quantization == name else base_of(shop, name)
    weights = bytes_of_weights(base.model)
    end = LocalEndModel(base, shop.versions, system=shop.role)
    return {version: _answers(shop, end.at(digest), conversations, weights) for version, digest in digests.items()}


def _answers(shop: Shop, end: LocalEndModel, conversations: Sequence[tuple[Message, ...]], weights: int) -> _Answers:
    sampling = Sampling(max_tokens=shop.settings.end.max_tokens)

    def asked(chosen: Sequence[tuple[Message, ...]]) -> tuple[list[str | None], int, float]:
        began = time.monotonic()
        replies = end.answer_all(chosen, sampling, shop.progress)
        seconds = time.monotonic() - began
        return [reply.text for reply in replies], sum(reply.tokens.completion for reply in replies), seconds

    asked(conversations[:1])  # what is set up at the first call is no part of the speed
    replies, drawn, seconds = asked(conversations)
    alone = [asked([conversation])[1:] for conversation in conversations[:_ALONE]]
    return _Answers(
        replies, drawn / seconds, sum(tokens for tokens, _ in alone) / sum(took for _, took in alone), weights
    )


def _rows(shop: Shop, version: str, items: Sequence[Item], given: Mapping[str, _Answers]) -> list[Row]:
    evaluation = evaluate(
        items,
        {name: Replies(answers.replies) for name, answers in given.items()},
        shop.scorer,
        base=FULL,
        progress=shop.progress,
    )
    differences = {
        found.first: found.interval
        for found in evaluation.differences
        if found.second == FULL and found.measure == FINAL
    }
    exact = given[FULL].replies
    return [
        Row(
            version,
            name,
            answers.weights,
            answers.per_second,
            answers.alone_per_second,
            sum(said == full for said, full in zip(answers.replies, exact, strict=True)) / len(exact),
            evaluation.mean(name),
            differences.get(name),
        )
        for name, answers in given.items()
    ]


def as_json(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The rows as plain values."""
    return [asdict(row) for row in rows]


def write(rows: Sequence[Row], folder: Path, device: str) -> Path:
    """Writes precision.json and precision.md beside the report; returns the latter."""
    from endcloud import whole_files
    from endcloud.scoring.markdown import table

    whole_files.write(folder / "precision.json", json.dumps(as_json(rows), ensure_ascii=False, indent=1) + "\n")
    text = f"""# The base in fewer bits

{table(HEAD, [row.cells() for row in rows])}

Measured on {device}, on the test split, greedily. **Tokens/s are one run and noisy**, those of one conversation at a
time from at most {_ALONE} replies: they tell a factor of two, not a few per cent. MiB are those of the base's weights
as they are held; an adapter adds the same to each. Tokens/s are drawn in batches, and beside it one conversation at a
time. The difference is the final score less that of full precision, paired by item, with its 95 % interval.

A version learned on one precision of the base: on another, its replies may differ, as these rows show. Its standing
and its scores in the other tables are those of the precision that the settings name.
"""
    return whole_files.write(folder / "precision.md", text)

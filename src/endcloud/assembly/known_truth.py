"""The bundled shop's truth, as an evaluation uses it: held-out questions, measures, and how good the scorers are.

The shop is invented, so whether a reply is right can be checked: its facts and its polarity, whatever the wording.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from endcloud.assembly.judging import Asked
from endcloud.bootstrap import Interval, interval
from endcloud.bundled.held_out import Question, combinations, patterns, write_held_out
from endcloud.bundled.judged_replies import judged_replies
from endcloud.bundled.shop import Shop as BundledShop
from endcloud.bundled.truth import judge as judge_truth
from endcloud.scoring.curves import Convergence
from endcloud.scoring.evaluation import Item, Measure
from endcloud.scoring.quality import Judged, Quality, measure
from endcloud.types import AdapterVersion, Example

if TYPE_CHECKING:
    from endcloud.assembly.shop import Shop
    from endcloud.scoring.dual import DualScorer

COMBINATIONS, PATTERNS = "unseen combinations", "unseen patterns"
RIGHT, STYLE = "right", "shop's manner"
SEED = 7  # one seed for dialogues and questions, so that no question occurs in a dialogue
PROBE = 60  # unseen combinations answered at every check of a training
QUESTIONS = 300  # of each held-out kind: a share of 0.9 is then known to about ±0.035


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The two kinds of questions that no training text holds, by part, and the truth of their answers."""

    questions: Mapping[str, Sequence[Question]]

    @classmethod
    def of(cls, bundled: BundledShop, most: int = QUESTIONS) -> HeldOut:
        """`most` questions of each kind, the first of `QUESTIONS`."""
        drawn = {COMBINATIONS: combinations(bundled, QUESTIONS, SEED), PATTERNS: patterns(bundled, QUESTIONS, SEED)}
        return cls({part: questions[:most] for part, questions in drawn.items()})

    def write(self, directory: Path) -> None:
        """Keeps the questions as files of their own beside the dialogues."""
        write_held_out(directory, list(self.questions[COMBINATIONS]), list(self.questions[PATTERNS]))

    def examples(self, part: str = "") -> list[Example]:
        """The questions as examples of the test split: labelled by the cloud, never trained on."""
        return [
            Example(f"held-out-{question.id}", question.id, "", question.messages, "", "natural", name, "test")
            for name, questions in self.questions.items()
            for question in questions
            if part in ("", name)
        ]

    def asked(self, shop: Shop) -> list[Asked]:
        """The questions as parts of an evaluation, with the cloud's own answers."""
        examples = self.examples()
        labels = shop.labels.of(example.id for example in examples)
        cloud = {name: label.text for name, label in labels.items() if not label.reason}
        return [
            Asked(
                Item(example.id, example.query, None, cloud.get(example.id), part=example.source, dialogue=example.id),
                example.messages,
            )
            for example in examples
        ]

    def probe(self) -> list[Example]:
        """Some of the unseen combinations, to be answered while a training goes on."""
        return self.examples(COMBINATIONS)[:PROBE]

    def measures(self) -> dict[str, Measure]:
        """The truth, and the shop's manner, as measures; they say nothing about other parts."""
        meanings = {f"held-out-{q.id}": q.meaning for questions in self.questions.values() for q in questions}

        def right(item: Item, reply: str) -> float | None:
            return float(judge_truth(meanings[item.id], reply).right) if item.id in meanings else None

        def style(item: Item, reply: str) -> float | None:
            return float("亲" in reply) if item.id in meanings else None

        return {RIGHT: right, STYLE: style}

    def share_right(self, part: str, replies: Sequence[str | None]) -> Interval:
        """How many of the replies to a part's questions are right; no reply is not right."""
        found = interval(
            [
                float(reply is not None and judge_truth(question.meaning, reply).right)
                for question, reply in zip(self.questions[part], replies, strict=True)
            ]
        )
        assert found is not None
        return found

    def all_right(self, replies: Sequence[str | None]) -> Interval:
        """How many of the replies to all questions, part after part, are right."""
        meanings = [question.meaning for questions in self.questions.values() for question in questions]
        found = interval(
            [
                float(reply is not None and judge_truth(meaning, reply).right)
                for meaning, reply in zip(meanings, replies, strict=True)
            ]
        )
        assert found is not None
        return found


def scorer_qualities(scorer: DualScorer, bundled: BundledShop, questions: Sequence[Question]) -> list[Quality]:
    """The AUC of both scorers on replies whose truth is known, by kind of wrong reply."""
    judged = judged_replies(bundled, questions, SEED)
    alike = [Judged(one.reference, one.reply, one.right, one.kind) for one in judged]
    relevant = [Judged(one.question.query, one.reply, one.right, one.kind) for one in judged]
    return [measure(scorer.similarity, alike), measure(scorer.relevance, relevant)]


def convergence(shop: Shop, versions: Mapping[str, AdapterVersion], probe: Sequence[Example]) -> dict[str, Convergence]:
    """How each training went, by the version's name: its loss, and the final score of its replies to the `probe` at
    every check."""
    from endcloud.end.versions import training_log

    labels = shop.labels.of(example.id for example in probe)
    cloud = [labels[example.id].text if example.id in labels else None for example in probe]
    queries = [example.query for example in probe]

    def score(replies: Sequence[str]) -> float:
        scored = [shop.scorer.final(one) for one in shop.scorer.score_all(queries, replies, cloud)]
        known = [value for value in scored if value is not None]
        return sum(known) / max(1, len(known))

    courses = {}
    for name, version in versions.items():
        log = training_log(shop.versions.path(version.digest))
        courses[name] = Convergence(log.loss, [(step, score(replies)) for step, replies in log.replies])
    return courses

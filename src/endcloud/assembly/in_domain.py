"""The in-domain scorers of a shop: trained on its own dialogues, and compared with those that it had.

Three pairs of scorers are named apart wherever they show: the stand-ins (a few weights over counted features, always
there), the in-domain ones (transformers trained by `endcloud scorers train`), and what the settings name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from endcloud.errors import SettingsError, UsageError

if TYPE_CHECKING:
    from endcloud.assembly.shop import Shop
    from endcloud.corpus.candidates import Candidates
    from endcloud.protocols import Scorer
    from endcloud.scoring.in_domain.exchanges import Exchange
    from endcloud.scoring.in_domain.training import InDomain
    from endcloud.scoring.quality import Quality
    from endcloud.scoring.response_selection import Choice, Context, Selection
    from endcloud.settings import ScoringSettings

TRAINED = "trained"


def train_in_domain(shop: Shop, base: Path | None = None) -> InDomain:
    """Trains both scorers on the shop's training split; `base` None makes the small size from scratch."""
    from endcloud.scoring.in_domain import training

    with shop.directory.lock("scorers train"):
        return training.train(
            exchanges_of(shop),
            shop.directory.models,
            shop.directory.work,
            base=base,
            device=None if shop.settings.end.device == "auto" else shop.settings.end.device,
            progress=shop.progress,
        )


def exchanges_of(shop: Shop) -> list[Exchange]:
    """What they learn from: the training split, with the cloud's good replies beside the recorded ones."""
    from endcloud.scoring.in_domain.exchanges import exchanges

    examples = shop.recorded("train")
    labels = shop.labels.of(example.id for example in examples)
    return exchanges(examples, {name: label.text for name, label in labels.items() if not label.reason})


def resolved(settings: ScoringSettings, models: Path) -> ScoringSettings:
    """The settings with `trained` replaced by the directory of the newest in-domain training.

    Raises:
        SettingsError: a scorer is `trained`, and none was.
    """
    if TRAINED not in (settings.similarity, settings.relevance):
        return settings
    from endcloud.scoring.in_domain.training import current

    if (newest := current(models)) is None:
        raise SettingsError("scoring names a `trained` scorer and none was trained yet; run `endcloud scorers train`.")
    named = {"similarity": str(newest.similarity), "relevance": str(newest.relevance)}
    return settings.model_copy(
        update={half: path for half, path in named.items() if getattr(settings, half) == TRAINED}
    )


@dataclass(frozen=True, slots=True)
class Compared:
    """How the scorers do: by task, one selection a scorer; by kind of question, the AUC against a known truth."""

    tasks: Mapping[str, Sequence[Selection]]
    truth: Mapping[str, Sequence[Quality]]
    seen: int

    def as_json(self) -> dict[str, Any]:
        """The figures of `--json`: each measure as [mean, low, high]."""
        tasks = {
            task: {
                one.scorer: {
                    "digest": one.digest,
                    "contexts": one.contexts,
                    **{name: [found.mean, found.low, found.high] for name, found in one.measures.items()},
                }
                for one in selections
            }
            for task, selections in self.tasks.items()
        }
        truth = {
            kind: {one.scorer: {"auc": one.overall, **one.by_kind} for one in qualities}
            for kind, qualities in self.truth.items()
        }
        return {"selection": tasks, "auc": truth, "left_out_as_seen": self.seen}


def compare(shop: Shop, candidates: Path | None = None, limit: int | None = None) -> Compared:
    """Response selection by each relevance scorer (and by the in-domain encoder, which has learned queries too), on
    the test split and on a file of candidates.

    On the bundled shop, whose truth is known, also the AUC of both halves. `limit` bounds the contexts of the test
    split.
    """
    from endcloud.scoring.response_selection import select, with_others

    tasks: dict[str, list[Choice]] = {"the shop's test split": with_others(_test_contexts(shop, limit))}
    seen = 0
    if candidates is not None:
        given, seen = _given(shop, candidates)
        tasks |= {f"{candidates.name}, {size} candidates": some for size, some in given.items()}
    with TemporaryDirectory() as directory:
        scorers = _scorers(shop, Path(directory))
        found = {
            task: [select(scorer, choices, shop.progress) for scorer in _selecting(scorers)]
            for task, choices in tasks.items()
            if choices
        }
        truth = _truth(shop, scorers)
    if not found:
        raise UsageError("There are too few different replies to choose among; prepare more dialogues.")
    return Compared(found, truth, seen)


def _scorers(shop: Shop, directory: Path) -> list[tuple[Scorer, Scorer]]:
    """(similarity, relevance) of the stand-ins, of the small size before and after training, and of the settings."""
    from endcloud.assembly.scorers import STAND_IN, scorer_of
    from endcloud.scoring.in_domain import training
    from endcloud.scoring.relevance import CrossEncoderRelevance
    from endcloud.scoring.similarity import SentenceSimilarity
    from endcloud.scoring.standin import train_scorers

    found = [train_scorers(shop.recorded("train"), shop.directory.models, progress=shop.progress)]
    newest = training.current(shop.directory.models)
    if newest:
        if newest.from_scratch:
            untrained = training.save_untrained(exchanges_of(shop), directory)
            found.append(
                (
                    SentenceSimilarity(untrained.similarity, name="untrained small similarity"),
                    CrossEncoderRelevance(untrained.relevance, name="untrained small relevance"),
                )
            )
        found.append(
            (
                SentenceSimilarity(newest.similarity, name=newest.name("similarity")),
                CrossEncoderRelevance(newest.relevance, name=newest.name("relevance")),
            )
        )
    named = (shop.settings.scoring.similarity, shop.settings.scoring.relevance)
    if not set(named) <= {STAND_IN, TRAINED}:
        scorer = scorer_of(shop)
        found.append((scorer.similarity, scorer.relevance))
    return found


def _selecting(scorers: Sequence[tuple[Scorer, Scorer]]) -> list[Scorer]:
    """Who chooses: each relevance scorer, and before it an encoder that has learned queries beside replies."""
    return [
        scorer
        for pair in scorers
        for scorer in pair
        if scorer is pair[1] or scorer.name.startswith(("in-domain", "untrained"))
    ]


def _test_contexts(shop: Shop, limit: int | None) -> list[Context]:
    from endcloud.scoring.response_selection import Context

    usable = [example for example in shop.recorded("test") if not example.excluded and example.reply.strip()]
    return [Context(example.dialogue, example.query, example.reply) for example in usable[:limit]]


def _given(shop: Shop, path: Path) -> tuple[dict[int, list[Choice]], int]:
    """The file's own candidates, and its true replies with nine drawn ones, by number of candidates; and how many
    contexts were left out because the scorers learned from them."""
    from endcloud.corpus.candidates import read_candidates
    from endcloud.scoring.response_selection import OTHERS, Choice, Context, with_others

    learned = {(example.query, example.reply) for example in shop.recorded("train")}
    own: dict[int, list[Choice]] = {}
    contexts: list[Context] = []
    seen = 0
    for place, one in enumerate(read_candidates(path)):
        query, *replies = _masked(shop, one)
        if (query, replies[0]) in learned:
            seen += 1
            continue
        contexts.append(Context(str(place), query, replies[0]))
        if one.others:
            own.setdefault(len(replies), []).append(Choice(str(place), query, tuple(replies)))
    drawn = with_others(contexts)
    return own | ({OTHERS + 1: drawn} if drawn and OTHERS + 1 not in own else {}), seen


def _masked(shop: Shop, one: Candidates) -> list[str]:
    """The query and each candidate as the scorers see text: masked, each candidate within the conversation."""
    from endcloud.types import Message

    conversations = [
        shop.masker.mask((*one.messages, Message("assistant", reply))).messages for reply in (one.reply, *one.others)
    ]
    return [conversations[0][-2].content, *(messages[-1].content for messages in conversations)]


def _truth(shop: Shop, scorers: Sequence[tuple[Scorer, Scorer]]) -> dict[str, list[Quality]]:
    """AUC of each scorer on the bundled shop's held-out questions; empty for any other shop."""
    from endcloud.assembly.known_truth import HeldOut, scorer_qualities
    from endcloud.bundled.shop import load_shop
    from endcloud.scoring.dual import DualScorer

    bundled = load_shop()
    if shop.settings.shop.name != bundled.name:
        return {}
    held_out = HeldOut.of(bundled)
    return {
        part: [quality for pair in scorers for quality in scorer_qualities(DualScorer(*pair), bundled, questions)]
        for part, questions in held_out.questions.items()
    }

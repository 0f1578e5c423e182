"""The two scorers that a shop's settings name, and Equation 1 over them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from endcloud.assembly.shop import Shop
    from endcloud.protocols import Scorer
    from endcloud.scoring.dual import DualScorer
    from endcloud.settings import ScoringSettings

STAND_IN = "stand-in"


def scorer_of(shop: Shop) -> DualScorer:
    """Equation 1 with the scorers that the settings name; stand-ins are trained on the shop's own dialogues."""
    from endcloud.assembly.in_domain import resolved
    from endcloud.scoring.dual import DualScorer

    settings = resolved(shop.settings.scoring, shop.directory.models)
    similarity: Scorer
    relevance: Scorer
    if STAND_IN in (settings.similarity, settings.relevance):
        from endcloud.scoring.standin import train_scorers

        similarity, relevance = train_scorers(shop.recorded("train"), shop.directory.models, progress=shop.progress)
    if settings.similarity != STAND_IN:
        similarity = similarity_of(settings, shop.directory.root)
    if settings.relevance != STAND_IN:
        relevance = relevance_of(settings, shop.directory.root)
    return DualScorer(similarity, relevance, settings.alpha, settings.threshold)


def check_scorers(shop: Shop) -> None:
    """Raises ModelError where a scorer's setting names no model that is there; nothing is loaded.

    Long work asks this first, so that a misspelt directory is not found out after an hour of replies.
    """
    from endcloud.assembly.in_domain import resolved
    from endcloud.scoring.scorer_kinds import choose

    settings = resolved(shop.settings.scoring, shop.directory.models)
    if settings.similarity != STAND_IN:
        choose(settings.similarity, "similarity", shop.directory.root)
    if settings.relevance != STAND_IN:
        choose(settings.relevance, "relevance", shop.directory.root)


def similarity_of(settings: ScoringSettings, root: Path = Path()) -> Scorer:
    """The similarity scorer of `settings.similarity`; a relative directory begins at `root`."""
    from endcloud.scoring import embedding
    from endcloud.scoring.scorer_kinds import choose
    from endcloud.scoring.similarity import SentenceSimilarity

    choice = choose(settings.similarity, "similarity", root)
    return SentenceSimilarity(
        choice.directory,
        kind=cast("embedding.Kind", choice.kind),
        device=device_of(settings),
        precision=settings.precision,
        tokens=settings.similarity_tokens,
    )


def relevance_of(settings: ScoringSettings, root: Path = Path()) -> Scorer:
    """The relevance scorer of `settings.relevance`; a relative directory begins at `root`."""
    from endcloud.scoring import relevance
    from endcloud.scoring.scorer_kinds import choose
    from endcloud.scoring.similarity import EmbeddingRelevance

    choice = choose(settings.relevance, "relevance", root)
    if choice.kind == "qwen3-embedding":
        return EmbeddingRelevance(
            choice.directory,
            device=device_of(settings),
            precision=settings.precision,
            instruction=settings.instruction,
        )
    return relevance.CrossEncoderRelevance(
        choice.directory,
        kind=cast("relevance.Kind", choice.kind),
        device=device_of(settings),
        precision=settings.precision,
        instruction=settings.instruction,
    )


def device_of(settings: ScoringSettings) -> str:
    """The device by name; `auto` is a GPU where there is one."""
    import torch

    if settings.device != "auto":
        return settings.device
    return "cuda" if torch.cuda.is_available() else "cpu"

"""Stage 1 put together: recorded dialogues, or a catalogue and an FAQ, become the shop's examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from endcloud.errors import UsageError

if TYPE_CHECKING:
    from endcloud.assembly.shop import Shop
    from endcloud.cloud.catalogue import Catalogue
    from endcloud.corpus.dataset import Manifest
    from endcloud.corpus.preparation import CorpusReport

COLD_START = "cold start"


def prepare_corpus(
    shop: Shop, sources: Sequence[Path], format: str = "auto", columns: Mapping[str, str] | None = None
) -> CorpusReport:
    """Stage 1 with its report."""
    from endcloud.corpus.preparation import CorpusOptions, prepare

    options = CorpusOptions(**shop.settings.corpus.model_dump(), columns=dict(columns or {}))
    with shop.directory.lock("corpus"):
        return prepare(
            sources,
            shop.directory.corpus,
            masker=shop.masker,
            key=shop.directory.key(),
            options=options,
            format=format,
            forgotten=frozenset(proof.subject for proof in shop.ledger.proofs()),
            progress=shop.progress,
        )


def cold_start(shop: Shop, sources: Sequence[Path]) -> Manifest:
    """Begins without logs: examples from a catalogue, an FAQ and the policies.

    Raises UsageError where recorded dialogues were prepared already: they are worth more and are not replaced.
    """
    from endcloud.cloud.cold_start import cold_start
    from endcloud.corpus.collection import collect
    from endcloud.corpus.dataset import manifest

    if shop.directory.corpus.is_dir() and manifest(shop.directory.corpus).recipe != COLD_START:
        raise UsageError(
            f"The shop {str(shop.directory.root)!r} has examples from recorded dialogues, which a cold start "
            "would replace; leave --from out, or begin in a new shop."
        )
    corpus = shop.settings.corpus
    begun = cold_start(
        sources, shop.policies, masker=shop.masker, validation=corpus.validation_share, test=corpus.test_share
    )
    with shop.directory.lock("corpus"):
        held = collect(begun.examples, shop.directory.corpus, recipe=COLD_START, detector=shop.masker.detector)
        _keep_catalogue(shop, sources, begun.catalogue)
    shop.progress.say(f"Begun with {', '.join(f'{count} {kind}' for kind, count in begun.read.items())}.")
    return held


def _keep_catalogue(shop: Shop, sources: Sequence[Path], catalogue: Catalogue) -> None:
    """The catalogue among the sources becomes the shop's, unless it has one: the teacher is shown its rows."""
    from endcloud import whole_files
    from endcloud.cloud.catalogue import catalogue_csv

    if catalogue and not shop.directory.catalogue.exists():
        whole_files.write(shop.directory.catalogue, catalogue_csv(catalogue))
        shop.__dict__.pop("catalogue", None)  # read again at next use

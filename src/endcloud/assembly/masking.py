"""What a shop masks, put together: its settings, its catalogue and its rules decide what counts as personal.

Corpus, end model and console share one masker whatever may be uploaded: a model trained on masked text must be served
the same. `privacy.upload = "strict"` changes only what stands in front of a cloud, where the reply is restored before
anybody else reads it; so a shop can change its mind without training again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from endcloud.errors import SettingsError

if TYPE_CHECKING:
    from endcloud.assembly.shop import Shop
    from endcloud.privacy.masking import ConversationMasker


def masker_of(shop: Shop, *, strict: bool = False, allow: bool = True) -> ConversationMasker:
    """The shop's masker; without `allow` one that knows no allow-list.

    Raises SettingsError, naming the file, for a pattern that may not be.
    """
    from endcloud.privacy.detection import Detector
    from endcloud.privacy.masking import ConversationMasker

    allowed = allowed_values(shop) if allow else frozenset()
    patterns = shop.settings.privacy.patterns
    return ConversationMasker(Detector(_goods(shop), allowed, patterns=patterns, strict=strict))


def allowed_values(shop: Shop) -> frozenset[str]:
    """What is never masked: what its settings and this run allow, and the numbers in its rules, which are public."""
    from endcloud.privacy.detection import Detector

    settings = shop.settings.privacy
    try:
        plain = Detector(_goods(shop), patterns=settings.patterns)
    except SettingsError as error:
        raise SettingsError(f"{shop.directory.settings}, [privacy.patterns]: {error}") from error
    own = frozenset(line[one.start : one.end] for line in shop.policies.lines for one in plain.find(line))
    return own | shop.allowed | frozenset(settings.allowed)


def _goods(shop: Shop) -> frozenset[str]:
    """The numbers of the catalogue."""
    cells = (cell for row in shop.catalogue.rows for cell in row.columns.values())
    return frozenset(cell for cell in cells if cell.isdigit())


def uploads_nothing(shop: Shop) -> str:
    """The sentence that says why no cloud is asked; empty where one may be."""
    if shop.settings.privacy.upload != "never":
        return ""
    return f"privacy.upload is 'never' in {shop.directory.settings}, so nothing is sent to any cloud."


def refuse_without_cloud(shop: Shop, what: str) -> None:
    """Raises SettingsError where `what` would need a cloud and none may be asked."""
    if why := uploads_nothing(shop):
        raise SettingsError(f"{why} {what} needs a cloud: set privacy.upload to 'masked' or 'strict' for it.")

"""The decision that a shop's replies are shown by: calibrated for the version that answers, or a stand-in.

A calibration belongs to one version of the end model (another one is sure of other things), and lies in the shop
under that version's digest. `endcloud calibrate routes` makes it. A version that online evolution trained from another
one is judged by the calibration of the nearest version that it came from until it has its own: it learned a few things
more and is sure of most things as that one was. Where there is none at all, `Uncalibrated` decides and says so.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from endcloud.types import Message

if TYPE_CHECKING:
    from endcloud.assembly.shop import Shop
    from endcloud.serving.confidence import Confidence


def calibration_path(shop: Shop, version: str) -> Path:
    """Where the calibration of a version (a digest, or `base`) lies."""
    return shop.directory.models / "routes" / f"{version}.json"


def version_of(shop: Shop, version: str = "") -> str:
    """The digest of a version by its beginning; without one that in service, else `base`."""
    chosen = version or shop.versions.active() or "base"
    return chosen if chosen == "base" else shop.versions.get(chosen).digest


def confidence_of(shop: Shop, version: str = "") -> Confidence:
    """How replies of a version are judged (`version_of` says which). Raises EndcloudError for a damaged file."""
    from endcloud.serving.confidence import Uncalibrated
    from endcloud.serving.escalation import Calibrated

    for digest in _with_ancestors(shop, version_of(shop, version)):
        if (path := calibration_path(shop, digest)).exists():
            return Calibrated.from_json(path.read_text(encoding="utf-8"))
    return Uncalibrated()


def _with_ancestors(shop: Shop, digest: str) -> list[str]:
    """A version and those it was trained from, newest first; the bare base is nobody's ancestor."""
    from endcloud.assembly.candidates import lineage

    return ["base"] if digest == "base" else [version.digest for version in lineage(shop, digest)]


def nearness_of(shop: Shop, version: str = "") -> Callable[[str], float | None]:
    """The nearness of a query (in clear text) to what a version was trained on; unknown where nothing is recorded."""
    from endcloud.errors import UsageError
    from endcloud.serving.nearness import NearnessIndex
    from endcloud.store.lessons import StoredLessons

    try:
        examples = shop.examples("train")
    except UsageError:
        return lambda _: None
    chain = [digest for digest in _with_ancestors(shop, version_of(shop, version)) if digest != "base"]
    learned = {name for digest in chain for name in shop.versions.get(digest).examples}
    named = {name.partition("/")[0] for name in learned}  # an example learned by its cloud reply is named ID/cloud
    lessons = [one.query for one in StoredLessons(shop.database).all() if one.id in named]
    queries = [*lessons, *(one.query for one in examples if not named or one.id in named)]
    if not queries:
        return lambda _: None
    index = NearnessIndex(queries)

    def nearness(query: str) -> float:
        return index.nearness(shop.masker.mask((Message("user", query),)).messages[-1].content)

    return nearness


def relevance_of(shop: Shop) -> Callable[[str, str], float | None]:
    """The relevance scorer's word on a query and a whole reply, both in clear text."""
    scorer = shop.scorer.relevance

    def relevance(query: str, reply: str) -> float | None:
        masked = shop.masker.mask((Message("user", query), Message("assistant", reply))).messages
        return scorer.score([(masked[0].content, masked[-1].content)])[0]

    return relevance

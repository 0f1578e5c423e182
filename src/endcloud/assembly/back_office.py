"""What console and dashboard get of a shop: its versions, money, uploads, canned replies and scorer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from endcloud.errors import EndcloudError

if TYPE_CHECKING:
    from endcloud.assembly.shop import Shop
    from endcloud.protocols import Masker
    from endcloud.rounds import Lesson
    from endcloud.store.database import Database
    from endcloud.types import Score
    from endcloud.web.back_office import BackOffice, Evolving


def back_office_of(shop: Shop) -> BackOffice:
    """The parts, each loaded when it is first looked at: a scorer may be a large model that nobody asks for."""
    from endcloud.assembly.cloud import prices_of
    from endcloud.assembly.ledger import verify_ledger
    from endcloud.store.canned_replies import CannedReplies
    from endcloud.store.newest import newest
    from endcloud.web.back_office import BackOffice

    try:
        price = prices_of(shop).of
    except EndcloudError:  # no cloud is set up, or it has no price: nothing can be said of what was saved
        price = None
    return BackOffice(
        adapters=ShopAdapters(shop),
        money=shop.budget,
        price=price,
        currency=shop.settings.cloud.currency,
        uploads=shop.ledger,
        canned=CannedReplies(shop.directory.root / "canned_replies.toml"),
        judge=LateJudge(shop),
        evolving=replace(
            evolving_over(shop.database, lambda: shop.masker), questions=lambda names: _questions(shop, names)
        ),
        poor=shop.settings.scoring.poor,
        newest=lambda: newest(shop.database),
        verify=lambda: verify_ledger(shop),
    )


def evolving_over(database: Database, masker: Callable[[], Masker]) -> Evolving:
    """The rows of online evolution; a reviewer's words are masked as part of the lesson's conversation."""
    from endcloud.evolution.exchanges import served
    from endcloud.store.audits import StoredAudits
    from endcloud.store.conversations import StoredConversations
    from endcloud.store.lessons import StoredChoices, StoredLessons
    from endcloud.store.rounds import StoredRounds
    from endcloud.types import Message
    from endcloud.web.back_office import Evolving

    conversations = StoredConversations(database)

    def mask(lesson: Lesson, text: str) -> str:
        reply = conversations.turn(lesson.turn)
        exchange = None if reply is None else served(reply, conversations, masker())
        if exchange is None:  # the customer was forgotten: there is nothing left to number by
            return masker().mask((Message("assistant", text),)).messages[0].content
        return exchange.masked(masker(), text)

    return Evolving(
        StoredRounds(database), StoredAudits(database), StoredChoices(database), StoredLessons(database), mask
    )


def _questions(shop: Shop, names: Collection[str]) -> dict[str, tuple[str, str]]:
    """Questions with their reference replies: lessons, and examples with the cloud's label."""
    from endcloud.corpus.dataset import SPLITS
    from endcloud.store.lessons import StoredLessons

    found = {one.id: (one.query, one.reply) for one in StoredLessons(shop.database).all() if one.id in names}
    wanted = set(names) - set(found)
    if not wanted or not shop.directory.corpus.is_dir():
        return found
    labels = shop.labels.of(wanted)
    for example in (one for split in SPLITS for one in shop.examples(split) if one.id in wanted):
        label = labels.get(example.id)
        found[example.id] = (example.query, example.reply if label is None or label.reason else label.text)
    return found


class ShopAdapters:
    """The adapter versions of a shop (`web.back_office.Adapters`)."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def rows(self) -> list[dict[str, Any]]:
        """One row a version, with when and why it has its standing."""
        return [self._row(version.digest) for version in self._shop.versions.all()]

    def promote(self, version: str, reason: str) -> str:
        """Checks a version and puts it into service."""
        return self._shop.put_into_service(version, reason)

    def roll_back(self, reason: str) -> str:
        """Takes the version in service out for cause."""
        return self._shop.roll_back(reason)

    def _row(self, digest: str) -> dict[str, Any]:
        history = self._shop.versions.history(digest)
        at, _, reason = history[-1] if history else ("", "", "")
        return self._shop.describe(self._shop.versions.get(digest)) | {
            "since": at.isoformat() if not isinstance(at, str) else at,
            "reason": reason,
        }


class LateJudge:
    """The shop's scorer (`web.back_office.Judge`), made when the first reply is to be judged."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def score_all(
        self, queries: Sequence[str], end_replies: Sequence[str | None], cloud_replies: Sequence[str | None]
    ) -> list[Score]:
        return self._shop.scorer.score_all(queries, end_replies, cloud_replies)

    def final(self, score: Score) -> float | None:
        return self._shop.scorer.final(score)

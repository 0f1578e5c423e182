"""What a shop keeps of a customer, as one object, and how all of it is erased."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from endcloud.store.customers import StoredCustomers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from endcloud.assembly.shop import Shop
    from endcloud.store.forgetting import Person


class ShopCustomers(StoredCustomers):
    """A shop's customers as its service knows them: whoever is forgotten is forgotten in the whole shop."""

    def __init__(self, shop: Shop) -> None:
        super().__init__(shop.database)
        self._shop = shop

    def forget(self, customer: str, person: Person | None = None) -> dict[str, int]:
        """Erases rows, recorded examples and files, with the proof in the ledger; returns how many of each kind went.

        Raises LockedError, and erases nothing, while the corpus is being prepared.
        """
        from endcloud.assembly.forgetting import forget

        return forget(self._shop, customer).erased


def customers_of(shop: Shop) -> StoredCustomers:
    return StoredCustomers(shop.database)


def kept_of(shop: Shop, customer: str) -> dict[str, Any]:
    """All that is kept of a customer, which is all that `forgetting.forget` erases; empty lists where nothing is.

    Facts, memories, conversations (every turn, feedback, hand-overs, what the cloud answered, what left for them), the
    masked training examples and lessons made of what they said, and the versions that learned these.
    """
    from endcloud.assembly.forgetting import learned, lessons_of, recorded_of
    from endcloud.store.conversations import StoredConversations

    known, recorded, lessons = customers_of(shop), recorded_of(shop, customer), lessons_of(shop, customer)
    names = StoredConversations(shop.database).of_customer(customer)
    items = {*(one.id for one in recorded), *(one.id for one in lessons)}
    answers = shop.labels.of(one.id for one in recorded)
    return {
        "customer": customer,
        "facts": known.facts(customer),
        "memories": [
            {"topic": one.topic, "text": one.text, "at": one.at.isoformat()} for one in known.every_memory(customer)
        ],
        "conversations": [_conversation(shop, name) for name in names],
        "examples": [asdict(one) | {"cloud": answers[one.id].text if one.id in answers else ""} for one in recorded],
        "lessons": [asdict(one) | {"at": one.at.isoformat()} for one in lessons],
        "uploads": _left(shop, dict.fromkeys(one.dialogue for one in recorded)),
        "versions": [one.digest for one in shop.versions.all() if learned(one, items)],
    }


def is_empty(kept: dict[str, Any]) -> bool:
    """Whether nothing is kept."""
    return not any(kept[kind] for kind in ("facts", "memories", "conversations", "examples", "lessons"))


def _conversation(shop: Shop, name: str) -> dict[str, Any]:
    from endcloud.store.conversations import StoredConversations
    from endcloud.store.desk import StoredDesk
    from endcloud.store.feedback import StoredFeedbacks
    from endcloud.web.views import feedback_view, turn_view

    turns = StoredConversations(shop.database).turns(name)
    answers = shop.labels.of(turn.id for turn in turns)
    steps = [one for one in StoredDesk(shop.database).steps(turns[0].at) if one.conversation == name] if turns else []
    return {
        "id": name,
        "turns": [turn_view(turn) for turn in turns],
        "feedback": [feedback_view(one) for one in StoredFeedbacks(shop.database).within(name)],
        "hand_overs": [{"stage": one.stage, "reason": one.reason, "at": one.at.isoformat()} for one in steps],
        "cloud_answers": [{"turn": turn, "text": label.text} for turn, label in answers.items() if label.text],
        "uploads": _left(shop, [name, *(turn.id for turn in turns)]),
    }


def _left(shop: Shop, names: Iterable[str]) -> list[dict[str, Any]]:
    """What left for these conversations, turns or recorded dialogues, but for the prompt that every upload holds."""
    found = [one for name in names for one in shop.ledger.uploads(1000, conversation=name)]
    return [
        {
            "at": one.at.isoformat(),
            "purpose": one.purpose,
            "host": one.host,
            "model": one.model,
            "messages": [asdict(said) for said in shop.ledger.messages(one.id) if said.role != "system"],
        }
        for one in found
    ]

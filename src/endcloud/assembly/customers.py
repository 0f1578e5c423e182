"""What a shop keeps of a customer, as one object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from endcloud.assembly.shop import Shop
    from endcloud.store.customers import StoredCustomers


def customers_of(shop: Shop) -> StoredCustomers:
    from endcloud.store.customers import StoredCustomers

    return StoredCustomers(shop.database)


def kept_of(shop: Shop, customer: str) -> dict[str, Any]:
    """Facts, memories, conversations with every turn, and feedback; empty where nothing is kept."""
    from endcloud.store.conversations import StoredConversations
    from endcloud.store.feedback import StoredFeedbacks
    from endcloud.web.views import feedback_view, turn_view

    conversations, feedbacks = StoredConversations(shop.database), StoredFeedbacks(shop.database)
    known = customers_of(shop)

    def talk(name: str) -> dict[str, Any]:
        turns = conversations.turns(name)
        said = [feedback_view(one) for one in feedbacks.within(name)]
        return {"id": name, "turns": [turn_view(turn) for turn in turns], "feedback": said}

    memories = [{"topic": one.topic, "text": one.text, "at": one.at.isoformat()} for one in known.memories(customer)]
    talks = [talk(name) for name in conversations.of_customer(customer)]
    return {"customer": customer, "facts": known.facts(customer), "memories": memories, "conversations": talks}

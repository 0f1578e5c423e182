"""What a customer's behaviour says without saying it: of the reply before, and of whether a person is wanted."""

from __future__ import annotations

from collections.abc import Sequence

from endcloud.serving import intents
from endcloud.types import FeedbackKind, Turn

_ASKED = "asked for a person"


def implicit(query: Turn, before: Sequence[Turn]) -> tuple[str, list[FeedbackKind]]:
    """The id of the last reply by a model, and what the new query says of it: asked again, complained, asked for a
    person. No id where no model has replied, or the customer had said more and read no answer to it yet."""
    if before and before[-1].speaker == "customer":
        return "", []
    last = next((turn.id for turn in reversed(before) if turn.route in ("end", "cloud")), "")
    asked = {_plain(turn.text) for turn in before if turn.speaker == "customer"}
    seen: list[tuple[FeedbackKind, bool]] = [
        ("asked for a person", wants_a_person(query.text, before) == _ASKED),
        ("complaint", intents.complains(query.text)),
        ("asked again", _plain(query.text) in asked),
    ]
    return last, [kind for kind, there in seen if there and last]


def wants_a_person(text: str, before: Sequence[Turn]) -> str:
    """The reason to call a person that lies in the customer's words: asked for one, or complained time and again."""
    earlier = [turn for turn in before if turn.speaker == "customer"]
    if intents.asks_for_a_person(text) or (earlier and intents.calls_out(text)):
        return _ASKED
    if intents.complains(text) and earlier and intents.complains(earlier[-1].text):
        return "complaint after complaint"
    return ""


def _plain(text: str) -> str:
    return "".join(sign for sign in text.lower() if sign.isalnum())

"""What of a turn, a hand-over or an event is shown to whom, as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from endcloud.serving.events import Began, Called, Event, Piece, Said
from endcloud.types import LOOKUP, Feedback, Handoff, Turn
from endcloud.web.streams import server_sent

_CUSTOMERS = ("id", "conversation", "speaker", "text", "answers", "route", "finish", "by")
"""What a customer sees of a turn: what was said and by whom, not what was thought of it."""


def turn_view(turn: Turn, *, staff: bool = False) -> dict[str, Any]:
    """A turn as JSON; `staff` sees the reason, the estimate, tokens and money too."""
    whole = asdict(turn) | {"at": turn.at.isoformat()}
    if staff:
        return whole
    shown = {name: whole[name] for name in _CUSTOMERS}
    shown["looked_up"] = turn.version == LOOKUP
    return shown | {"at": whole["at"], "by": turn.by if turn.speaker == "human" else ""}


def handoff_view(handoff: Handoff, *, staff: bool = False) -> dict[str, Any]:
    """A hand-over as JSON; a customer sees where it stands and who came."""
    whole = asdict(handoff) | {"at": handoff.at.isoformat()}
    return whole if staff else {name: whole[name] for name in ("conversation", "stage", "agent", "at")}


def feedback_view(feedback: Feedback) -> dict[str, Any]:
    return asdict(feedback) | {"at": feedback.at.isoformat()}


def event_view(event: Event, *, staff: bool = False) -> tuple[str, dict[str, Any]]:
    """The name of an event (`began`, `piece`, `turn`, `handoff`) and its JSON."""
    if isinstance(event, Began):
        view = {"conversation": event.conversation, "turn": event.turn, "route": event.route}
        return "began", view | ({"version": event.version} if staff else {})
    if isinstance(event, Piece):
        return "piece", {"conversation": event.conversation, "turn": event.turn, "text": event.text}
    if isinstance(event, Said):
        return "turn", turn_view(event.turn, staff=staff)
    assert isinstance(event, Called)
    return "handoff", handoff_view(event.handoff, staff=staff)


def event_bytes(event: Event, *, staff: bool = False) -> bytes:
    """An event as it is sent; a turn's id is the event's, so that a reader can say what it has seen."""
    kind, view = event_view(event, staff=staff)
    name = event.turn.id if isinstance(event, Said) else ""
    return server_sent(json.dumps(view, ensure_ascii=False), event=kind, name=name)

"""A streamed reply restored as it comes, without ever letting an open placeholder through."""

from __future__ import annotations

from collections.abc import Mapping

from endcloud.errors import UnrestorableError
from endcloud.privacy.placeholders import PLACEHOLDER, canonical, is_unfinished, open_at
from endcloud.protocols import MaskedConversation


class StreamRestorer:
    """Restores pieces of a reply; what may be the beginning of a placeholder waits for its end.

    At most `placeholders.LONGEST` - 1 characters wait, so a stray bracket delays a reply by no more. `slots` are the
    values of `privacy.slots` that the prompt was told beside the conversation.
    """

    def __init__(self, conversation: MaskedConversation, slots: Mapping[str, str] | None = None) -> None:
        self._conversation = conversation
        self._slots = slots or {}
        self._waiting = ""

    def feed(self, piece: str) -> str:
        """What can be shown after `piece` has come; raises UnrestorableError for an unknown placeholder."""
        text = self._waiting + piece
        cut = open_at(text)
        self._waiting = text[cut:]
        return self._restored(text[:cut]) if cut else ""

    def finish(self) -> str:
        """The rest; raises UnrestorableError where the reply was cut off inside a placeholder."""
        rest, self._waiting = self._waiting, ""
        if is_unfinished(rest):
            raise UnrestorableError(
                f"The reply ends inside a placeholder, at {rest!r}: do not show it, ask again with more tokens."
            )
        return rest

    def _restored(self, text: str) -> str:
        if not self._slots:
            return self._conversation.restore(text)
        # In one pass: what a value says is never read as a placeholder itself.
        return PLACEHOLDER.sub(
            lambda mark: self._slots.get(canonical(mark)) or self._conversation.restore(mark[0]), text
        )

"""A model on this machine that sees what it was trained on: masked text.

The customer's words are masked before the model reads them and its reply is restored before anybody else does,
by the same masker that made the training text. Unlike the guard it records nothing: nothing leaves.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

from endcloud.privacy.restoring import StreamRestorer
from endcloud.protocols import ChatModel, Masker
from endcloud.types import Delta, Request


class MaskedChat:
    """An end model that can be talked to in clear text (`protocols.ChatModel`)."""

    def __init__(self, model: ChatModel, masker: Masker) -> None:
        self.name = model.name
        self._model = model
        self._masker = masker

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        """Streams the restored reply; raises UnrestorableError where it holds a placeholder from nowhere."""
        conversation = self._masker.mask(request.messages, placeholders=request.placeholders | request.slots.keys())
        restorer = StreamRestorer(conversation, request.slots)
        masked = replace(
            request,
            messages=conversation.messages,
            placeholders=conversation.placeholders,
            slots={},
            masked=conversation.counts,
        )
        async for delta in self._model.stream(masked):
            text = restorer.feed(delta.text) + (restorer.finish() if delta.finish else "")
            yield Delta(text, delta.finish, delta.tokens, delta.drawn)

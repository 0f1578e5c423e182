"""A model on the shop's own server: masked and restored like the end model on this machine, and not an upload.

It stands where `privacy.guard` stands before a cloud. Nothing leaves what is the shop's, so there is no row in the
ledger; the text is masked all the same, since models are trained on masked text and other logs are not ours.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

from endcloud.privacy.restoring import StreamRestorer
from endcloud.protocols import CloudModel, Masker
from endcloud.types import Delta, MaskedRequest, Request


class OwnServer:
    """A model behind an address of the shop's own, to be asked in clear text (`protocols.ChatModel`)."""

    def __init__(self, server: CloudModel, masker: Masker) -> None:
        self.name = server.name
        self._server = server
        self._masker = masker

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        """Streams the restored reply. Raises UnrestorableError, and the CloudErrors of a server that fails."""
        conversation = self._masker.mask(request.messages, placeholders=request.placeholders | request.slots.keys())
        masked = MaskedRequest(
            messages=tuple(conversation.messages),
            purpose=request.purpose,
            conversation=request.conversation,
            sampling=request.sampling,
            masked=dict(conversation.counts),
            detector=conversation.detector,
        )
        restorer = StreamRestorer(conversation, request.slots)
        deltas = self._server.stream(masked)
        try:
            async for delta in deltas:
                text = restorer.feed(delta.text) + (restorer.finish() if delta.finish else "")
                yield Delta(text, delta.finish, delta.tokens, delta.drawn)
        finally:
            if isinstance(deltas, AsyncGenerator):  # closes the connection of a stream that is left early
                await deltas.aclose()

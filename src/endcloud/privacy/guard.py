"""The only way to a cloud: mask, look again, record, send, restore, record.

The guard has the shape of a chat model and stands around a cloud client, which accepts only what is made
here. It fails closed: whatever goes wrong before the upload is a PrivacyError and nothing was sent. Its errors
name the type of what went wrong and never the text, since the text is what must not be seen.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator

from endcloud.errors import CloudMalformedError, EndcloudError, PrivacyError, UnrestorableError
from endcloud.privacy.restoring import StreamRestorer
from endcloud.protocols import CloudModel, Ledger, MaskedConversation, Masker
from endcloud.types import Delta, MaskedRequest, Request, Tokens, payload_of


class Guard:
    """A cloud model that can be asked in clear text (`protocols.ChatModel`).

    `timeout` is how many seconds masking may take; a longer one means no upload. The cost of masking grows
    with the text's length and no faster, so the default is only met by a broken masker.
    """

    def __init__(self, cloud: CloudModel, masker: Masker, ledger: Ledger, *, timeout: float = 60.0) -> None:
        self.name = cloud.name
        self._cloud = cloud
        self._masker = masker
        self._ledger = ledger
        self._timeout = timeout

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        """Streams the cloud's reply with the real values put back.

        Raises PrivacyError where nothing was sent, UnrestorableError where the reply cannot be restored (what
        was streamed of it must not be shown), and the cloud's own CloudError.
        """
        conversation, masked = await self._prepared(request)
        upload = await asyncio.to_thread(self._recorded, masked)
        outcome, tokens = "cancelled", Tokens()
        restorer = StreamRestorer(conversation)
        finish = None
        deltas = self._cloud.stream(masked)
        try:
            async for delta in deltas:
                tokens, finish = delta.tokens or tokens, delta.finish or finish
                text = restorer.feed(delta.text) + (restorer.finish() if delta.finish else "")
                outcome = delta.finish or outcome
                if text or delta.finish or delta.tokens or delta.drawn:
                    yield Delta(text, delta.finish, delta.tokens, delta.drawn)
            if finish is None:
                raise CloudMalformedError(f"The stream of {self.name!r} ended without a finish reason: ask again.")
        except UnrestorableError:
            outcome = "unrestorable"
            raise
        except Exception as error:
            outcome = type(error).__name__
            raise
        finally:
            if isinstance(deltas, AsyncGenerator):  # closes the connection of a stream that is left early
                await deltas.aclose()
            # Shielded: a caller that leaves early must not leave an upload without its end.
            await asyncio.shield(asyncio.to_thread(self._ledger.settled, upload, outcome, tokens))

    async def _prepared(self, request: Request) -> tuple[MaskedConversation, MaskedRequest]:
        """The request masked and looked at again; any failure at all is a PrivacyError."""
        try:
            return await asyncio.wait_for(asyncio.to_thread(self._mask, request), self._timeout)
        except TimeoutError:
            reason = f"masking took longer than {self._timeout:g} s"
        except PrivacyError:
            raise
        except Exception as error:
            reason = f"masking failed with {type(error).__name__}"
        raise PrivacyError(f"Nothing was sent to {self.name!r}: {reason}. Report the kind of text that did this.")

    def _mask(self, request: Request) -> tuple[MaskedConversation, MaskedRequest]:
        if request.slots:
            raise PrivacyError(
                f"Nothing was sent to {self.name!r}: the request was told {len(request.slots)} values from memory or a "
                "lookup, which never leave this machine. Leave them out of what a cloud is asked."
            )
        conversation = self._masker.mask(request.messages, placeholders=request.placeholders)
        again = self._masker.mask(conversation.messages, placeholders=conversation.placeholders)
        if again.messages != conversation.messages:
            kinds = ", ".join(sorted(again.counts)) or "something"
            raise PrivacyError(
                f"Nothing was sent to {self.name!r}: a second look at the masked text still found {kinds}. "
                "Report the kind of text that did this."
            )
        return conversation, MaskedRequest(
            messages=tuple(conversation.messages),
            purpose=request.purpose,
            conversation=request.conversation,
            sampling=request.sampling,
            masked=dict(Counter(request.masked) + Counter(conversation.counts)),
            detector=conversation.detector,
        )

    def _recorded(self, masked: MaskedRequest) -> str:
        """The ledger's id of the upload that is about to happen."""
        try:
            return self._ledger.sent(masked, self._cloud.name, self._cloud.host, payload_of(masked.messages))
        except EndcloudError:
            raise
        except Exception as error:
            raise PrivacyError(
                f"Nothing was sent to {self.name!r}: the ledger could not record the upload ({type(error).__name__}). "
                "Run `endcloud doctor`."
            ) from error

"""A ledger in memory."""

from __future__ import annotations

from dataclasses import dataclass, field

from endcloud.types import MaskedRequest, Tokens


@dataclass
class Upload:
    """What left, where to, and how it ended; `outcome` is empty while it is under way."""

    request: MaskedRequest
    model: str
    host: str
    payload: str
    outcome: str = ""
    tokens: Tokens = field(default_factory=Tokens)


class MemoryLedger:
    """Keeps uploads in the order in which they were sent (`protocols.Ledger`)."""

    def __init__(self) -> None:
        self.uploads: list[Upload] = []

    def sent(self, request: MaskedRequest, model: str, host: str, payload: str) -> str:
        self.uploads.append(Upload(request, model, host, payload))
        return str(len(self.uploads) - 1)

    def settled(self, upload: str, outcome: str, tokens: Tokens) -> None:
        row = self.uploads[int(upload)]
        row.outcome, row.tokens = outcome, tokens

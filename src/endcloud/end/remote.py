"""An end model behind a URL: vLLM, llama.cpp or SGLang on this machine or on a server of the shop's own.

It says what it can: such a server answers as one version, knows no prompt methods of ours, and may tell the
log-probabilities of its tokens or not. Where it does not, its replies are judged whole. How it is reached, and that
nothing personal leaves with a request, is the business of the chat model it is handed.
"""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from endcloud.errors import VersionError
from endcloud.protocols import ChatModel
from endcloud.types import Delta, Message, Request

REMOTE = "remote"
"""The one version that such a server answers as."""


@dataclass(frozen=True, slots=True)
class Abilities:
    """What an end engine offers beside answering."""

    log_probabilities: bool
    prompt_methods: bool = False
    versions_by_request: bool = False


class RemoteEnd:
    """A chat model that stands in the end model's place; `system` is the role sentence before every conversation."""

    version = REMOTE

    def __init__(self, model: ChatModel, system: str, abilities: Abilities) -> None:
        self.name = model.name
        self.abilities = abilities
        self._model = model
        self._system = system

    def at(self, version: str) -> RemoteEnd:
        """Itself; raises VersionError for any other version, since the server has its own."""
        if version != REMOTE:
            raise VersionError(f"The server of {self.name!r} cannot answer as {version!r}; change the model there.")
        return self

    def stream(self, request: Request) -> AsyncIterator[Delta]:
        """Streams one reply."""
        return self._model.stream(replace(request, messages=(Message("system", self._system), *request.messages)))


def on_this_machine(url: str) -> bool:
    """Whether a URL leads to loopback, and so to nobody else."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

"""A chat model that answers by a script and is as sure of itself as the script says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from endcloud.types import Delta, Drawn, Request, Tokens


@dataclass(frozen=True, slots=True)
class Line:
    """A reply, the log-probability of each of its characters, and an error that breaks it off at the end."""

    text: str
    logprob: float = -0.01
    error: Exception | None = None


class ScriptedModel:
    """Answers the last message from `script`, a character at a time (`protocols.ChatModel`); "" is for all others.

    `requests` keeps what arrived; `left` counts the streams that were abandoned.
    """

    def __init__(self, script: Mapping[str, Line | str], name: str = "scripted-model") -> None:
        self.name = name
        self.requests: list[Request] = []
        self.left = 0
        self._script = script

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        self.requests.append(request)
        found = self._script.get(request.messages[-1].content, self._script.get("", ""))
        line = Line(found) if isinstance(found, str) else found
        drawn = (Drawn(line.logprob, 1.0),)
        try:
            for character in line.text:
                yield Delta(character, drawn=drawn)
        except GeneratorExit:
            self.left += 1
            raise
        if line.error is not None:
            raise line.error
        yield Delta("", "stop", Tokens(len(request.messages), len(line.text)), drawn)

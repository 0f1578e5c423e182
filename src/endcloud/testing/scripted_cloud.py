"""A cloud that answers by a script, and keeps what it was sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

from endcloud.types import Delta, MaskedRequest, Tokens

Answer = str | Exception
Script = Mapping[str, Answer] | Callable[[MaskedRequest], Answer]


class ScriptedCloud:
    """Answers each request from `script` (`protocols.CloudModel`).

    `script` maps the last message to the answer, or is a function of the request; an exception is raised in
    the answer's place. Answers come in pieces of `piece` characters, so that readers meet every cut.
    `requests` keeps what arrived, in order; `most_at_once` the most answers that were under way together.
    """

    def __init__(
        self, script: Script, *, name: str = "scripted-cloud", host: str = "cloud.test", piece: int = 3
    ) -> None:
        self.name = name
        self.host = host
        self.requests: list[MaskedRequest] = []
        self.most_at_once = 0
        self._script = script
        self._piece = piece
        self._at_once = 0

    async def stream(self, request: MaskedRequest) -> AsyncIterator[Delta]:
        self.requests.append(request)
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await asyncio.sleep(0)
            answer = self._answer(request)
            if isinstance(answer, Exception):
                raise answer
            for start in range(0, len(answer), self._piece):
                yield Delta(answer[start : start + self._piece])
                await asyncio.sleep(0)
            prompt = sum(len(message.content) for message in request.messages)
            yield Delta("", finish="stop", tokens=Tokens(prompt=prompt, completion=len(answer)))
        finally:
            self._at_once -= 1

    def _answer(self, request: MaskedRequest) -> Answer:
        if callable(self._script):
            return self._script(request)
        question = request.messages[-1].content
        if question not in self._script:
            raise KeyError(f"The script has no answer to {question!r}: add one, or script a function.")
        return self._script[question]

"""A model that speaks at the pace of a real one, or waits until the test lets it go on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

from endcloud.testing.scripted_model import Line, ScriptedModel
from endcloud.types import Delta, Request


class PacedModel:
    """`ScriptedModel`, `pause` seconds between two characters; at `hold` it waits for `go` (`protocols.ChatModel`)."""

    def __init__(
        self, script: Mapping[str, Line | str], name: str, pause: float = 0.0, hold: str = "", wait: float = 0.0
    ) -> None:
        self.name = name
        self.go = asyncio.Event()
        self._model = ScriptedModel(script, name)
        self._pause, self._hold, self._wait = pause, hold, wait

    @property
    def requests(self) -> list[Request]:
        return self._model.requests

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        await asyncio.sleep(self._wait)
        async for delta in self._model.stream(request):
            if self._hold and delta.text == self._hold:
                await self.go.wait()
            await asyncio.sleep(self._pause)
            yield delta

"""`endcloud chat`: talk to a version on the terminal."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from endcloud.cli.console import Console
from endcloud.cli.options import HERE, JsonOption, ShopOption
from endcloud.errors import UnrestorableError
from endcloud.types import Message, Request, Sampling

if TYPE_CHECKING:
    from endcloud.protocols import ChatModel

_VERSION_HELP = "Which version answers; `base` is the bare model. Without it, the one in service."


def chat(
    version: Annotated[str, typer.Option(metavar="VERSION", help=_VERSION_HELP)] = "",
    message: Annotated[
        list[str] | None, typer.Option("--message", "-m", help="Say this (repeatable) and end, instead of asking.")
    ] = None,
    shop: ShopOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Talk to the end model on the terminal; it streams and keeps the context."""
    from endcloud.assembly import Shop

    console = Console(as_json)
    with Shop.open(shop, console) as opened:
        model, name = opened.answering(version)
        conversation = Conversation(console, model, opened.sampling, name)
        console.text(f"{opened.settings.shop.name}: {name} answers. /new begins anew, /quit ends.", style="dim")
        for said in message or []:
            console.text(f"顾客 ▸ {said}")
            conversation.hear(said)
        if not message:
            _talk(conversation, as_json)
    console.result({"version": name, "messages": [[m.role, m.content] for m in conversation.messages]})


def _talk(conversation: Conversation, as_json: bool) -> None:
    while True:
        try:
            said = input("顾客 ▸ " if sys.stdin.isatty() and not as_json else "").strip()
        except EOFError:
            return
        if said in ("/quit", "/exit"):
            return
        if said == "/new":
            conversation.messages.clear()
        elif said:
            conversation.hear(said)


class Conversation:
    """One conversation on the terminal, kept as the customer sees it."""

    def __init__(self, console: Console, model: ChatModel, sampling: Sampling, name: str) -> None:
        self.messages: list[Message] = []
        self._console = console
        self._model = model
        self._sampling = sampling
        self._name = name

    def hear(self, said: str) -> None:
        """The customer says something; the answer streams. An answer that fails leaves the conversation as it was."""
        self.messages.append(Message("user", said))
        try:
            reply = asyncio.run(self._answer())
        except UnrestorableError as error:
            self.messages.pop()
            self._console.end_stream()
            self._console.say(f"(The reply is withheld: {error})")
            return
        self.messages.append(Message("assistant", reply))

    async def _answer(self) -> str:
        request = Request(tuple(self.messages), sampling=self._sampling)
        parts: list[str] = []
        self._console.stream(f"{self._name} ▸ ", style="bold cyan")
        async for delta in self._model.stream(request):
            parts.append(delta.text)
            self._console.stream(delta.text)
        self._console.end_stream()
        return "".join(parts)

"""An end model that has learned nothing but its script."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

from endcloud.errors import VersionError
from endcloud.protocols import Progress
from endcloud.types import Delta, Message, Reply, Request, Sampling, Tokens


class EchoingEnd:
    """Answers with what its version has learned, and repeats the question where it has not (`protocols.EndModel`).

    `learned` maps a version's digest to its answers (last message to reply); "base" has learned nothing.
    A trainer that shares the mapping makes a loop in which learning can be seen.
    """

    def __init__(self, learned: Mapping[str, Mapping[str, str]] | None = None, version: str = "base") -> None:
        self.name = "echoing-end"
        self.version = version
        self._learned = {} if learned is None else learned

    def at(self, version: str) -> EchoingEnd:
        if version != "base" and version not in self._learned:
            raise VersionError(f"The end model has no version {version!r}: train one, or ask for 'base'.")
        return EchoingEnd(self._learned, version)

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        answer = self._answer(request.messages)
        for character in answer:
            yield Delta(character)
        yield Delta("", finish="stop", tokens=_tokens(request.messages, answer))

    def answer_all(
        self, conversations: Sequence[Sequence[Message]], sampling: Sampling, progress: Progress
    ) -> list[Reply]:
        replies = []
        with progress.task("answer", len(conversations), "replies") as task:
            for messages in conversations:
                text = self._answer(messages)
                tokens = _tokens(messages, text)
                replies.append(Reply(text, author="end", model=self.name, version=self.version, tokens=tokens))
                task.advance()
        return replies

    def _answer(self, messages: Sequence[Message]) -> str:
        question = messages[-1].content
        return self._learned.get(self.version, {}).get(question, question)


def _tokens(messages: Sequence[Message], answer: str) -> Tokens:
    """One character is one token here."""
    return Tokens(prompt=sum(len(message.content) for message in messages), completion=len(answer))

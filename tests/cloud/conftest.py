"""A cloud as the loop meets it: the real client behind a model that only wraps requests, and a real store."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from endcloud.cloud.client import OpenAICloud
from endcloud.protocols import CloudModel
from endcloud.store.budget import StoredBudget
from endcloud.store.database import Database, sqlite_url
from endcloud.store.labels import StoredLabels
from endcloud.testing.loopback_cloud import LoopbackCloud
from endcloud.types import Delta, Example, MaskedRequest, Message, Request


class Unguarded:
    """A chat model around a cloud client that masks nothing: these tests send no personal data."""

    def __init__(self, cloud: CloudModel) -> None:
        self.name, self._cloud = cloud.name, cloud

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        masked = MaskedRequest(request.messages, request.purpose, request.conversation, request.sampling, {}, "none")
        async for delta in self._cloud.stream(masked):
            yield delta


@pytest.fixture
def serve() -> Iterator[Callable[..., LoopbackCloud]]:
    with ExitStack() as stack:
        yield lambda *args, **settings: stack.enter_context(LoopbackCloud(*args, **settings))


@pytest.fixture
def unguarded() -> Callable[..., Unguarded]:
    return lambda server, **settings: Unguarded(OpenAICloud(server.base_url, "loopback", "key-123", **settings))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(sqlite_url(tmp_path / "store.db"))
    yield opened
    opened.close()


@pytest.fixture
def labels(database: Database) -> StoredLabels:
    return StoredLabels(database)


@pytest.fixture
def budget(database: Database) -> StoredBudget:
    return StoredBudget(database, 1000.0)


@pytest.fixture
def example() -> Callable[..., Example]:
    def make(number: int, query: str = "", reply: str = "亲，可以的哦", **changes: object) -> Example:
        values: dict[str, object] = {
            "id": f"e{number}",
            "dialogue": f"d{number}",
            "subject": "s",
            "messages": (Message("user", query or f"第{number}个问题怎么办"),),
            "reply": reply,
            "origin": "natural",
            "source": "test",
            "split": "train",
        }
        return Example(**{**values, **changes})  # type: ignore[arg-type]

    return make

"""Talking to the service as the customer's page does: says something, and hears what happens."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx


def heard(client: httpx.Client, path: str, until: str, most: int = 50) -> Iterator[tuple[str, dict[str, Any]]]:
    """The events of a stream up to the first one named `until`."""
    with client.stream("GET", path) as stream:
        assert stream.status_code == 200, stream.read()
        kind = ""
        for line in stream.iter_lines():
            if line.startswith("event: "):
                kind = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield kind, json.loads(line.removeprefix("data: "))
                most -= 1
                if kind == until or not most:
                    return


def say(client: httpx.Client, text: str, name: str = "q1", conversation: str = "c") -> httpx.Response:
    return client.post(f"/v1/conversations/{conversation}/turns", json={"id": name, "text": text})


def reply_of(client: httpx.Client, query: str, conversation: str = "c") -> dict[str, Any]:
    """Waits for the reply to a query by the events."""
    for kind, event in heard(client, f"/v1/conversations/{conversation}/events", "never"):
        if kind == "turn" and event["answers"] == query:
            return event
    raise AssertionError("no reply came")

"""Asks a full server for answers and times what it says, from a process that does nothing else.

    python benchmarks/serving_refusals.py PORT KEY CONNECTIONS AT_ONCE

`benchmarks/serving.py` starts it beside itself, so that reading the answers under way is not what is measured. The
requests are made before the clock starts, every connection is open by then, and no event loop stands between: a
request of AT_ONCE is timed from the moment it is handed to the system to the moment the head of its answer can be
read. Waits for a line on its input, asks, and prints a list of [status, seconds] as JSON.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time

QUESTION = "你好，我的电话是13812345678，满多少包邮？付款后多久发货？"


def request(key: str) -> bytes:
    """A streamed chat completion as it goes over the wire."""
    body = json.dumps({"model": "", "stream": True, "messages": [{"role": "user", "content": QUESTION}]}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n"
    return f"{head}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


def answers(connections: list[socket.socket], asked: bytes) -> list[tuple[int, float]]:
    """Asks on all connections at once; status and seconds of each."""
    found: list[tuple[int, float]] = []
    with selectors.DefaultSelector() as ready:
        for connection in connections:
            ready.register(connection, selectors.EVENT_READ, (connection, time.perf_counter()))
            connection.sendall(asked)
        while len(found) < len(connections):
            events = ready.select(timeout=60)
            now = time.perf_counter()
            if not events:
                raise SystemExit("No answer within a minute.")
            for key, _ in events:
                connection, began = key.data
                found.append((int(connection.recv(65_536).split(maxsplit=2)[1]), now - began))
                ready.unregister(connection)
                connection.close()
    return found


def main() -> None:
    port, key, number, at_once = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    asked = request(key)
    connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(number)]
    print("connected", flush=True)
    sys.stdin.readline()
    found: list[tuple[int, float]] = []
    for start in range(0, number, at_once):
        found += answers(connections[start : start + at_once], asked)
    print(json.dumps(found))


if __name__ == "__main__":
    main()

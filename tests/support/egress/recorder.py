"""What goes to a cloud, byte by byte: a loopback relay before the real (stand-in) server that writes down what it gets.

The relay knows nothing of HTTP, so nothing that is sent can be missed because it stands in an unexpected place.
"""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socket import SHUT_WR, create_connection, socket
from urllib.parse import urlsplit


@contextmanager
def recorded(url: str, folder: Path) -> Iterator[str]:
    """Relays to `url`; gives the URL to ask instead. Each connection's bytes lie in a file of `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = urlsplit(url)
    target, numbers, lock = (parts.hostname or "", parts.port or 80), iter(range(10**9)), threading.Lock()

    class Relay(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with lock:
                number = next(numbers)
            with create_connection(target) as cloud, (folder / f"{number:06}.bytes").open("wb") as record:
                back = threading.Thread(target=_pump, args=(cloud, self.request), daemon=True)
                back.start()
                while piece := self.request.recv(1 << 16):
                    record.write(piece)
                    record.flush()
                    cloud.sendall(piece)
                with suppress(OSError):
                    cloud.shutdown(SHUT_WR)
                back.join()

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        request_queue_size = 128

    with Server(("127.0.0.1", 0), Relay) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}{parts.path}"
        finally:
            server.shutdown()


def _pump(source: socket, sink: socket) -> None:
    with suppress(OSError):
        while piece := source.recv(1 << 16):
            sink.sendall(piece)


def bodies(folder: Path) -> Iterator[dict[str, object]]:
    """The JSON bodies of the recorded requests. Raises ValueError where a connection held anything else."""
    for path in sorted(folder.glob("*.bytes")):
        rest = path.read_bytes()
        while rest:
            head, separator, rest = rest.partition(b"\r\n\r\n")
            length = next(
                (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), None
            )
            if not separator or length is None:
                raise ValueError(f"{path.name} holds bytes that are no request with a length: {head[:80]!r}")
            body, rest = rest[:length], rest[length:]
            yield json.loads(body)

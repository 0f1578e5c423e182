"""Another site on loopback: a shop's own page, under a strict policy of its own, that embeds the chat."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGE = """<!doctype html><html dir="rtl" lang="ar"><title>A shop</title>
<script type="module" src="{chat}/chat.js"></script><endcloud-chat></endcloud-chat></html>"""
POLICY = "default-src 'none'; script-src {chat}; connect-src {chat}; require-trusted-types-for 'script'"


class _Site:
    def __init__(self) -> None:
        self.chat = ""
        self.url = ""

    def show(self, chat: str) -> None:
        """Embeds the chat of the service at `chat`."""
        self.chat = chat


@contextmanager
def foreign_site() -> Iterator[_Site]:
    site = _Site()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = PAGE.format(chat=site.chat).encode() if self.path == "/" else b""
            self.send_response(200 if body else 204)
            self.send_header("content-type", "text/html; charset=utf-8")
            self.send_header("content-security-policy", POLICY.format(chat=site.chat))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing to say."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    site.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()

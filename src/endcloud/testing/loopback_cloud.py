"""A cloud on this machine that speaks the OpenAI wire format and fails on request.

A real HTTP server on a loopback port, so that client, retries, budget and resumption are tested through the seam
they meet in life. What it answers and how it fails is given by two functions; it notes every call it got.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal, cast

Fault = Literal[
    "rate limit",  # 429 with retry-after
    "server error",  # 500
    "unavailable",  # 503 without a body
    "timeout",  # says nothing for `silence` seconds, then hangs up
    "stall",  # half an answer, then silence
    "cut",  # half an answer, then the connection is gone
    "no finish",  # an orderly end without a finish reason
    "bad json",  # a chunk that is no JSON
    "not the protocol",  # JSON of another form
    "not even http",  # an HTML page with status 200
    "error in stream",
    "hang up",  # closes without a word
    "refused",  # 400
    "bad key",  # 401
    "no model",  # 404
    "content filter",
    "length",
    "empty",
]
Answer = Callable[[list[dict[str, str]]], str]


@dataclass(frozen=True, slots=True)
class Call:
    """One call as the server saw it: its number from 0, what was asked, and how it was made to fail."""

    number: int
    body: Mapping[str, object]
    question: str
    fault: Fault | None
    key: str


class LoopbackCloud:
    """`with LoopbackCloud() as cloud:` serves at `cloud.base_url` until the block ends.

    `answer` makes the reply from the messages; `fault` names how call number n with these messages fails, or None.
    `seconds` is how long each answer takes, `silence` how long a silent one. `logprob` is what it tells of each of its
    tokens (a character each) to a call that asks for log-probabilities.
    """

    def __init__(
        self,
        answer: Answer = lambda messages: "好的，" + messages[-1]["content"],
        fault: Callable[[int, str], Fault | None] = lambda number, question: None,
        *,
        seconds: float = 0.0,
        silence: float = 5.0,
        retry_after: str = "0.01",
        usage: Mapping[str, object] | None = None,
        logprob: float | None = None,
    ) -> None:
        self.logprob = logprob
        self._answer, self._fault = answer, fault
        self.seconds, self.silence, self.retry_after, self.usage = seconds, silence, retry_after, usage
        self.calls: list[Call] = []
        self.answered: list[str] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.cloud = self

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> LoopbackCloud:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    def note(self, body: Mapping[str, object], key: str) -> Call:
        """Records a call and decides how it goes."""
        question = cast("list[dict[str, str]]", body["messages"])[-1]["content"]
        with self._lock:
            call = Call(len(self.calls), body, question, self._fault(len(self.calls), question), key)
            self.calls.append(call)
        return call

    def reply(self, call: Call) -> str:
        """What a call is answered with."""
        if call.fault == "empty":
            return ""
        return self._answer(cast("list[dict[str, str]]", call.body["messages"]))

    def wait(self, seconds: float) -> None:
        """Waits, but not beyond the end of the server."""
        self._closing.wait(seconds)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    cloud: LoopbackCloud

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that is killed in mid-stream is what this server is for."""


_STATUS: Mapping[str, tuple[int, str, str]] = {
    "rate limit": (429, "Too many requests.", "rate_limit_exceeded"),
    "server error": (500, "The server had an error.", "server_error"),
    "unavailable": (503, "", ""),
    "refused": (400, "Your request was refused by our safety system.", "content_policy_violation"),
    "bad key": (401, "Incorrect API key provided.", "invalid_api_key"),
    "no model": (404, "The model does not exist.", "model_not_found"),
}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""

    def do_POST(self) -> None:
        cloud = cast(_Server, self.server).cloud
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        call = cloud.note(body, (self.headers.get("authorization") or "").removeprefix("Bearer "))
        if cloud.seconds:
            time.sleep(cloud.seconds)
        with suppress(ConnectionError):
            self._respond(cloud, call)

    def _respond(self, cloud: LoopbackCloud, call: Call) -> None:
        if call.fault is not None and call.fault in _STATUS:
            self._refuse(cloud, *_STATUS[call.fault])
        elif call.fault == "timeout":
            cloud.wait(cloud.silence)
            self.close_connection = True
        elif call.fault == "hang up":
            self.close_connection = True
        elif call.fault == "not even http":
            self._send(200, "text/html", b"<html><body>login</body></html>")
        else:
            self._stream(cloud, call)

    def _refuse(self, cloud: LoopbackCloud, status: int, message: str, code: str) -> None:
        error = {"error": {"message": message, "type": code, "param": None, "code": code}}
        extra = {"retry-after": cloud.retry_after} if status == 429 else {}
        self._send(status, "application/json", json.dumps(error).encode() if message else b"", extra)

    def _send(self, status: int, kind: str, body: bytes, extra: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"content-type": kind, "content-length": str(len(body)), **(extra or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, cloud: LoopbackCloud, call: Call) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        text = cloud.reply(call)
        for event in self._events(cloud, call, text):
            if event is None:
                self.close_connection = True
                return
            data = f"data: {event}\n\n".encode()
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")
        if call.fault in (None, "empty"):
            cloud.answered.append(call.question)

    def _events(self, cloud: LoopbackCloud, call: Call, text: str) -> Iterator[str | None]:
        """The stream's events; None hangs up."""
        half = text[: max(1, len(text) // 2)]
        sure = cloud.logprob if call.body.get("logprobs") else None
        yield _chunk({"role": "assistant", "content": half}, logprob=sure)
        if call.fault == "cut":
            yield None
        elif call.fault == "stall":
            cloud.wait(cloud.silence)
            yield None
        elif call.fault == "bad json":
            yield '{"id": "x", "choices": [{"del'
        elif call.fault == "not the protocol":
            yield json.dumps({"choices": "none today", "object": 7})
        elif call.fault == "error in stream":
            yield json.dumps({"error": {"message": "The model crashed.", "type": "server_error"}})
        elif call.fault == "no finish":
            yield "[DONE]"
        else:
            finish = {"content filter": "content_filter", "length": "length"}.get(call.fault or "", "stop")
            yield _chunk({"content": text[len(half) :]}, logprob=sure)
            yield _chunk({}, finish)
            yield _chunk(None, usage=cloud.usage or _usage(call, text))
            yield "[DONE]"


def _usage(call: Call, text: str) -> dict[str, object]:
    prompt = sum(len(message["content"]) for message in cast("list[dict[str, str]]", call.body["messages"]))
    return {"prompt_tokens": prompt, "completion_tokens": len(text), "total_tokens": prompt + len(text)}


def _chunk(
    delta: dict[str, str] | None,
    finish: str | None = None,
    usage: Mapping[str, object] | None = None,
    logprob: float | None = None,
) -> str:
    choice: dict[str, object] = {"index": 0, "delta": delta, "finish_reason": finish}
    if delta is not None and logprob is not None:
        choice["logprobs"] = {"content": [_token(character, logprob) for character in delta["content"]]}
    choices = [] if delta is None else [choice]
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "loopback", "choices": choices}
    return json.dumps({**chunk, "usage": usage}, ensure_ascii=False)


def _token(text: str, logprob: float) -> dict[str, object]:
    """A token as the wire has it; the second likeliest lies one nat below."""
    likeliest = [{"token": text, "logprob": logprob}, {"token": "", "logprob": logprob - 1.0}]
    return {"token": text, "logprob": logprob, "bytes": None, "top_logprobs": likeliest}

"""The OpenAI chat-completions format as the stand-in cloud speaks it: requests in, replies, streams and errors out.

Only what a client of a real provider would meet: `choices` with a `finish_reason`, a `usage` object with the tokens
that were in the provider's prefix cache, server-sent events ended by `[DONE]`, and errors as
`{"error": {message, type, param, code}}` (the openai client leaves `code` and `param` empty for any other shape).
Token counts are estimates, since the stand-in has no tokeniser. Pure: no sockets, no clock.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

MODEL = "standin-cloud"
_TOKENS_PER_HANZI = 0.7
_CHARACTERS_PER_TOKEN = 4  # of Latin text, digits and spaces
_DEFAULT_MAX_TOKENS = 4096
_PIECE = 6  # characters in one streamed delta
_BLOCK = 512  # characters in one block of the prefix cache


class WireError(Exception):
    """A request that is answered with an error object; `status` is the HTTP status."""

    def __init__(self, status: int, message: str, *, type: str, param: str | None = None, code: str | None = None):
        super().__init__(message)
        self.status = status
        self.body = {"error": {"message": message, "type": type, "param": param, "code": code}}


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of the request; `role` is whatever the client sent."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What was asked, after checks. `max_tokens` bounds the reply, in estimated tokens."""

    turns: tuple[Turn, ...]
    stream: bool
    with_usage: bool
    max_tokens: int
    digest: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Estimated tokens of a call; `cached` is the part of `prompt` whose prefix was seen before."""

    prompt: int
    completion: int
    cached: int

    def as_json(self) -> dict[str, Any]:
        return {
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "total_tokens": self.prompt + self.completion,
            "prompt_tokens_details": {"cached_tokens": self.cached},
        }


def _invalid(message: str, param: str | None = None, code: str | None = None) -> WireError:
    return WireError(400, message, type="invalid_request_error", param=param, code=code)


def read_request(body: bytes) -> ChatRequest:
    """Parses the body of a chat-completions request; raises WireError (400 or 404) where a provider would refuse."""
    try:
        payload = json.loads(body)
    except ValueError:
        raise _invalid("The body of the request is not valid JSON.", code="invalid_json") from None
    if not isinstance(payload, dict):
        raise _invalid("The body of the request must be a JSON object.")
    _check_model(payload.get("model"))
    if payload.get("n", 1) not in (1, None):
        raise _invalid("The stand-in gives one choice: leave `n` out or set it to 1.", "n", "unsupported_value")
    options = payload.get("stream_options") or {}
    if not isinstance(options, dict):
        raise _invalid("`stream_options` must be an object.", "stream_options")
    return ChatRequest(
        turns=_turns(payload.get("messages")),
        stream=payload.get("stream") is True,
        with_usage=options.get("include_usage") is True,
        max_tokens=_max_tokens(payload),
        digest=hashlib.sha256(body).hexdigest(),
    )


def _check_model(model: object) -> None:
    if not isinstance(model, str) or not model:
        raise _invalid("You must provide a `model`.", "model")
    if model != MODEL:
        message = f"The model {model!r} does not exist here; this stand-in serves {MODEL!r}."
        raise WireError(404, message, type="invalid_request_error", param="model", code="model_not_found")


def _max_tokens(payload: dict[str, Any]) -> int:
    for name in ("max_completion_tokens", "max_tokens"):
        value = payload.get(name)
        if value is None:
            continue
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise _invalid(f"`{name}` must be a positive integer, not {value!r}.", name)
        return value
    return _DEFAULT_MAX_TOKENS


def _turns(messages: object) -> tuple[Turn, ...]:
    if not isinstance(messages, list) or not messages:
        raise _invalid("`messages` must be a non-empty list.", "messages")
    turns = tuple(_turn(message, f"messages[{index}]") for index, message in enumerate(messages))
    if not any(turn.role == "user" for turn in turns):
        raise _invalid("`messages` holds no message of the role 'user', so there is nothing to answer.", "messages")
    return turns


def _turn(message: object, param: str) -> Turn:
    if not isinstance(message, dict) or message.get("role") not in ("system", "developer", "user", "assistant"):
        raise _invalid(f"{param} needs a `role` of 'system', 'developer', 'user' or 'assistant'.", param)
    content = message.get("content")
    if isinstance(content, list):  # the form with parts: the text ones count
        content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    if not isinstance(content, str):
        raise _invalid(f"{param}.content must be a text.", f"{param}.content")
    return Turn("system" if message["role"] == "developer" else str(message["role"]), content)


def estimate_tokens(text: str) -> int:
    """About how many tokens a provider would count, from the lengths in characters and in UTF-8 bytes."""
    hanzi = (len(text.encode("utf-8", "surrogatepass")) - len(text)) / 2  # a hanzi has three bytes
    return int(hanzi * _TOKENS_PER_HANZI + (len(text) - hanzi) / _CHARACTERS_PER_TOKEN) + 1


def cut(text: str, max_tokens: int) -> tuple[str, str]:
    """The reply within `max_tokens`, and its finish reason."""
    if estimate_tokens(text) <= max_tokens:
        return text, "stop"
    kept = text
    while kept and estimate_tokens(kept) > max_tokens:
        kept = kept[:-1]
    return kept, "length"


class PrefixCache:
    """Which prompt prefixes were seen before, block by block, as a provider's context cache counts them.

    Each block's key holds the digest of all before it, so only byte-identical prefixes count. The least
    recently used blocks are forgotten.
    """

    def __init__(self, blocks: int = 16_384) -> None:
        self._blocks = blocks
        self._seen: OrderedDict[bytes, None] = OrderedDict()
        self._lock = Lock()

    def cached_tokens(self, turns: Sequence[Turn]) -> int:
        """Estimated tokens of the longest known prefix of these turns, which are then known too."""
        prompt = "\x1e".join(f"{turn.role}\x1f{turn.content}" for turn in turns)
        known, unbroken, chain = 0, True, hashlib.blake2b(digest_size=16)
        with self._lock:
            for start in range(0, len(prompt) - _BLOCK + 1, _BLOCK):
                chain.update(prompt[start : start + _BLOCK].encode("utf-8", "surrogatepass"))
                key = chain.digest()
                unbroken = unbroken and key in self._seen
                known = start + _BLOCK if unbroken else known
                self._seen[key] = None
                self._seen.move_to_end(key)
            while len(self._seen) > self._blocks:
                self._seen.popitem(last=False)
        return estimate_tokens(prompt[:known]) if known else 0


def completion(request: ChatRequest, text: str, finish: str, usage: Usage, created: int) -> dict[str, Any]:
    """The body of a plain reply; `created` is in seconds since 1970."""
    message = {"role": "assistant", "content": text, "refusal": None}
    return {
        "id": f"chatcmpl-{request.digest[:24]}",
        "object": "chat.completion",
        "created": created,
        "model": MODEL,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}],
        "usage": usage.as_json(),
    }


def events(request: ChatRequest, text: str, finish: str, usage: Usage, created: int) -> Iterator[bytes]:
    """A streamed reply as server-sent events: role, pieces of text, finish reason, usage where asked for, `[DONE]`."""
    frame = {
        "id": f"chatcmpl-{request.digest[:24]}",
        "object": "chat.completion.chunk",
        "created": created,
        "model": MODEL,
    }

    def chunk(delta: dict[str, str], reason: str | None = None) -> bytes:
        return event({**frame, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}]})

    yield chunk({"role": "assistant", "content": ""})
    for start in range(0, len(text), _PIECE):
        yield chunk({"content": text[start : start + _PIECE]})
    yield chunk({}, finish)
    if request.with_usage:
        yield event({**frame, "choices": [], "usage": usage.as_json()})
    yield b"data: [DONE]\n\n"


def event(payload: dict[str, Any]) -> bytes:
    """One server-sent event."""
    return b"data: " + json.dumps(payload, ensure_ascii=False).encode("utf-8", "replace") + b"\n\n"

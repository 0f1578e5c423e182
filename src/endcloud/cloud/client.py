"""The one place that opens a connection to a cloud.

Any OpenAI-compatible endpoint, through the `openai` SDK: Gemini (the paper's teacher), Qwen, DeepSeek, GLM, vLLM,
Ollama. The client takes only a `MaskedRequest`, which only `endcloud.privacy` constructs, so nothing that was not
masked can leave by accident. It asks once: the SDK's own retries are switched off, because a retry inside a retry
multiplies attempts and costs; `endcloud.cloud.retry` is the one policy. Whatever goes wrong becomes a `CloudError`;
no exception of the SDK or of the HTTP library below it leaves this file.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from urllib.parse import urlsplit

import httpx2
import openai
from openai.types.chat import ChatCompletionChunk
from openai.types.chat.chat_completion_chunk import Choice

from endcloud.errors import (
    CloudAccessError,
    CloudBusyError,
    CloudError,
    CloudMalformedError,
    CloudRefusedError,
    CloudTimeoutError,
    CloudUnavailableError,
    SettingsError,
)
from endcloud.types import Delta, Drawn, Finish, MaskedRequest, Tokens

# Finish reasons of the wire and ours. A tool call is no answer: we offer no tools.
_FINISHES: Mapping[str, Finish] = {
    "stop": "stop",
    "length": "length",
    "max_tokens": "length",
    "content_filter": "content_filter",
    "safety": "content_filter",
    "sensitive": "content_filter",
}
# What providers call the prompt tokens that they had in their cache, innermost name last.
_CACHED_NAMES: tuple[tuple[str, ...], ...] = (
    ("prompt_tokens_details", "cached_tokens"),  # OpenAI, Gemini, Qwen, vLLM
    ("prompt_cache_hit_tokens",),  # DeepSeek
    ("cached_tokens",),  # Moonshot
    ("cache_read_input_tokens",),  # Anthropic-compatible gateways
    ("cached_content_token_count",),  # Gemini's own name, through gateways
    ("input_tokens_details", "cached_tokens"),
)


class OpenAICloud:
    """A cloud model by URL, model name and key.

    `base_url` includes the version path ("https://…/v1"). `timeout` is the longest silence, in seconds, that is
    waited for: to connect, and between two pieces of a stream. The key is never part of a message or a repr.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        key: str,
        *,
        timeout: float = 60.0,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        address = urlsplit(base_url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise SettingsError(
                f"The cloud's base URL {base_url!r} is no http(s) address; write one such as https://host/v1."
            )
        if not model:
            raise SettingsError("The cloud's model has no name; set it to one that the endpoint serves.")
        self.name = model
        self.host = address.netloc.rpartition("@")[2]
        self._key = key
        self._extra = dict(extra or {})
        self._base_url, self._timeout = base_url, httpx2.Timeout(timeout, pool=None)
        # A proxy from the environment is right for the internet and wrong for a server on this machine.
        self._proxies = address.hostname not in ("localhost", "127.0.0.1", "::1")
        self._open: tuple[asyncio.AbstractEventLoop, openai.AsyncOpenAI] | None = None

    def __repr__(self) -> str:
        return f"OpenAICloud(model={self.name!r}, host={self.host!r})"

    async def stream(self, request: MaskedRequest) -> AsyncIterator[Delta]:
        """Asks once and yields the reply's pieces; the last delta carries `finish` and the tokens.

        Raises a `CloudError`: `CloudMalformedError` where the stream ends without a finish reason.
        """
        usage, finish, refused = Tokens(), None, False
        failure: CloudError | None = None
        try:
            async with aclosing(self._chunks(request)) as chunks:
                async for chunk in chunks:
                    usage = _tokens(chunk) or usage
                    for choice in (chunk.choices or [])[:1]:
                        refused = refused or bool(choice.delta and choice.delta.refusal)
                        finish = _finish(choice.finish_reason) or finish
                        text = (choice.delta.content if choice.delta else None) or ""
                        if text or choice.logprobs:
                            yield Delta(text, drawn=_drawn(choice))
        except Exception as error:
            failure = self._own(error)
        if failure is not None:
            # Raised out here, so that the SDK's error is not even its context: that would hold the request, with the
            # key, and keep the broken connection's generators alive until the event loop is gone.
            raise failure
        if finish is None:
            raise CloudMalformedError(
                f"The stream of {self.name!r} ended without a finish reason, so the answer was cut off; ask again."
            )
        yield Delta("", finish="content_filter" if refused else finish, tokens=usage if usage != Tokens() else None)

    async def close(self) -> None:
        """Closes the connections."""
        if self._open is not None:
            await self._open[1].close()
            self._open = None

    def _client(self) -> openai.AsyncOpenAI:
        """The SDK's client of the running event loop: its connections cannot outlive the loop they were made in."""
        loop = asyncio.get_running_loop()
        if self._open is None or self._open[0] is not loop:
            client = openai.AsyncOpenAI(
                base_url=self._base_url,
                api_key=self._key or "none",
                max_retries=0,
                timeout=self._timeout,
                http_client=openai.DefaultAsyncHttpxClient(trust_env=self._proxies),
            )
            self._open = (loop, client)
        return self._open[1]

    async def _chunks(self, request: MaskedRequest) -> AsyncGenerator[ChatCompletionChunk]:
        sampling = request.sampling
        body: dict[str, object] = {
            "model": self.name,
            "messages": [{"role": message.role, "content": message.content} for message in request.messages],
            "stream": True,
            "stream_options": {"include_usage": True},
            "temperature": sampling.temperature,
            "max_tokens": sampling.max_tokens,
            **({"top_p": sampling.top_p} if sampling.temperature > 0 else {}),
            **({"seed": sampling.seed} if sampling.seed is not None else {}),
            **self._extra,
        }
        # The SDK's own `chat.completions.create` walks every message against its types: 2 ms a call, a third of all.
        stream = await self._client().post(
            "/chat/completions",
            cast_to=ChatCompletionChunk,
            body=body,
            stream=True,
            stream_cls=openai.AsyncStream[ChatCompletionChunk],
        )
        async with stream:
            async for chunk in stream:
                yield chunk

    def _own(self, error: Exception) -> CloudError:
        """What the SDK, the HTTP library, a broken body or a broken connection raised, in our tree of errors."""
        if isinstance(error, CloudError):
            return error
        if isinstance(error, (openai.OpenAIError, httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL)):
            return self._translated(error)
        if isinstance(error, OSError):
            return CloudUnavailableError(f"The connection to {self.host} broke ({type(error).__name__}); ask again.")
        # The SDK does not check a chunk's form: what is not the protocol surfaces as any error whatever.
        return CloudMalformedError(
            f"{self.name!r} sent something that is not the chat protocol ({type(error).__name__}); ask again."
        )

    def _translated(self, error: Exception) -> CloudError:
        said = self._said(error)
        if isinstance(error, (openai.APITimeoutError, httpx2.TimeoutException)):
            return CloudTimeoutError(f"{self.host} gave no answer in time; ask again, or raise the cloud's timeout.")
        if isinstance(error, openai.APIStatusError):
            return _of_status(error, self.name, self.host, said)
        if isinstance(error, (openai.APIConnectionError, httpx2.HTTPError)):
            return CloudUnavailableError(f"No connection to {self.host}: {said} Check the base URL and the network.")
        if isinstance(error, openai.APIError):  # an error object in mid-stream
            return _of_stream(error, self.name, said)
        return CloudMalformedError(f"{self.name!r} answered in a form that the SDK refuses: {said}")

    def _said(self, error: Exception) -> str:
        """The provider's own words, on one line, short, and without the key that some of them repeat."""
        words = " ".join(str(getattr(error, "message", None) or error).split())
        if self._key:
            words = words.replace(self._key, "…")
        return words[:300] + ("" if words.endswith((".", "。", "!")) else ".")


def _of_status(error: openai.APIStatusError, model: str, host: str, said: str) -> CloudError:
    status = error.status_code
    if status == 429 and error.code != "insufficient_quota":
        return CloudBusyError(f"{host} asks us to slow down (429): {said}", _retry_after(error.response.headers))
    if status in (408, 504):
        return CloudTimeoutError(f"{host} gave no answer in time ({status}): {said}")
    if status in (401, 402, 403, 404, 405, 429):
        return CloudAccessError(
            f"{host} refuses every call for model {model!r} ({status}): {said} Check the key's environment variable, "
            "the model's name, the base URL and the account."
        )
    if status == 503 and _retry_after(error.response.headers) is not None:
        return CloudBusyError(f"{host} is overloaded (503): {said}", _retry_after(error.response.headers))
    if status >= 500 or status == 409:
        return CloudUnavailableError(f"{host} failed ({status}): {said}")
    return CloudRefusedError(f"{host} refuses this request ({status}): {said}")


def _of_stream(error: openai.APIError, model: str, said: str) -> CloudError:
    kind = f"{error.code or ''} {error.type or ''}".lower()
    if "rate" in kind or "overload" in kind:
        return CloudBusyError(f"{model!r} asks us to slow down, in mid-stream: {said}")
    if "content_filter" in kind or "safety" in kind:
        return CloudRefusedError(f"{model!r} refuses this request, in mid-stream: {said}")
    return CloudUnavailableError(f"{model!r} failed in mid-stream: {said}")


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from `retry-after-ms` or `retry-after`; a date or nonsense is as good as none."""
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) * scale
        except (KeyError, ValueError):
            continue
        if 0 <= seconds < 86_400:
            return seconds
    return None


def _finish(reason: str | None) -> Finish | None:
    if reason is None or reason == "":
        return None
    finish = _FINISHES.get(reason.lower())
    if finish is None:
        raise CloudMalformedError(f"The cloud finished with {reason!r}, which is no end of a text; ask again.")
    return finish


def _drawn(choice: Choice) -> tuple[Drawn, ...]:
    """What the model thought of its tokens, where the server was asked for it (`extra`) and tells."""
    told = (choice.logprobs.content if choice.logprobs else None) or []
    return tuple(Drawn(token.logprob, _margin([top.logprob for top in token.top_logprobs or []])) for token in told)


def _margin(logprobs: Sequence[float]) -> float:
    """How far the likeliest is above the second; 0 where only one was told."""
    ranked = sorted(logprobs, reverse=True)
    return ranked[0] - ranked[1] if len(ranked) > 1 else 0.0


def _tokens(chunk: ChatCompletionChunk) -> Tokens | None:
    if chunk.usage is None:
        return None
    usage = chunk.usage.to_dict()
    return Tokens(_count(usage, ("prompt_tokens",)), _count(usage, ("completion_tokens",)), cached_tokens(usage))


def cached_tokens(usage: Mapping[str, object]) -> int:
    """The prompt tokens that the provider had in its cache, whatever it calls them; 0 where it does not say."""
    return max((_count(usage, path) for path in _CACHED_NAMES), default=0)


def _count(usage: object, path: tuple[str, ...]) -> int:
    for name in path:
        usage = usage.get(name) if isinstance(usage, Mapping) else None
    return usage if isinstance(usage, int) and usage > 0 else 0

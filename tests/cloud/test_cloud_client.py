"""The client against a real server: what is said arrives, and what fails is one of our errors."""

import asyncio
from collections.abc import Callable

import pytest

from endcloud.cloud.client import OpenAICloud, cached_tokens
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
from endcloud.testing.loopback_cloud import Fault, LoopbackCloud
from endcloud.types import Delta, MaskedRequest, Message, Sampling, Tokens

Serve = Callable[..., LoopbackCloud]


def request(text: str = "在吗", sampling: Sampling | None = None) -> MaskedRequest:
    return MaskedRequest(
        (Message("system", "你是客服"), Message("user", text)), "label", "d1", sampling or Sampling(), {}, ""
    )


def ask(cloud: OpenAICloud, what: MaskedRequest | None = None) -> list[Delta]:
    async def collect() -> list[Delta]:
        return [delta async for delta in cloud.stream(what or request())]

    return asyncio.run(collect())


def client(server: LoopbackCloud, timeout: float = 20.0) -> OpenAICloud:
    return OpenAICloud(server.base_url, "m-1", "secret-key-xyz", timeout=timeout)


def test_a_reply_is_streamed_and_ends_with_finish_and_tokens(serve: Serve) -> None:
    server = serve(lambda messages: "亲，满59元包邮")
    deltas = ask(client(server), request(sampling=Sampling(max_tokens=99, seed=3)))
    assert "".join(d.text for d in deltas) == "亲，满59元包邮"
    assert [d.finish for d in deltas if d.finish] == ["stop"] and deltas[-1].finish == "stop"
    assert deltas[-1].tokens == Tokens(prompt=6, completion=8, cached=0)
    body = server.calls[0].body
    assert body["model"] == "m-1" and body["max_tokens"] == 99 and body["seed"] == 3 and body["temperature"] == 0.0
    assert body["stream_options"] == {"include_usage": True} and server.calls[0].key == "secret-key-xyz"


@pytest.mark.parametrize(
    ("fault", "error", "retryable"),
    [
        ("rate limit", CloudBusyError, True),
        ("server error", CloudUnavailableError, True),
        ("unavailable", CloudUnavailableError, True),
        ("timeout", CloudTimeoutError, True),
        ("stall", CloudTimeoutError, True),
        ("cut", CloudUnavailableError, True),
        ("hang up", CloudUnavailableError, True),
        ("no finish", CloudMalformedError, True),
        ("bad json", CloudMalformedError, True),
        ("not the protocol", CloudMalformedError, True),
        ("not even http", CloudMalformedError, True),
        ("error in stream", CloudUnavailableError, True),
        ("refused", CloudRefusedError, False),
        ("bad key", CloudAccessError, False),
        ("no model", CloudAccessError, False),
    ],
)
def test_every_failure_is_ours_and_asked_once(
    serve: Serve, fault: Fault, error: type[CloudError], retryable: bool
) -> None:
    server = serve(fault=lambda number, question: fault)
    with pytest.raises(CloudError) as raised:
        ask(client(server, timeout=0.4 if fault in ("timeout", "stall") else 20.0))
    assert type(raised.value) is error and raised.value.retryable is retryable
    assert len(server.calls) == 1, "the SDK must not retry on its own"
    assert "secret-key-xyz" not in str(raised.value)
    assert raised.value.__context__ is None and raised.value.__cause__ is None, "nothing of the SDK hangs on to it"


def test_nothing_listening_is_unavailable() -> None:
    with pytest.raises(CloudUnavailableError, match=r"127\.0\.0\.1:9"):
        ask(OpenAICloud("http://127.0.0.1:9/v1", "m", "k", timeout=0.5))


def test_the_provider_says_how_long_to_wait(serve: Serve) -> None:
    for said, seconds in (("2.5", 2.5), ("soon", None), ("-1", None)):
        server = serve(fault=lambda number, question: "rate limit", retry_after=said)
        with pytest.raises(CloudBusyError) as raised:
            ask(client(server))
        assert raised.value.retry_after == seconds


def test_a_key_repeated_by_the_provider_is_not_passed_on(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    from endcloud.testing import loopback_cloud

    said = {**loopback_cloud._STATUS, "bad key": (401, "Incorrect API key: secret-key-xyz.", "invalid_api_key")}
    monkeypatch.setattr(loopback_cloud, "_STATUS", said)
    server = serve(fault=lambda number, question: "bad key")
    with pytest.raises(CloudAccessError) as raised:
        ask(client(server))
    assert "secret-key-xyz" not in str(raised.value) and "secret-key-xyz" not in repr(client(server))


@pytest.mark.parametrize(("fault", "finish"), [("length", "length"), ("content filter", "content_filter")])
def test_an_unusual_end_is_named(serve: Serve, fault: Fault, finish: str) -> None:
    assert ask(client(serve(fault=lambda number, question: fault)))[-1].finish == finish


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens_details": {"cached_tokens": 7}},
        {"prompt_cache_hit_tokens": 7, "prompt_cache_miss_tokens": 1},
        {"cached_tokens": 7},
        {"cache_read_input_tokens": 7},
        {"prompt_tokens_details": None, "cached_content_token_count": 7},
    ],
)
def test_cached_tokens_have_one_name_here(serve: Serve, usage: dict[str, object]) -> None:
    assert cached_tokens(usage) == 7
    server = serve(usage={"prompt_tokens": 8, "completion_tokens": 2, "total_tokens": 10, **usage})
    assert ask(client(server))[-1].tokens == Tokens(8, 2, 7)


def test_one_client_serves_two_event_loops(serve: Serve) -> None:
    cloud = client(serve())
    assert ask(cloud)[-1].finish == ask(cloud)[-1].finish == "stop"


@pytest.mark.parametrize(("url", "model"), [("ftp://x/v1", "m"), ("", "m"), ("http://x/v1", "")])
def test_an_impossible_endpoint_is_a_setting_to_mend(url: str, model: str) -> None:
    with pytest.raises(SettingsError):
        OpenAICloud(url, model, "k")

"""The stand-in cloud as a process: it speaks the OpenAI format, refuses in its form, and goes with its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from urllib.request import urlopen

import openai
import pytest

from endcloud.bundled import standin_cloud

SHOP = """你是青瓦茶铺的客服。

【服务方式】称呼客人为“亲”。

【店铺现行规则】
- 满88元包邮，不满88元的订单收9元运费。
- 下单后30小时内发货。

【问答示例】
问：满多少包邮
答：亲，满66元就包邮的哦
问：什么时候发货呢
答：亲，30小时内发出哦"""
ASKED = [{"role": "system", "content": SHOP}, {"role": "user", "content": "亲，多少钱能免运费"}]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with standin_cloud.running() as base_url:
        yield base_url


@pytest.fixture(scope="module")
def client(url: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=url, api_key="none", max_retries=0, timeout=20)


def test_plain_reply_follows_the_rules_and_counts_tokens(client: openai.OpenAI) -> None:
    reply = client.chat.completions.create(model="standin-cloud", messages=ASKED)
    choice = reply.choices[0]
    assert (reply.model, choice.finish_reason, choice.message.role) == ("standin-cloud", "stop", "assistant")
    assert "88元" in choice.message.content and "66" not in choice.message.content
    assert reply.usage.prompt_tokens > reply.usage.completion_tokens > 0
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens


def test_streamed_reply_equals_the_plain_one(client: openai.OpenAI) -> None:
    plain = client.chat.completions.create(model="standin-cloud", messages=ASKED)
    chunks = list(
        client.chat.completions.create(
            model="standin-cloud", messages=ASKED, stream=True, stream_options={"include_usage": True}
        )
    )
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[0].choices[0].delta.role == "assistant"
    deltas = [chunk.choices[0] for chunk in chunks if chunk.choices]
    assert "".join(choice.delta.content or "" for choice in deltas) == plain.choices[0].message.content
    assert [choice.finish_reason for choice in deltas if choice.finish_reason] == ["stop"]
    assert deltas[-1].finish_reason == "stop" and not deltas[-1].delta.content
    assert chunks[-1].usage.completion_tokens == plain.usage.completion_tokens
    unasked = client.chat.completions.create(model="standin-cloud", messages=ASKED, stream=True)
    assert all(chunk.usage is None for chunk in unasked)


def test_too_small_a_limit_cuts_the_reply_and_says_so(client: openai.OpenAI) -> None:
    reply = client.chat.completions.create(model="standin-cloud", messages=ASKED, max_tokens=3)
    assert reply.choices[0].finish_reason == "length"
    assert 0 < len(reply.choices[0].message.content) < 8


def test_cached_tokens_count_the_prefix_seen_before(client: openai.OpenAI) -> None:
    long = SHOP.replace("青瓦", "黛瓦") + "".join(f"\n问：第{n}款茶叶怎么泡\n答：亲，八十度水泡哦" for n in range(200))
    first, second, other = (
        client.chat.completions.create(
            model="standin-cloud", messages=[{"role": "system", "content": prefix}, {"role": "user", "content": "在吗"}]
        ).usage
        for prefix in (long, long, "变了" + long)
    )
    assert first.prompt_tokens_details.cached_tokens == 0
    assert second.prompt_tokens * 0.8 < second.prompt_tokens_details.cached_tokens <= second.prompt_tokens
    assert other.prompt_tokens_details.cached_tokens == 0


@pytest.mark.parametrize(
    ("change", "error", "code", "param"),
    [
        ({"model": "gpt-9"}, openai.NotFoundError, "model_not_found", "model"),
        ({"messages": []}, openai.BadRequestError, None, "messages"),
        ({"messages": [{"role": "robot", "content": "在吗"}]}, openai.BadRequestError, None, "messages[0]"),
        ({"messages": [{"role": "system", "content": "在吗"}]}, openai.BadRequestError, None, "messages"),
        ({"n": 2}, openai.BadRequestError, "unsupported_value", "n"),
        ({"max_tokens": 0}, openai.BadRequestError, None, "max_tokens"),
    ],
)
def test_bad_requests_get_error_objects(
    client: openai.OpenAI,
    change: dict[str, object],
    error: type[openai.APIStatusError],
    code: str | None,
    param: str,
) -> None:
    with pytest.raises(error) as refused:
        client.chat.completions.create(**{"model": "standin-cloud", "messages": ASKED, **change})  # type: ignore[call-overload]
    assert (refused.value.code, refused.value.param) == (code, param)
    assert refused.value.type == "invalid_request_error" and refused.value.body["message"]


def test_unknown_address_gets_an_error_object(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        client.embeddings.create(model="standin-cloud", input="在吗")
    assert refused.value.code == "unknown_url"


def test_model_list_names_the_standin(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["standin-cloud"]


def test_key_is_checked_where_one_is_set() -> None:
    with standin_cloud.running(key="right") as url:
        right = openai.OpenAI(base_url=url, api_key="right", max_retries=0)
        assert right.chat.completions.create(model="standin-cloud", messages=ASKED).choices
        wrong = openai.OpenAI(base_url=url, api_key="wrong", max_retries=0)
        with pytest.raises(openai.AuthenticationError) as refused:
            wrong.chat.completions.create(model="standin-cloud", messages=ASKED)
        assert refused.value.code == "invalid_api_key"


def test_process_ends_with_the_block_and_with_a_killed_parent() -> None:
    with standin_cloud.running() as url:
        pass
    assert _gone(url)
    script = (
        "import time\nfrom endcloud.bundled import standin_cloud\n"
        "with standin_cloud.running() as url:\n    print(url, flush=True)\n    time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    url = parent.stdout.readline().strip()
    assert not _gone(url, patience=0)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    assert _gone(url)


def _gone(url: str, patience: float = 10) -> bool:
    deadline = time.monotonic() + patience
    while True:
        try:
            urlopen(url.removesuffix("/v1") + "/health", timeout=2).close()
        except OSError:
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.05)


def test_the_process_knows_nothing_of_the_bundled_shop() -> None:
    script = (
        "import sys\nfrom endcloud.bundled import standin_cloud, standin_server\n"
        "from endcloud.bundled.standin_answers import answer\nfrom endcloud.bundled.standin_wire import Turn\n"
        "opened = []\n"
        "sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == 'open' else None)\n"
        "answer([Turn('system', '【问答示例】\\n问：包邮吗\\n答：亲，包邮哦'), Turn('user', '包邮不')])\n"
        "print('\\n'.join(name for name in sys.modules if name.startswith('endcloud')))\n"
        "print('\\n'.join(path for path in opened if 'bundled' in path))"
    )
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    ours = {name.removeprefix("endcloud.bundled.") for name in printed if name.startswith("endcloud.bundled.")}
    assert ours and all(name.startswith("standin_") for name in ours)
    allowed = (
        "endcloud.bundled",
        "endcloud.cloud",
        "endcloud.cloud.persona",
        "endcloud.errors",
        "endcloud.facts",
        "endcloud.numerals",
    )
    assert {name for name in printed if name.startswith("endcloud.")} - {
        f"endcloud.bundled.{name}" for name in ours
    } <= {*allowed}
    read = [line for line in printed if "/" in line and not line.endswith((".py", ".pyc"))]
    assert [line.rsplit("/", 1)[1] for line in read] == ["standin_language.toml"]

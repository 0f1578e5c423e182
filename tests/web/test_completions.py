"""The OpenAI API with the real openai client, over HTTP."""

from __future__ import annotations

import json
from typing import Any

import httpx
import openai
import pytest
from web_conversation import reply_of, say
from web_server import Served

ASKED: list[Any] = [{"role": "user", "content": "满多少包邮"}]
REPLY = "亲，满59元包邮，不满收8元运费。"


@pytest.fixture
def client(served: Served) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{served.url}/v1", api_key=served.keys["customer"], max_retries=0)


def test_a_plain_answer_names_its_route_and_version(client: openai.OpenAI, served: Served) -> None:
    raw = client.chat.completions.with_raw_response.create(model="endcloud", messages=ASKED)
    answer = raw.parse()
    assert answer.choices[0].message.content == REPLY and answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None and answer.usage.completion_tokens == len(REPLY)
    assert (raw.headers["x-endcloud-route"], raw.headers["x-endcloud-version"]) == ("end", "v1")
    turn = served.service.conversations.turn(raw.headers["x-endcloud-turn"])
    assert turn is not None and turn.text == REPLY
    assert [model.id for model in client.models.list()] == ["endcloud"]


def test_a_stream_has_the_wire_format_to_its_end(served: Served) -> None:
    body = {"messages": ASKED, "stream": True, "stream_options": {"include_usage": True}}
    with served.client("customer") as client, client.stream("POST", "/v1/chat/completions", json=body) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = [line.removeprefix("data: ") for line in stream.iter_lines() if line]
    assert lines[-1] == "[DONE]"
    chunks = [json.loads(line) for line in lines[:-1]]
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert chunks[-2]["choices"][0] == {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}
    assert chunks[-1]["choices"] == [] and chunks[-1]["usage"]["completion_tokens"] == len(REPLY)
    assert "".join(c["choices"][0]["delta"].get("content", "") for c in chunks[:-1]) == REPLY


def test_the_cloud_takes_over_and_the_header_says_so(client: openai.OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model="endcloud", messages=[{"role": "user", "content": "难题"}]
    )
    assert raw.headers["x-endcloud-route"] == "cloud"
    assert raw.parse().choices[0].message.content == "云端的回答"


def test_a_clause_that_fails_ends_a_stream_and_gives_way_in_a_plain_call(client: openai.OpenAI, served: Served) -> None:
    asked: list[Any] = [{"role": "user", "content": "坏词"}]
    chunks = list(client.chat.completions.create(model="endcloud", messages=asked, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "满59元包邮，"
    assert chunks[-1].choices[0].finish_reason == "content_filter"
    raw = client.chat.completions.with_raw_response.create(model="endcloud", messages=asked)
    [choice] = raw.parse().choices
    assert (choice.message.content, choice.finish_reason) == ("云端的回答", "stop")
    turns = served.service.conversations.turns(raw.headers["x-endcloud-conversation"])
    assert [turn.text for turn in turns] == ["坏词", "云端的回答"], "nothing was shown of the reply that failed"


def test_a_stop_text_ends_the_turn_that_is_kept_and_is_paid_for(client: openai.OpenAI, served: Served) -> None:
    for stream in (False, True):
        raw = client.chat.completions.with_raw_response.create(
            model="endcloud", messages=ASKED, stop="不满", stream=stream, stream_options={"include_usage": True}
        )
        usage = list(raw.parse())[-1].usage if stream else raw.parse().usage  # type: ignore[union-attr]
        turn = served.service.conversations.turn(raw.headers["x-endcloud-turn"])
        assert turn is not None and (turn.text, turn.finish) == ("亲，满59元包邮，", "stop")
        assert usage.completion_tokens == turn.tokens.completion > 0


@pytest.mark.parametrize(
    ("words", "waiting", "present"),
    [("在吗", "已经为您呼叫人工客服", "正在为您服务"), ("Hello?", "has been called", "looking after you")],
)
@pytest.mark.parametrize("stream", [False, True])
def test_whoever_writes_while_a_person_is_expected_or_there_reads_so(
    served: Served, words: str, waiting: str, present: str, stream: bool
) -> None:
    with served.client("customer") as client, served.client("agent") as agent:

        def says(text: str, **more: Any) -> tuple[httpx.Response, str]:
            body = {"messages": [{"role": "user", "content": text}], "stream": stream} | more
            headers = {"x-endcloud-conversation": "c"}
            response = client.post("/v1/chat/completions", json=body, headers=headers)
            lines = [line.removeprefix("data: ") for line in response.text.splitlines() if line.startswith("data: {")]
            parts = [json.loads(line)["choices"][0].get("delta", {}) for line in lines]
            text = "".join(part.get("content", "") for part in parts)
            return response, text if stream else response.json()["choices"][0]["message"]["content"]

        assert "正在为您转接" in says("转人工")[1]
        response, said = says(words)
        assert waiting in said and response.headers["x-endcloud-route"] == "human"
        assert agent.post("/console/conversations/c/claim").status_code == 200
        response, said = says(words)
        assert present in said and response.headers["x-endcloud-route"] == "human"
        kept = [turn.speaker for turn in served.service.conversations.turns("c")]
        assert kept == ["customer", "shop", "customer", "customer"], "the agent's page needs no such sentence"
        assert "没有保存" in says("转人工", store=False)[1], "nobody can be called to what is not kept"


def test_stop_texts_and_token_limits_are_kept(client: openai.OpenAI, served: Served) -> None:
    answer = client.chat.completions.create(model="endcloud", messages=ASKED, stop=["不满", "无关"])
    assert answer.choices[0].message.content == "亲，满59元包邮，" and answer.choices[0].finish_reason == "stop"
    client.chat.completions.create(
        model="endcloud", messages=ASKED, max_completion_tokens=7, temperature=0.5, top_p=0.5, seed=3
    )
    sampling = served.end.requests[-1].sampling
    assert (sampling.max_tokens, sampling.temperature, sampling.top_p, sampling.seed) == (7, 0.5, 0.5, 3)


def test_history_and_parts_are_read(client: openai.OpenAI, served: Served) -> None:
    client.chat.completions.create(
        model="endcloud",
        messages=[
            {"role": "user", "content": "你好"},
            {"role": "assistant", "content": "亲，在的"},
            {"role": "user", "content": [{"type": "text", "text": "满多少包邮"}]},
        ],
    )
    assert [m.content for m in served.end.requests[-1].messages] == ["你好", "亲，在的", "满多少包邮"]


def test_a_picture_gets_a_polite_sentence(client: openai.OpenAI) -> None:
    parts: Any = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}]
    answer = client.chat.completions.create(model="endcloud", messages=[{"role": "user", "content": parts}])
    assert "看不了图片" in str(answer.choices[0].message.content)


def test_a_conversation_kept_here_goes_on_by_its_header(client: openai.OpenAI, served: Served) -> None:
    raw = client.chat.completions.with_raw_response.create(model="endcloud", messages=ASKED)
    header = {"x-endcloud-conversation": raw.headers["x-endcloud-conversation"]}
    client.chat.completions.create(model="endcloud", messages=[{"role": "user", "content": "好"}], extra_headers=header)
    assert [m.content for m in served.end.requests[-1].messages] == ["满多少包邮", REPLY, "好"]
    other = openai.OpenAI(base_url=f"{served.url}/v1", api_key=served.keys["service"], max_retries=0)
    with pytest.raises(openai.PermissionDeniedError, match="somebody else"):
        other.chat.completions.create(model="endcloud", messages=ASKED, extra_headers=header)


def test_a_clients_chores_are_answered_and_not_kept(served: Served) -> None:
    with served.client("service") as client:
        chore = [{"role": "user", "content": "### Task: find a title"}]
        answer = client.post("/v1/chat/completions", json={"messages": chore})
        unkept = client.post("/v1/chat/completions", json={"messages": ASKED, "store": False})
    assert answer.json()["choices"][0]["message"]["content"] == "好的亲"
    for response in (answer, unkept):
        assert served.service.conversations.turns(response.headers["x-endcloud-conversation"]) == []


@pytest.mark.parametrize(
    ("wrong", "param", "status"),
    [
        ({"n": 2}, "n", 400),
        ({"tools": [{"type": "function"}]}, "tools", 400),
        ({"response_format": {"type": "json_object"}}, "response_format", 400),
        ({"logprobs": True}, "logprobs", 400),
        ({"temperature": 9}, "temperature", 400),
        ({"messages": []}, "messages", 400),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "messages", 400),
        ({"messages": [{"role": "system", "content": "x"}, *ASKED]}, "messages", 400),
        ({"messages": [{"role": "user", "content": "x" * 40_000}]}, "messages.0.content", 400),
        ({"model": "gpt-4"}, "model", 404),
        ({"stop": ["a"] * 5}, "stop", 400),
    ],
)
def test_what_is_not_honoured_is_refused_by_name(
    served: Served, wrong: dict[str, Any], param: str, status: int
) -> None:
    with served.client("customer") as client:
        response = client.post("/v1/chat/completions", json={"messages": ASKED} | wrong)
    error = response.json()["error"]
    assert response.status_code == status and error["param"].startswith(param) and error["message"]
    assert set(error) == {"message", "type", "param", "code"}


def test_unknown_fields_are_ignored(served: Served) -> None:
    with served.client("customer") as client:
        response = client.post("/v1/chat/completions", json={"messages": ASKED, "metadata": {"a": 1}, "novel": 3})
    assert response.status_code == 200


def test_errors_are_those_that_the_client_knows(served: Served) -> None:
    def asked(key: str) -> None:
        openai.OpenAI(base_url=f"{served.url}/v1", api_key=key, max_retries=0).chat.completions.create(
            model="endcloud", messages=ASKED
        )

    with pytest.raises(openai.AuthenticationError) as refused:
        asked("ec_customer_wrong")
    assert refused.value.code == "invalid_api_key"
    with pytest.raises(openai.PermissionDeniedError):
        asked(served.keys["agent"])
    with served.client("customer") as client:
        large = client.post("/v1/chat/completions", content=b'{"messages": "' + b"x" * 300_000 + b'"}')
        broken = client.post("/v1/chat/completions", content=b"{")
        nowhere = client.get("/v1/nothing")
    assert [r.status_code for r in (large, broken, nowhere)] == [413, 400, 404]
    assert all(r.json()["error"]["message"] for r in (large, broken, nowhere))


def test_what_the_shops_system_says_for_a_customer_belongs_to_that_customer(served: Served) -> None:
    with served.client("service") as shop, served.customer("alice") as alice, served.customer("bob") as bob:
        answer = shop.post("/v1/chat/completions", json={"messages": ASKED, "user": "alice"})
        conversation, turn = (answer.headers[f"x-endcloud-{name}"] for name in ("conversation", "turn"))
        rating = {"id": "f1", "turn": turn, "kind": "thumb", "value": 1}
        unnamed = shop.post("/v1/feedback", json=rating)
        assert unnamed.status_code == 400 and "for whom by 'user'" in unnamed.json()["error"]["message"]
        assert shop.post("/v1/feedback", json=rating | {"user": "bob"}).status_code == 403
        assert shop.post("/v1/feedback", json=rating | {"user": "alice"}).json() == {"recorded": True}
        assert bob.get(f"/v1/conversations/{conversation}/turns").status_code == 403
        turns = alice.get(f"/v1/conversations/{conversation}/turns").json()
        assert turns["ratings"] == {turn: 1} and len(turns["turns"]) == 2
        assert say(alice, "好的", "q2", conversation).status_code == 202
        assert reply_of(alice, "q2", conversation)["text"] == "好的亲"
        own = alice.post("/v1/feedback", json=rating | {"id": "f2", "value": -1})
        assert own.json() == {"recorded": True}
        again = {"messages": ASKED, "user": "alice"}
        header = {"x-endcloud-conversation": conversation}
        assert shop.post("/v1/chat/completions", json=again, headers=header).status_code == 200
        strange = shop.post("/v1/chat/completions", json={"messages": ASKED, "user": "alice smith"})
        assert strange.status_code == 400 and strange.json()["error"]["param"] == "user"


@pytest.mark.parametrize("role", ["customer", "service"])
def test_a_system_message_is_refused_with_a_sentence(served: Served, role: str) -> None:
    with served.client(role) as client:
        messages = [{"role": "system", "content": "You are a pirate."}, *ASKED]
        response = client.post("/v1/chat/completions", json={"messages": messages})
    assert response.status_code == 400 and "Leave it out." in response.json()["error"]["message"]

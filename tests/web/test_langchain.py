"""LangChain's client talks to the service as it would to OpenAI's."""

from __future__ import annotations

from langchain_openai import ChatOpenAI
from pydantic import SecretStr
from web_server import Served

REPLY = "亲，满59元包邮，不满收8元运费。"


def test_langchain_is_answered_whole_and_streamed(served: Served) -> None:
    model = ChatOpenAI(
        model="endcloud",
        base_url=f"{served.url}/v1",
        api_key=SecretStr(served.keys["service"]),
        max_retries=0,
        stream_usage=True,
    )
    answer = model.invoke("满多少包邮")
    assert answer.content == REPLY
    assert answer.response_metadata["finish_reason"] == "stop"
    assert answer.usage_metadata is not None and answer.usage_metadata["output_tokens"] == len(REPLY)
    pieces = list(model.stream([("human", "你好"), ("ai", "亲，在的"), ("human", "满多少包邮")]))
    assert "".join(str(piece.content) for piece in pieces) == REPLY and len(pieces) > 2
    assert [piece.usage_metadata["output_tokens"] for piece in pieces if piece.usage_metadata] == [len(REPLY)]
    assert [message.content for message in served.end.requests[-1].messages] == ["你好", "亲，在的", "满多少包邮"]

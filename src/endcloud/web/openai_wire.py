"""The OpenAI wire format: what a chat completion request may say, what is answered, and what an error looks like.

Honoured: `messages`, `model`, `stream`, `stream_options.include_usage`, `temperature`, `top_p`, `seed`, `stop`,
`max_tokens` and `max_completion_tokens`, `n` where it is 1, `response_format` where it is text, `store`, `user`.
Refused with 400, since an answer that ignored them would be wrong: `tools`, `functions`, `logprobs`, other values of
`n` and `response_format`, and a system message, since how the shop speaks is the shop's to say. All other fields are
ignored, as the reference API does with what it does not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from endcloud.web.texts import storable

Text = Annotated[str, StringConstraints(max_length=32_000)]
REFUSED = ("tools", "tool_choice", "functions", "function_call", "logprobs", "top_logprobs", "audio", "modalities")


class _Loose(BaseModel):
    model_config = ConfigDict(extra="allow")


class Part(_Loose):
    """A piece of a message's content; only text is read."""

    type: str
    text: Text | None = None


class WireMessage(_Loose):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Text | list[Part] | None = None

    @property
    def text(self) -> str:
        if isinstance(self.content, str):
            return self.content
        return "\n".join(part.text for part in self.content or () if part.type == "text" and part.text)

    @property
    def has_picture(self) -> bool:
        return isinstance(self.content, list) and any(part.type not in ("text", "refusal") for part in self.content)


class StreamOptions(_Loose):
    include_usage: bool = False


class ResponseFormat(_Loose):
    type: str


class CompletionRequest(_Loose):
    """`POST /v1/chat/completions`."""

    model: Annotated[str, StringConstraints(max_length=200)] = ""
    messages: list[WireMessage] = Field(min_length=1, max_length=200)
    stream: bool = False
    stream_options: StreamOptions | None = None
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    seed: int | None = Field(None, ge=-(2**63), lt=2**63)
    stop: Text | list[Text] | None = None
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    n: int | None = None
    response_format: ResponseFormat | None = None
    store: bool | None = None
    user: Annotated[str, StringConstraints(max_length=200)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _storable(cls, data: Any) -> Any:
        return storable(data)

    @field_validator("stop")
    @classmethod
    def _few(cls, stop: str | list[str] | None) -> str | list[str] | None:
        if isinstance(stop, list) and (len(stop) > 4 or not all(stop)):
            raise ValueError("there may be four stop texts at most, none of them empty")
        return stop

    @property
    def stops(self) -> tuple[str, ...]:
        if isinstance(self.stop, str):
            return (self.stop,) if self.stop else ()
        return tuple(self.stop or ())

    def refused(self) -> tuple[str, str] | None:
        """The first parameter that is not honoured, and why; None where the request can be answered."""
        if self.n not in (None, 1):
            return "n", f"'n' is {self.n!r}; this service gives one answer. Leave it out or send 1."
        if self.response_format is not None and self.response_format.type != "text":
            return "response_format", f"The format {self.response_format.type!r} is not offered; replies are text."
        extra: Mapping[str, Any] = self.model_extra or {}
        for name in REFUSED:
            if extra.get(name) not in (None, False, [], {}, "none", "auto", ["text"]):
                return name, f"{name!r} is not offered by this service; leave it out."
        return None


def error_body(message: str, kind: str, *, param: str | None = None, code: str | None = None) -> dict[str, Any]:
    """What every error of this service looks like, so that the openai client can read it."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}

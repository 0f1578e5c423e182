"""What an operator can set about the service: the `[serving]` section of endcloud.toml.

A file of its own because it is read by other people than the rest: whoever runs the service, not whoever trains.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator


class ServingSettings(BaseModel):
    """Customers are served: `endcloud serve`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field(
        "127.0.0.1",
        min_length=1,
        description="Address to listen on. Anything but loopback opens the service to the network and needs a key made by `endcloud keys make`.",
    )
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on; 0 takes any free one and says which.")
    allowed_origins: tuple[Annotated[str, Field(pattern=r"^https?://[^/*\s]+$")], ...] = Field(
        (), description="Web addresses whose pages may embed the chat, such as https://shop.example. Empty: only ours."
    )
    answers: int = Field(
        64,
        ge=1,
        le=4096,
        description="Answers under way at once; the next is told to come again (429). More takes memory and slows each.",
    )
    body_bytes: int = Field(
        262_144, ge=1_024, description="Longest request in bytes. Lower refuses long histories, higher invites floods."
    )
    office_hours: str = Field(
        "09:00-21:00", description="When people answer. Outside of it customers read what happens next."
    )
    office_days: str = Field("1234567", description="Days on which people answer; 1 is Monday.")
    time_zone: str = Field("Asia/Shanghai", description="The zone of the office hours.")
    accept: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Show an end reply from this estimate on; leave it out for what `endcloud calibrate routes` chose. Higher asks the cloud more often.",
    )
    held_back: int | None = Field(
        None,
        ge=1,
        le=512,
        description="Tokens held back until a reply is judged; leave it out for what was calibrated. More judges better and shows the first word later.",
    )
    caution: str = Field("", description="What is said when nobody is sure; empty for the usual sentence.")
    calling: str = Field("", description="What is said when a person is called; empty for the usual sentence.")
    closed: str = Field(
        "", description="What is said outside office hours, with {hours} in it; empty for the usual sentence."
    )
    picture: str = Field("", description="What is said to a picture; empty for the usual sentence.")
    questions: tuple[Annotated[str, Field(min_length=1, max_length=40)], ...] = Field(
        (), description="Questions that the chat offers to begin with; a click asks them."
    )
    cloud_an_hour: int = Field(
        6,
        ge=0,
        description="Most answers that the cloud gives to one customer (an unknown visitor: in one conversation) in an hour, so that nobody spends the budget alone; after them the end model's caution and a person answer.",
    )
    memory_tokens: int = Field(
        64,
        ge=0,
        le=2_048,
        description="Tokens of the end model's prompt for what is known of a customer; 0 remembers nothing. More crowds out the conversation of a small model.",
    )
    lookup: str = Field(
        "",
        description="Who knows live facts (parcels, stock): the URL of the shop's own system, or a Python function as module:function. Empty: a person is called.",
    )
    lookup_seconds: float = Field(3.0, gt=0, le=60, description="How long a lookup may take before a person is called.")
    lookup_phrased: bool = Field(
        False,
        description="Off: a lookup's answer is told to the customer in its own words. On: the end model puts it into its own; only for models large enough.",
    )
    end_url: str = Field(
        "",
        description="An OpenAI-compatible server (vLLM, llama.cpp, SGLang) that answers in the end model's place; empty for the end model itself.",
    )
    end_model: str = Field("", description="The model's name at end_url.")
    end_key_variable: str = Field("", description="Environment variable with the key of end_url; empty: it needs none.")
    end_logprobs: bool = Field(
        True,
        description="Whether that server tells log-probabilities. Off: its replies are judged whole, so the first word comes later.",
    )
    end_is_ours: bool = Field(
        False,
        description="Says that end_url, although not on this machine, is the shop's own: it is then asked without a row in the upload ledger, and not paid from the budget.",
    )
    log: Literal["quiet", "requests"] = Field(
        "quiet", description="`requests` writes a line a request: method, route, status, milliseconds; never a name."
    )

    @field_validator("closed")
    @classmethod
    def _fillable(cls, sentence: str) -> str:
        try:
            sentence.format(hours="")
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError("may hold {hours} and no other brace") from error
        return sentence

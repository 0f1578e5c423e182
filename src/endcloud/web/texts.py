"""What a text that comes in must be: something that says something, and that every store can keep."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, model_validator

NAME_PATTERN = r"^[A-Za-z0-9_.:@-]+$"


def _says_something(text: str) -> str:
    if not text.strip():
        raise ValueError("it holds nothing but blanks; say something")
    return text


Name = Annotated[str, StringConstraints(min_length=1, max_length=80, pattern=NAME_PATTERN)]
Words = Annotated[str, StringConstraints(min_length=1, max_length=4_000), AfterValidator(_says_something)]
After = Annotated[str, StringConstraints(max_length=80, pattern=r"^[^\x00]*$")]
"""The name of what a reader has seen; one that is not known means that nothing was seen."""


def storable(value: Any) -> Any:
    """The value, unless a text in it holds the character NUL, which PostgreSQL keeps nowhere: raises ValueError."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str) and "\0" in one:
            raise ValueError("a text holds the character NUL, which cannot be kept; leave it out")
        if isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list):
            waiting += one
    return value


class Body(BaseModel):
    """What a request brings; fields that nobody knows are ignored."""

    model_config = ConfigDict(extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _storable(cls, data: Any) -> Any:
        return storable(data)

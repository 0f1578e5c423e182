"""The kinds of personal items, what recall is promised for each, and how many of each are planted.

`fixed`: a checksum or a fixed shape, recall 1.00. `structured`: the other structured kinds, 0.99. `cued`: names after
a cue or with a title, and addresses, 0.90.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Language = Literal["zh", "en"]
Promise = Literal["fixed", "structured", "cued"]

PROMISED: dict[Promise, float] = {"fixed": 1.00, "structured": 0.99, "cued": 0.90}


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of personal item, its language and how many values each half plants."""

    name: str
    language: Language
    promise: Promise
    count: int


KINDS = (
    Kind("mobile", "zh", "fixed", 480),
    Kind("landline", "zh", "fixed", 240),
    Kind("resident id", "zh", "fixed", 300),
    Kind("passport", "zh", "fixed", 200),
    Kind("bank card", "zh", "fixed", 300),
    Kind("credit code", "zh", "fixed", 200),
    Kind("plate", "zh", "fixed", 240),
    Kind("e-mail", "zh", "fixed", 300),
    Kind("long number", "zh", "fixed", 200),
    Kind("wechat", "zh", "structured", 260),
    Kind("qq", "zh", "structured", 260),
    Kind("alipay", "zh", "structured", 160),
    Kind("order", "zh", "structured", 300),
    Kind("parcel", "zh", "structured", 280),
    Kind("coordinates", "zh", "structured", 160),
    Kind("birth date", "zh", "structured", 260),
    Kind("address", "zh", "cued", 600),
    Kind("name", "zh", "cued", 480),
    Kind("title", "zh", "cued", 240),
    Kind("mobile", "en", "fixed", 260),
    Kind("social security", "en", "fixed", 120),
    Kind("bank card", "en", "fixed", 150),
    Kind("e-mail", "en", "fixed", 120),
    Kind("passport", "en", "structured", 80),
    Kind("order", "en", "structured", 120),
    Kind("parcel", "en", "structured", 120),
    Kind("coordinates", "en", "structured", 60),
    Kind("birth date", "en", "structured", 120),
    Kind("address", "en", "cued", 260),
    Kind("name", "en", "cued", 240),
    Kind("title", "en", "cued", 120),
)

"""Short-lived tokens signed with the shop's secret: who a customer is, who an anonymous visitor is, who logged in.

A customer's token is made on request of the shop's own system, which knows who is logged in there; a visitor's by
whoever opens the page. All are JSON Web Tokens (HS256), so that any library can read what they say and none
can make one without the secret.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import jwt

from endcloud.errors import AccessError
from endcloud.protocols import Clock

Kind = Literal["customer", "visitor", "staff"]

LIFETIMES: Mapping[Kind, timedelta] = {
    "customer": timedelta(hours=1),
    "visitor": timedelta(days=30),
    "staff": timedelta(hours=12),
}


@dataclass(frozen=True, slots=True)
class Token:
    """What a token says: of which kind it is, whom it names, and whatever else was put in."""

    kind: Kind
    subject: str
    claims: Mapping[str, Any]
    expires: datetime


class Tokens:
    """Makes and reads the tokens of one shop."""

    def __init__(self, secret: bytes, clock: Clock) -> None:
        # A key of its own: the shop's secret also hashes customers' ids, and one key has one use.
        self._key = hmac.new(secret, b"web tokens", hashlib.sha256).digest()
        self._clock = clock

    def make(self, kind: Kind, subject: str, **claims: str) -> str:
        expires = self._clock.now() + LIFETIMES[kind]
        return jwt.encode({"sub": subject, "kind": kind, "exp": expires, **claims}, self._key, algorithm="HS256")

    def read(self, token: str) -> Token:
        """Raises AccessError for a token that is not ours, or has expired."""
        try:
            # The shop's clock decides, not the machine's: a simulation has its own time.
            options: Any = {"require": ["sub", "exp", "kind"], "verify_exp": False}
            said = jwt.decode(token, self._key, algorithms=["HS256"], options=options)
        except jwt.InvalidTokenError as error:
            raise AccessError("The token was not signed by this shop; get a new one.") from error
        expires = datetime.fromtimestamp(said["exp"], self._clock.now().tzinfo)
        if expires <= self._clock.now():
            raise AccessError("The token has expired; get a new one.")
        return Token(said["kind"], said["sub"], said, expires)

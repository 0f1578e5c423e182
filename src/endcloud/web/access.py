"""Who may call what. Every route states its roles; one that states none cannot be added.

A caller shows a key (`ec_…`), a token signed by the shop, or the cookie of a login on the console. The cookie alone
changes nothing: a request that writes must bring the secret that the login answered with, which a foreign page
cannot read (protection against cross-site request forgery). A login lasts no longer than the key that it was made with.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, Protocol

from fastapi import APIRouter, Depends, Request
from fastapi.routing import APIRoute

from endcloud.errors import AccessError
from endcloud.serving.service import Visitor
from endcloud.web.tokens import Token, Tokens

Role = Literal["anyone", "visitor", "customer", "service", "agent", "reviewer", "admin"]
STAFF: tuple[Role, ...] = ("agent", "reviewer", "admin")
COOKIE = "endcloud_staff"
CSRF_HEADER = "x-csrf-token"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_REMEMBERED_SECONDS = 2.0
"""A revoked key or an ended login works this long at most: asking the store each time costs more than it is worth."""


class UnknownCallerError(AccessError):
    """The request shows nothing that says who calls, or something that opens nothing (HTTP 401)."""


class KnownKey(Protocol):
    """What is known of a key."""

    @property
    def name(self) -> str: ...

    @property
    def role(self) -> Any: ...


class Keys(Protocol):
    """The keys of the shop, and the logins that were made with them."""

    def find(self, key: str) -> KnownKey | None: ...

    def of_login(self, name: str, login: str) -> KnownKey | None:
        """The key of this name; None where it was revoked, or the login was ended."""
        ...

    def end_login(self, login: str, until: datetime) -> None: ...


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. `visitor` is whom conversations belong to, where that makes sense for the role."""

    role: Role
    name: str
    visitor: Visitor | None = None


class Gate:
    """Tells who calls, from what a request shows."""

    def __init__(self, keys: Keys, tokens: Tokens) -> None:
        self._keys = keys
        self._tokens = tokens
        self._known: dict[str, tuple[float, KnownKey | None]] = {}

    def caller(self, request: Request) -> Caller:
        """Raises AccessError for a key or token that opens nothing."""
        if shown := _bearer(request):
            return self._of_key(shown) if shown.startswith("ec_") else self._of_token(shown)
        if cookie := request.cookies.get(COOKIE):
            return self._of_cookie(request, cookie)
        return Caller("anyone", "")

    def must_look_up(self, request: Request) -> bool:
        """Whether telling the caller needs a look into the store, which an event loop must not wait for."""
        bearer = _bearer(request)
        if bearer and not bearer.startswith("ec_"):
            return False
        shown = bearer or request.cookies.get(COOKIE, "")
        known = self._known.get(shown)
        return bool(shown) and (known is None or known[0] < time.monotonic())

    def staff_key(self, shown: str) -> KnownKey | None:
        """The key, for a login."""
        return self._keys.find(shown) if shown.startswith("ec_") else None

    def end_login(self, cookie: str) -> None:
        """The cookie of a login opens nothing any more, whoever has kept a copy of it."""
        token = self._read(cookie)
        self._keys.end_login(str(token.claims.get("login", "")), token.expires)
        self._known.pop(cookie, None)

    def _looked_up(self, shown: str, find: Callable[[], KnownKey | None]) -> KnownKey | None:
        """What `find` says of a key or a cookie; asked again when that is too old."""
        now = time.monotonic()
        known = self._known.get(shown)
        if known is None or known[0] < now:
            if len(self._known) > 1_000:  # somebody guesses
                self._known.clear()
            known = self._known[shown] = (now + _REMEMBERED_SECONDS, find())
        return known[1]

    def _of_key(self, shown: str) -> Caller:
        key = self._looked_up(shown, lambda: self._keys.find(shown))
        if key is None:
            raise UnknownCallerError("This key is unknown or was revoked; ask the shop for another one.")
        return Caller(key.role, key.name, Visitor(f"key {key.name}"))

    def _of_token(self, shown: str) -> Caller:
        token = self._read(shown)
        if token.kind == "customer":
            return Caller("customer", token.subject, customer_named(token.subject))
        if token.kind == "visitor":
            return Caller("visitor", token.subject, Visitor(f"visitor {token.subject}"))
        raise AccessError("A login is shown by its cookie, not as a token.")

    def _read(self, shown: str) -> Token:
        try:
            return self._tokens.read(shown)
        except AccessError as error:
            raise UnknownCallerError(str(error)) from error

    def _of_cookie(self, request: Request, cookie: str) -> Caller:
        token = self._read(cookie)
        if token.kind != "staff":
            raise AccessError("This cookie is no login; log in again.")
        login = str(token.claims.get("login", ""))
        key = self._looked_up(cookie, lambda: self._keys.of_login(token.subject, login)) if login else None
        if key is None:
            raise UnknownCallerError("This login has ended, or its key was revoked; log in again.")
        secret = str(token.claims.get("csrf", ""))
        shown = request.headers.get(CSRF_HEADER, "")
        if request.method not in _SAFE and not (secret and hmac.compare_digest(secret, shown)):
            raise AccessError(f"A request that changes something needs the header {CSRF_HEADER!r} of your login.")
        role: Role = next((role for role in STAFF if role == key.role), "anyone")
        return Caller(role, key.name)


def customer_named(name: str) -> Visitor:
    """A customer of the shop, whether they come with a token of their own or the shop's system speaks for them."""
    return Visitor(f"customer {name}", name)


def _bearer(request: Request) -> str:
    """The key or token of a request; empty where it shows none."""
    scheme, _, shown = request.headers.get("authorization", "").partition(" ")
    return shown.strip() if scheme.lower() == "bearer" else ""


class Routes(APIRouter):
    """A router whose every route states who may call it: `@routes.get("/x", roles=("admin",))`.

    `admin` may call whatever any staff role may. `anyone` needs no key at all. A route that `takes_place` is refused
    while all places are taken (see `endcloud.web.limits`).
    """

    def open_to(
        self, method: str, path: str, roles: Iterable[Role], *, takes_place: bool = False, **kwargs: Any
    ) -> Callable[..., Any]:
        allowed = frozenset(roles)
        if not allowed:
            raise ValueError(f"{method} {path} states no role; say who may call it.")

        async def decide(request: Request) -> Caller:
            request.state.allowed = allowed
            return await _decided(request)

        def register(endpoint: Callable[..., Any]) -> Callable[..., Any]:
            self.add_api_route(
                path,
                endpoint,
                methods=[method],
                dependencies=[Depends(decide)],
                openapi_extra={"x-roles": sorted(allowed)} | ({"x-takes-place": True} if takes_place else {}),
                **kwargs,
            )
            return endpoint

        return register

    def get(self, path: str, *, roles: Iterable[Role], **kwargs: Any) -> Callable[..., Any]:  # type: ignore[override]
        return self.open_to("GET", path, roles, **kwargs)

    def post(self, path: str, *, roles: Iterable[Role], **kwargs: Any) -> Callable[..., Any]:  # type: ignore[override]
        return self.open_to("POST", path, roles, **kwargs)

    def put(self, path: str, *, roles: Iterable[Role], **kwargs: Any) -> Callable[..., Any]:  # type: ignore[override]
        return self.open_to("PUT", path, roles, **kwargs)

    def delete(self, path: str, *, roles: Iterable[Role], **kwargs: Any) -> Callable[..., Any]:  # type: ignore[override]
        return self.open_to("DELETE", path, roles, **kwargs)


def admitted(request: Request, allowed: frozenset[Role]) -> Caller:
    """The caller, where it is one of the `allowed`; raises AccessError otherwise. Kept on the request.

    Where anyone may call, nobody is asked who they are: a cookie that has expired or is another shop's on this host
    (cookies know no ports) would else lock a browser out of the very page to log in on.
    """
    gate: Gate = request.app.state.gate
    caller = Caller("anyone", "") if "anyone" in allowed else gate.caller(request)
    staff = caller.role == "admin" and bool(allowed & set(STAFF))
    if caller.role not in allowed and not staff:
        who = ", ".join(sorted(allowed))
        if caller.role == "anyone":
            raise UnknownCallerError(f"This is for {who}; send a key or token as 'Authorization: Bearer …'.")
        raise AccessError(f"This is for {who}; the request shows the role {caller.role!r}.")
    request.state.caller = caller
    return caller


async def still_admitted(request: Request) -> bool:
    """Whether the caller whom a route admitted is admitted now: a stream may outlive a key, a login or a token."""
    try:
        await _decided(request)
    except AccessError:
        return False
    return True


async def _decided(request: Request) -> Caller:
    gate: Gate = request.app.state.gate
    allowed: frozenset[Role] = request.state.allowed
    if "anyone" not in allowed and gate.must_look_up(request):
        return await asyncio.to_thread(admitted, request, allowed)
    return admitted(request, allowed)


async def caller_of(request: Request) -> Caller:
    """The caller that the route admitted; a dependency of endpoints, `async` since FastAPI gives others a thread."""
    caller: Caller = request.state.caller
    return caller


Calls = Annotated[Caller, Depends(caller_of)]


async def visitor_of(caller: Calls) -> Visitor:
    """Whom the conversations of this caller belong to. Raises AccessError for one who can have none."""
    if caller.visitor is None:
        raise AccessError("This login has no conversations of its own; use the console's.")
    return caller.visitor


Whose = Annotated[Visitor, Depends(visitor_of)]


def roles_of(route: APIRoute) -> frozenset[str]:
    """Who may call a route, as it states; the role matrix in the tests is made of this."""
    return frozenset((route.openapi_extra or {}).get("x-roles", ()))


def takes_place(route: APIRoute) -> bool:
    """Whether a call of this route is an answer under way, of which there are only so many at once."""
    return bool((route.openapi_extra or {}).get("x-takes-place"))

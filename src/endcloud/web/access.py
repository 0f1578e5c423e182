"""Who may call what. Every route states its roles; one that states none cannot be added.

A caller shows a key (`ec_…`), a token signed by the shop, or the cookie of a login on the console. The cookie alone
changes nothing: a request that writes must bring the secret that the login answered with, which a foreign page
cannot read (protection against cross-site request forgery).
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
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
"""A revoked key works this long at most: asking the store for every request costs more than it is worth."""


class UnknownCallerError(AccessError):
    """The request shows nothing that says who calls, or something that opens nothing (HTTP 401)."""


class KnownKey(Protocol):
    """What is known of a key."""

    @property
    def name(self) -> str: ...

    @property
    def role(self) -> Any: ...


class Keys(Protocol):
    """The keys of the shop."""

    def find(self, key: str) -> KnownKey | None: ...


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
        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and shown:
            return self._of_key(shown.strip()) if shown.startswith("ec_") else self._of_token(shown.strip())
        if cookie := request.cookies.get(COOKIE):
            return self._of_cookie(request, cookie)
        return Caller("anyone", "")

    def must_look_up(self, request: Request) -> bool:
        """Whether telling the caller needs a look into the store, which an event loop must not wait for."""
        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        known = self._known.get(shown.strip())
        return scheme.lower() == "bearer" and shown.startswith("ec_") and (known is None or known[0] < time.monotonic())

    def staff_key(self, shown: str) -> KnownKey | None:
        """The key, for a login."""
        return self._keys.find(shown) if shown.startswith("ec_") else None

    def _of_key(self, shown: str) -> Caller:
        now = time.monotonic()
        known = self._known.get(shown)
        if known is None or known[0] < now:
            if len(self._known) > 1_000:  # somebody guesses
                self._known.clear()
            known = self._known[shown] = (now + _REMEMBERED_SECONDS, self._keys.find(shown))
        key = known[1]
        if key is None:
            raise UnknownCallerError("This key is unknown or was revoked; ask the shop for another one.")
        return Caller(key.role, key.name, Visitor(f"key {key.name}"))

    def _of_token(self, shown: str) -> Caller:
        token = self._read(shown)
        if token.kind == "customer":
            return Caller("customer", token.subject, Visitor(f"customer {token.subject}", token.subject))
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
        secret = str(token.claims.get("csrf", ""))
        shown = request.headers.get(CSRF_HEADER, "")
        if request.method not in _SAFE and not (secret and hmac.compare_digest(secret, shown)):
            raise AccessError(f"A request that changes something needs the header {CSRF_HEADER!r} of your login.")
        role: Role = next((role for role in STAFF if role == token.claims.get("role")), "anyone")
        return Caller(role, token.subject)


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
            gate: Gate = request.app.state.gate
            if gate.must_look_up(request):
                return await asyncio.to_thread(admitted, request, allowed)
            return admitted(request, allowed)

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
    """The caller, where it is one of the `allowed`; raises AccessError otherwise. Kept on the request."""
    gate: Gate = request.app.state.gate
    caller = gate.caller(request)
    staff = caller.role == "admin" and bool(allowed & set(STAFF))
    if "anyone" not in allowed and caller.role not in allowed and not staff:
        who = ", ".join(sorted(allowed))
        if caller.role == "anyone":
            raise UnknownCallerError(f"This is for {who}; send a key or token as 'Authorization: Bearer …'.")
        raise AccessError(f"This is for {who}; the request shows the role {caller.role!r}.")
    request.state.caller = caller
    return caller


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

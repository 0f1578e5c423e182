"""What is known of customers, for the shop's own system and for the customers themselves.

The shop's system tells what it knows (`PUT /v1/customers/{id}`), and may read and erase it again. A customer reads
everything that is kept of them and erases it, with the token that the shop's system asked for; nobody else can.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Protocol

from fastapi import Body, Depends, Request
from pydantic import BeforeValidator, JsonValue, StringConstraints

from endcloud.errors import AccessError, NotFoundError
from endcloud.serving.service import Service
from endcloud.store.customers import Memory
from endcloud.web.access import Caller, Calls, Routes
from endcloud.web.customer_api import Serves
from endcloud.web.failures import RefusedRequest
from endcloud.web.texts import Name, storable
from endcloud.web.views import turn_view

_MOST_CHARACTERS = 8_000
FactName = Annotated[str, StringConstraints(min_length=1, max_length=80)]
Facts = Annotated[dict[FactName, JsonValue], Body(max_length=64), BeforeValidator(storable)]

routes = Routes()


class Customers(Protocol):
    """What is kept of customers."""

    def put(self, customer: str, facts: Mapping[str, Any]) -> None: ...

    def facts(self, customer: str) -> dict[str, Any]: ...

    def memories(self, customer: str) -> Sequence[Memory]: ...

    def forget(self, customer: str) -> dict[str, int]: ...


async def customers_of(request: Request) -> Customers:
    customers: Customers | None = request.app.state.customers
    if customers is None:
        raise NotFoundError("This service keeps nothing of customers.")
    return customers


Known = Annotated[Customers, Depends(customers_of)]


@routes.put("/v1/customers/{customer}", roles=("service",))
async def tell(customer: Name, facts: Facts, known: Known) -> dict[str, Any]:
    """Replaces what the shop's system tells of a customer, such as level and open orders; names stay as sent."""
    if len(str(facts)) > _MOST_CHARACTERS:
        raise RefusedRequest(400, f"That is more than {_MOST_CHARACTERS} characters of facts; tell what answers need.")
    await asyncio.to_thread(known.put, customer, facts)
    return {"customer": customer, "facts": facts}


@routes.get("/v1/customers/{customer}", roles=("service", "admin"))
async def told(customer: Name, known: Known, service: Serves) -> dict[str, Any]:
    """All that is kept of a customer."""
    return await _kept_of(customer, known, service)


@routes.delete("/v1/customers/{customer}", roles=("service", "admin"))
async def forgotten(customer: Name, known: Known) -> dict[str, Any]:
    """Erases all that is kept of a customer; answers how many rows of each kind went."""
    return {"customer": customer, "erased": await asyncio.to_thread(known.forget, customer)}


@routes.get("/v1/me", roles=("customer",))
async def mine(caller: Calls, known: Known, service: Serves) -> dict[str, Any]:
    """What is kept of whoever asks: facts from the shop, what they said of themself, their conversations."""
    return await _kept_of(_customer(caller), known, service)


@routes.delete("/v1/me", roles=("customer",))
async def forget_me(caller: Calls, known: Known) -> dict[str, Any]:
    """Erases all of it."""
    return {"erased": await asyncio.to_thread(known.forget, _customer(caller))}


def _customer(caller: Caller) -> str:
    """A customer's key is a client of the API, and nobody in particular."""
    if caller.visitor is None or not caller.visitor.customer:
        raise AccessError("This needs a customer's token, which the shop's system asks for; a key names no customer.")
    return caller.visitor.customer


async def _kept_of(customer: str, known: Customers, service: Service) -> dict[str, Any]:
    def read() -> dict[str, Any]:
        memories = [
            {"topic": one.topic, "text": one.text, "at": one.at.isoformat()} for one in known.memories(customer)
        ]
        conversations = {
            name: service.conversations.turns(name) for name in service.conversations.of_customer(customer)
        }
        return {
            "customer": customer,
            "facts": known.facts(customer),
            "memories": memories,
            "conversations": [
                {"id": name, "turns": [turn_view(turn) for turn in turns]} for name, turns in conversations.items()
            ],
        }

    return await asyncio.to_thread(read)

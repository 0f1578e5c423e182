"""Throws generated requests, valid and invalid, at every operation of the service's OpenAPI document."""

from __future__ import annotations

from collections import Counter
from typing import Any

import hypothesis
import schemathesis
from hypothesis.errors import Unsatisfiable
from schemathesis.generation import GenerationMode
from web_server import Served

ROLES = ("anyone", "visitor", "customer", "service", "agent", "reviewer", "admin")
Answers = Counter[tuple[str, int]]


def answers(served: Served, cases: int) -> Answers:
    """How often each operation answered with each status, over about `cases` requests; endless streams are left out.

    Each operation is asked by the first role that may call it, half of the time with what its schema forbids.
    """
    schema = schemathesis.openapi.from_dict(served.client("admin").get("/openapi.json").json())
    operations = [found.ok() for found in schema.get_all_operations()]
    operations = [one for one in operations if not one.path.endswith("/events")]
    each = -(-cases // (2 * len(operations)))
    seen: Answers = Counter()
    for operation in operations:
        headers = _headers(served, operation.definition.raw.get("x-roles", ["anyone"]))
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            _ask(served, operation, mode, each, headers, seen)
    return seen


def _ask(
    served: Served, operation: Any, mode: GenerationMode, most: int, headers: dict[str, str], seen: Answers
) -> None:
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    @hypothesis.settings(
        max_examples=most,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    def ask(case: Any) -> None:
        response = case.call(base_url=served.url, headers=headers, timeout=20)
        seen[operation.label, response.status_code] += 1

    try:
        ask()
    except Unsatisfiable:
        """Nothing can be wrong with a request that has no parameters."""


def _headers(served: Served, roles: list[str]) -> dict[str, str]:
    role = next(role for role in ROLES if role in roles)
    if role == "anyone":
        return {}
    if role in ("visitor", "customer"):
        client = served.visitor() if role == "visitor" else served.customer("anna")
        with client:
            return {"authorization": client.headers["authorization"]}
    return {"authorization": f"Bearer {served.keys[role]}"}

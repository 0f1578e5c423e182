"""`/openapi.json`: what the API takes and answers, for those who build on it."""

from __future__ import annotations

from typing import Any

from fastapi import Request

from endcloud.web.access import STAFF, Routes

routes = Routes()


@routes.get("/openapi.json", roles=("service", *STAFF), include_in_schema=False)
async def document(request: Request) -> dict[str, Any]:
    """The OpenAPI document. It names every route with its roles, which is nothing for passers-by."""
    found: dict[str, Any] = request.app.openapi()
    return found

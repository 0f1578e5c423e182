"""Whether the service lives and is ready: `/health` and `/ready`."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from endcloud.web.access import Routes

routes = Routes()


@routes.open_to("HEAD", "/health", roles=("anyone",), include_in_schema=False)
@routes.get("/health", roles=("anyone",))
async def health() -> dict[str, Any]:
    """Answers as long as the process can answer anything."""
    return {"status": "ok"}


@routes.open_to("HEAD", "/ready", roles=("anyone",), response_model=None, include_in_schema=False)
@routes.get("/ready", roles=("anyone",), response_model=None)
async def ready(request: Request) -> Response:
    """200 while answers are given, 503 while the service starts or ends."""
    up = bool(request.app.state.ready)
    return JSONResponse({"ready": up}, status_code=200 if up else 503)
